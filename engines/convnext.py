"""The convolution block of the codec, with its streaming state. [engine]"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

KERNEL = 7


class ConvNeXt(nn.Module):
    """A causal ConvNeXt block (Liu et al., CVPR 2022): depthwise convolution, layer norm, two-layer MLP, residual."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, KERNEL, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, width * expansion)
        self.down = nn.Linear(width * expansion, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Continue from `state` (b, c, 6). x: b c t."""
        padded = torch.cat([state, x], dim=2)
        y = self.depthwise(padded)
        y = self.norm(rearrange(y, "b c t -> b t c"))
        y = self.down(nn.functional.gelu(self.up(y), approximate="tanh")) * self.scale
        return x + rearrange(y, "b t c -> b c t"), padded[:, :, -(KERNEL - 1) :]
