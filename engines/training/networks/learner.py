"""What the trainings share: how a run begins, and how a network takes one step. [any]"""

from __future__ import annotations

import ctypes
import math
import sys

import torch
from torch import Tensor, nn

from legando.realtime.errors import LegandoError

EMA = 0.998
WARM_UP_STEPS = 200
MALLOC = ((-8, 1), (-4, 0), (-1, 2**31 - 1), (-2, 256 << 20))
"""One arena, no mapped blocks, no trimming, growth by 256 MB: M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD."""
CUDA_BATCH = 8
"""On a GPU batches are so many times larger: a step costs about the same until then."""


def begin(*, seed: int, threads: int, device: str) -> None:
    """Set threads and seed; refuse a device that is not there. Leaves no trace in checkpoints. [any]"""
    if device.split(":")[0] not in ("cpu", "cuda"):
        raise LegandoError(f"there is no device {device}; give cpu or cuda")
    if device.startswith("cuda"):
        if not torch.cuda.is_available():
            raise LegandoError(f"{device} is not there: torch {torch.__version__} sees no GPU; give --device cpu")
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    keep_freed_memory()
    torch.set_num_threads(threads)
    torch.manual_seed(seed)


def keep_freed_memory() -> None:
    """Tell the GNU C library to keep freed memory: a step's tensors are as large as the last one's. [any]

    Else each goes back to the kernel and costs page faults anew (a seventh of a step). Other libraries are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for parameter, value in MALLOC:
            mallopt(parameter, value)


def batch_size(on_cpu: int, device: str) -> int:
    """Return the batch for a device. [any]"""
    return on_cpu * CUDA_BATCH if device.startswith("cuda") else on_cpu


class Average(nn.Module):
    """An exponential moving average of a network's weights: what is kept for use. [any]"""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        for name, value in model.named_parameters():
            self.register_buffer(name.replace(".", "/"), value.detach().clone())

    @torch.no_grad()
    def update(self, model: nn.Module, decay: float) -> None:
        """Move towards the network's weights."""
        for name, value in model.named_parameters():
            self.get_buffer(name.replace(".", "/")).lerp_(value, 1.0 - decay)

    def weights(self) -> dict[str, Tensor]:
        """Return the averaged parameters under the network's own names."""
        return {name.replace("/", "."): value for name, value in self.named_buffers()}


class Learner:
    """A network, its optimizer and its average. [any]

    AdamW with gradients clipped to 1; the rate warms up, then follows a cosine down over the run.
    """

    def __init__(
        self, network: nn.Module, *, rate: float, betas: tuple[float, float], decay: float, ema: float = EMA
    ) -> None:
        self.network = network
        self.rate = rate
        self.ema = ema
        self.average = Average(network).to(next(network.parameters()).device)
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=rate, betas=betas, weight_decay=decay)

    def show(self, like: nn.Module) -> None:
        """Give another network of its kind the averaged weights, and what is not averaged as it is."""
        like.load_state_dict({**self.network.state_dict(), **self.average.weights()})

    def take(self, loss: Tensor, step: int, fraction: float) -> Tensor:
        """Take one step down the loss; return the norm of the gradient before it was clipped."""
        set_rate(self.optimizer, self.rate, fraction, step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        grad = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.average.update(self.network, min(self.ema, (step + 1) / (step + 10)))
        return grad


def set_rate(
    optimizer: torch.optim.Optimizer,
    peak: float,
    fraction: float,
    step: int,
    *,
    floor: float = 0.05,
    warm_up: int = WARM_UP_STEPS,
) -> None:
    """Warm up, then follow a cosine down to `floor` of the peak. [any]"""
    cosine = 0.5 * (1.0 + math.cos(math.pi * fraction))
    rate = peak * min(1.0, (step + 1) / warm_up) * (floor + (1.0 - floor) * cosine)
    for group in optimizer.param_groups:
        group["lr"] = rate
