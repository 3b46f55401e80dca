"""The semantic language model: a decoder-only transformer that writes one tick of score tokens a step. [engine]

Two directions, as in MeLoDy's semantic model (arXiv 2305.15719) and the temporal/depth split of moshi
(arXiv 2410.00037), scaled to a score: the transformer runs along ticks with a sliding window and learned relative
positions; inside a tick small heads sample the parts one after another, chord first, so that bass and lead know the
harmony. `forward` is the parallel form for training, `step` the streaming form; both give the same logits. Sampling is
inside the step and has no randomness of its own: the caller brings Gumbel noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from legando.engines.arranger import PLAN
from legando.engines.constraints import FORBIDDEN
from legando.engines.score import BASS, CHORD, HOLD, LEAD, TICKS_PER_BAR, VOCABULARY_SIZES
from legando.realtime.controls import STYLE_DIM
from legando.realtime.errors import RigError

START_TOKENS = VOCABULARY_SIZES
"""`previous` before the first tick of a stream: one past each part's last token."""
SUSTAINED = (CHORD, BASS, LEAD)
"""The parts whose HOLD means "what sounded before"; the model is told what that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageConfig:
    """Sizes of the language model. `min_p` drops tokens less likely than this share of the likeliest one."""

    width: int = 192
    layers: int = 5
    heads: int = 6
    hidden: int = 672
    head_hidden: int = 128
    window_ticks: int = 128
    phrase_bars: int = 8
    min_p: float = 0.02

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise RigError(f"width {self.width} does not divide by {self.heads} heads")


class LanguageState(NamedTuple):
    """What one tick hands to the next. Shapes: keys, values (l, b, h, w, d) newest last; length (b,); sounding (b, 3).

    `sounding` holds the tokens that chord, bass and lead sound with, 0 for rest: HOLD resolved.
    """

    keys: Tensor
    values: Tensor
    length: Tensor
    sounding: Tensor


class Block(nn.Module):
    """Pre-norm attention and feed-forward, with one learned bias for each head and distance in ticks."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.window = config.window_ticks
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_forward = nn.LayerNorm(width)
        self.up = nn.Linear(width, config.hidden)
        self.down = nn.Linear(config.hidden, width)
        # Start as ALiBi (arXiv 2108.12409): each head forgets at its own rate; training makes beats and bars stand out.
        slopes = 2.0 ** -(torch.arange(config.heads) * 8.0 / config.heads + 2.0)
        self.distance_bias = nn.Parameter(-slopes[:, None] * torch.arange(self.window))  # h w

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        b, t, width = x.shape
        qkv = self.qkv(self.norm_attention(x)).view(b, t, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # b h t d
        return q / math.sqrt(width // self.heads), k, v

    def _finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        b, t, width = x.shape
        x = x + self.out(mixed.transpose(1, 2).reshape(b, t, width))
        return x + cast(Tensor, self.down(F.gelu(self.up(self.norm_forward(x)))))

    def forward(self, x: Tensor) -> Tensor:
        """Run all ticks (b, t, width) at once."""
        q, k, v = self._split(x)
        ticks = torch.arange(x.shape[1], device=x.device)
        distance = ticks[:, None] - ticks[None, :]
        outside = (distance < 0) | (distance >= self.window)
        bias = self.distance_bias[:, distance.clamp(0, self.window - 1)].masked_fill(outside, float("-inf"))
        weights = torch.softmax(q @ k.transpose(-1, -2) + bias, dim=-1)
        return self._finish(x, weights @ v)

    def step(self, x: Tensor, keys: Tensor, values: Tensor, empty: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run one tick (b, 1, width); shifts keys, values (b, h, w, d); `empty` (b, 1, 1, w) marks unused slots."""
        q, k, v = self._split(x)
        keys = torch.cat((keys[:, :, 1:], k), dim=2)
        values = torch.cat((values[:, :, 1:], v), dim=2)
        scores = q @ keys.transpose(-1, -2) + self.distance_bias.flip(-1)[:, None, :]
        weights = torch.softmax(scores.masked_fill(empty, FORBIDDEN), dim=-1)
        return self._finish(x, weights @ values), keys, values


class LanguageModel(nn.Module):
    """The whole model. Inputs for one tick are described at `step`."""

    def __init__(self, config: LanguageConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LanguageConfig()
        width, inner = config.width, config.head_hidden
        self.token_in = nn.ModuleList(nn.Embedding(size + 1, width) for size in VOCABULARY_SIZES)
        self.sounding_in = nn.ModuleList(nn.Embedding(VOCABULARY_SIZES[part], width) for part in SUSTAINED)
        self.tick_in = nn.Embedding(TICKS_PER_BAR, width)
        self.bar_in = nn.Embedding(config.phrase_bars, width)
        self.style_in = nn.Sequential(  # no biases: a zero vector means "no style given"
            nn.Linear(STYLE_DIM, width, bias=False), nn.GELU(), nn.Linear(width, width, bias=False)
        )
        self.held_in = nn.Linear(12, width, bias=False)
        self.plan_in = nn.Linear(PLAN, width, bias=False)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.to_heads = nn.ModuleList(nn.Linear(width, inner) for _ in VOCABULARY_SIZES)
        self.chosen_in = nn.ModuleList(nn.Embedding(size, inner) for size in VOCABULARY_SIZES)
        self.resolved_in = nn.ModuleList(nn.Embedding(VOCABULARY_SIZES[part], inner) for part in SUSTAINED)
        self.to_logits = nn.ModuleList(nn.Linear(inner, size) for size in VOCABULARY_SIZES)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.05)

    def _embed(
        self, previous: Tensor, sounding: Tensor, style: Tensor, position: Tensor, held: Tensor, plan: Tensor
    ) -> Tensor:
        x = self.tick_in(position[..., 0]) + self.bar_in(position[..., 1]) + self.style_in(style) + self.held_in(held)
        x = x + self.plan_in(plan)
        for part, table in enumerate(self.token_in):
            x = x + table(previous[..., part])
        for index, table in enumerate(self.sounding_in):
            x = x + table(sounding[..., index])
        return cast(Tensor, x)

    def _tell(self, part: int, token: Tensor, resolved: Tensor) -> Tensor:
        """What later parts of the tick hear about a choice: the token, and what it makes sound."""
        told = self.chosen_in[part](token)
        if part in SUSTAINED:
            told = told + self.resolved_in[SUSTAINED.index(part)](resolved)
        return cast(Tensor, told)

    def forward(
        self,
        tokens: Tensor,
        style: Tensor,
        position: Tensor,
        held: Tensor,
        plan: Tensor,
        previous: Tensor | None = None,
        sounding: Tensor | None = None,
    ) -> Tensor:
        """Return the logits (b, t, LOGITS) of every tick, given the tokens before it and inside it. [engine]

        tokens (b, t, 5) int64; style (b, t, STYLE_DIM); position (b, t, 2) int64; held (b, t, 12); plan
        (b, t, PLAN); `previous` (b, 5) and `sounding` (b, 3) are what came before the first tick: nothing, if left out.
        """
        b = tokens.shape[0]
        if previous is None:
            previous = torch.tensor(START_TOKENS, device=tokens.device).expand(b, -1)
        if sounding is None:
            sounding = torch.zeros(b, len(SUSTAINED), dtype=torch.int64, device=tokens.device)
        before = torch.cat((previous[:, None], tokens[:, :-1]), dim=1)
        resolved = resolve_holds(tokens[..., list(SUSTAINED)], sounding)
        sounding_before = torch.cat((sounding[:, None], resolved[:, :-1]), dim=1)
        x = self._embed(before, sounding_before, style, position, held, plan)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        told: Tensor | float = 0.0
        logits = []
        for part in range(len(VOCABULARY_SIZES)):
            logits.append(self.to_logits[part](F.gelu(self.to_heads[part](x) + told)))
            index = SUSTAINED.index(part) if part in SUSTAINED else 0
            told = told + self._tell(part, tokens[..., part], resolved[..., index])
        return torch.cat(logits, dim=-1)

    def initial_state(self, batch: int = 1) -> LanguageState:
        """Return the state before the first tick of a stream."""
        c = self.config
        shape = (c.layers, batch, c.heads, c.window_ticks, c.width // c.heads)
        device = self.norm.weight.device
        return LanguageState(
            keys=torch.zeros(shape, device=device),
            values=torch.zeros(shape, device=device),
            length=torch.zeros(batch, dtype=torch.int64, device=device),
            sounding=torch.zeros(batch, len(SUSTAINED), dtype=torch.int64, device=device),
        )

    def step(
        self,
        previous: Tensor,
        style: Tensor,
        position: Tensor,
        held: Tensor,
        plan: Tensor,
        noise: Tensor,
        mask: Tensor,
        temperature: Tensor,
        state: LanguageState,
    ) -> tuple[Tensor, Tensor, LanguageState]:
        """Sample one tick: return tokens (b, 5) int64, logits (b, LOGITS) before mask and temperature, next state.

        previous (b, 5) int64: the tick before, `START_TOKENS` at first; style (b, STYLE_DIM), zero for none; position
        (b, 2) int64: tick in bar, bar in phrase; held (b, 12): pitch classes that the performer holds; plan (b,
        PLAN): the arranger's row for this bar, zero for none; noise (b, LOGITS): standard Gumbel; mask (b, LOGITS): 0
        or FORBIDDEN; temperature (b, 1) above 0.
        """
        window = self.config.window_ticks
        length = torch.clamp(state.length + 1, max=window)
        slots = torch.arange(window, device=previous.device)
        empty = (slots[None, :] < window - length[:, None])[:, None, None, :]
        x = self._embed(previous, state.sounding, style, position, held, plan)[:, None]  # b 1 width
        keys, values = [], []
        for index, block in enumerate(self.blocks):
            x, k, v = cast(Block, block).step(x, state.keys[index], state.values[index], empty)
            keys.append(k)
            values.append(v)
        x = self.norm(x)[:, 0]
        told: Tensor | float = 0.0
        logits, tokens = [], []
        sounding = list(state.sounding.unbind(1))
        sizes = list(VOCABULARY_SIZES)
        allowed, gumbel = torch.split(mask, sizes, dim=1), torch.split(noise, sizes, dim=1)
        for part in range(len(VOCABULARY_SIZES)):
            row = self.to_logits[part](F.gelu(self.to_heads[part](x) + told))
            scaled = row / temperature + allowed[part]
            unlikely = scaled < scaled.amax(dim=1, keepdim=True) + math.log(self.config.min_p)
            token = torch.argmax((scaled + gumbel[part]).masked_fill(unlikely, FORBIDDEN), dim=1)
            resolved = token
            if part in SUSTAINED:
                index = SUSTAINED.index(part)
                resolved = sounding[index] = torch.where(token == HOLD, sounding[index], token)
            told = told + self._tell(part, token, resolved)
            logits.append(row)
            tokens.append(token)
        after = LanguageState(torch.stack(keys), torch.stack(values), length, torch.stack(sounding, dim=1))
        return torch.stack(tokens, dim=1), torch.cat(logits, dim=1), after


def resolve_holds(tokens: Tensor, sounding: Tensor) -> Tensor:
    """Replace each HOLD by what sounds: tokens (b, t, n), `sounding` (b, n) before the first tick. [engine]"""
    whole = torch.cat((sounding[:, None], tokens), dim=1)
    ticks = torch.arange(whole.shape[1], device=whole.device)[None, :, None]
    struck = torch.where(whole == HOLD, torch.zeros_like(whole), ticks)
    return torch.gather(whole, 1, struck.cummax(dim=1).values)[:, 1:]
