"""The dual-path latent diffusion model: how the next chunk of the score sounds, given the sound so far. [engine]

Flow matching (Lipman et al., ICLR 2023) on the latents of one chunk: x_t = (1 - t) noise + t latents; the network says
the velocity latents - noise. After MeLoDy (Lam et al., NeurIPS 2023) it has two paths in each layer:

- fine: attention among the frames of the chunk and the `FINE_CONTEXT` frames before it;
- coarse: attention to the `COARSE_CONTEXT` chunks before it, each as one token, at constant cost.

Both then cross-attend to the score tokens of the latest ticks. The past is seen as clean latents: once a chunk is
made, one pass at t = 1 writes its keys and values into the state. Training runs a clean and a noisy copy of a sequence
side by side, where each noisy chunk sees only clean chunks before it, so that play sees what training saw.
Missing past is zero keys and values, in training as in play.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from legando.engines.score import VOCABULARY_SIZES
from legando.engines.timeline import ANCHOR_CHUNKS, FEATURES, TICK_WINDOW
from legando.realtime.controls import STYLE_DIM

FINE_CONTEXT = 12
COARSE_CONTEXT = 24
_MAX_CHUNK = 16
_AGE_TAUS_S = (0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DenoiserConfig:
    """Sizes of the denoiser."""

    latent: int = 64
    width: int = 256
    layers: int = 6
    heads: int = 4
    expansion: int = 3


class Past(NamedTuple):
    """State: keys and values of the chunks before, for each layer.

    fine: layers b heads FINE_CONTEXT d; coarse: layers b heads COARSE_CONTEXT d.
    """

    fine_keys: Tensor
    fine_values: Tensor
    coarse_keys: Tensor
    coarse_values: Tensor


class Conditions(NamedTuple):
    """What a chunk is conditioned on: frames b n FEATURES, style b 24, tick tokens b 8 5, tick ages b 8."""

    frames: Tensor
    style: Tensor
    tick_tokens: Tensor
    tick_ages_s: Tensor


def attend(query: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    """Return plain attention. query: b h n d; keys, values: b h m d; bias: h n m."""
    scores = query @ keys.transpose(-1, -2) * (1.0 / math.sqrt(query.shape[-1]))
    if bias is not None:
        scores = scores + bias
    return torch.softmax(scores, dim=-1) @ values


def _heads(x: Tensor, heads: int) -> Tensor:
    return rearrange(x, "b n (h d) -> b h n d", h=heads)


def _merge(x: Tensor) -> Tensor:
    return rearrange(x, "b h n d -> b n (h d)")


class Layer(nn.Module):
    """One layer: fine path, coarse path, score, MLP; each modulated by time and style (adaptive layer norm)."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(4))
        self.modulation = nn.Parameter(torch.zeros(8, width))
        self.fine_in = nn.Linear(width, 3 * width)
        self.fine_out = nn.Linear(width, width)
        self.fine_bias = nn.Parameter(torch.zeros(config.heads, 2 * _MAX_CHUNK + FINE_CONTEXT))
        self.coarse_query = nn.Linear(width, width)
        self.coarse_in = nn.Linear(width, 2 * width)
        self.coarse_out = nn.Linear(width, width)
        self.coarse_bias = nn.Parameter(torch.zeros(config.heads, 1, COARSE_CONTEXT))
        self.score_query = nn.Linear(width, width)
        self.score_in = nn.Linear(width, 2 * width)
        self.score_out = nn.Linear(width, width)
        self.up = nn.Linear(width, config.expansion * width)
        self.down = nn.Linear(config.expansion * width, width)

    def normed(self, x: Tensor, modulation: Tensor, index: int) -> Tensor:
        """Return the layer-normed input of stage `index`. x: b n c; modulation: b 8 c."""
        m = modulation + self.modulation
        y: Tensor = self.norms[index](x) * (1.0 + m[:, 2 * index, None]) + m[:, 2 * index + 1, None]
        return y

    def fine_projections(self, x: Tensor, modulation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, keys and values of the fine path, each b h n d."""
        q, k, v = self.fine_in(self.normed(x, modulation, 0)).chunk(3, dim=-1)
        return _heads(q, self.heads), _heads(k, self.heads), _heads(v, self.heads)

    def fine(self, x: Tensor, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Add fine-path attention; keys and values: context then own chunk."""
        n, m = query.shape[2], keys.shape[2]
        # distance in frames from key to query, always within the table for chunks of up to 16
        device = query.device
        distance = torch.arange(n, device=device)[:, None] + (m - n) - torch.arange(m, device=device)[None] + _MAX_CHUNK
        y: Tensor = self.fine_out(_merge(attend(query, keys, values, self.fine_bias[:, distance])))
        return x + y

    def coarse_projections(self, x: Tensor, modulation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the query b h n d, and the key and value of the whole chunk b h 1 d."""
        normed = self.normed(x, modulation, 1)
        k, v = self.coarse_in(normed.mean(1, keepdim=True)).chunk(2, dim=-1)
        return _heads(self.coarse_query(normed), self.heads), _heads(k, self.heads), _heads(v, self.heads)

    def coarse(self, x: Tensor, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Add coarse-path attention to the chunks before."""
        y: Tensor = self.coarse_out(_merge(attend(query, keys, values, self.coarse_bias)))
        return x + y

    def score_and_mlp(self, x: Tensor, modulation: Tensor, score: Tensor) -> Tensor:
        """Add attention to score tokens b 8 c, then the MLP."""
        k, v = self.score_in(score).chunk(2, dim=-1)
        q = _heads(self.score_query(self.normed(x, modulation, 2)), self.heads)
        x = x + self.score_out(_merge(attend(q, _heads(k, self.heads), _heads(v, self.heads), None)))
        hidden = nn.functional.gelu(self.up(self.normed(x, modulation, 3)), approximate="tanh")
        y: Tensor = self.down(hidden)
        return x + y


class Denoiser(nn.Module):
    """Velocity of the flow for one chunk, with the past as explicit state."""

    latent_mean: Tensor
    latent_scale: Tensor
    frequencies: Tensor

    def __init__(self, config: DenoiserConfig | None = None) -> None:
        super().__init__()
        self.config = config or DenoiserConfig()
        width = self.config.width
        self.register_buffer("latent_mean", torch.zeros(self.config.latent))
        self.register_buffer("latent_scale", torch.ones(self.config.latent))
        self.stem = nn.Linear(self.config.latent, width)
        self.frames = nn.Linear(FEATURES, width)
        to_modulation = nn.Linear(width, 8 * width)
        self.time = nn.Sequential(nn.Linear(64 + STYLE_DIM, width), nn.SiLU(), to_modulation)
        self.score_tables = nn.ModuleList(nn.Embedding(size, width) for size in VOCABULARY_SIZES)
        self.score_age = nn.Linear(2 + 2 * len(_AGE_TAUS_S), width)
        self.score_norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(Layer(self.config) for _ in range(self.config.layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, self.config.latent)
        frequencies = torch.exp(torch.linspace(0.0, math.log(200.0), 32))
        self.register_buffer("frequencies", frequencies, persistent=False)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            to_modulation.weight.mul_(0.1)
            to_modulation.bias.zero_()
            for table in self.score_tables:
                assert isinstance(table, nn.Embedding)
                nn.init.normal_(table.weight, std=0.3)

    def initial_state(self, batch: int = 1) -> Past:
        """Return the state before the first chunk."""
        c = self.config
        fine = self.out.weight.new_zeros(c.layers, batch, c.heads, FINE_CONTEXT, c.width // c.heads)
        coarse = self.out.weight.new_zeros(c.layers, batch, c.heads, COARSE_CONTEXT, c.width // c.heads)
        return Past(fine, fine.clone(), coarse, coarse.clone())

    def modulation(self, t: Tensor, style: Tensor) -> Tensor:
        """Return scales and shifts b 8 c. t: b; style: b 16."""
        angle = t[:, None] * self.frequencies
        y = self.time(torch.cat([torch.sin(angle), torch.cos(angle), style], dim=1))
        return cast(Tensor, rearrange(y, "b (k c) -> b k c", k=8))

    def score(self, tick_tokens: Tensor, tick_ages_s: Tensor) -> Tensor:
        """Return score tokens b 8 c: the sum of the parts' embeddings, and how long ago the tick was."""
        y = sum(table(tick_tokens[:, :, part]) for part, table in enumerate(self.score_tables))
        age = tick_ages_s.unsqueeze(2)
        features = [age, (age < 0).to(age.dtype)]
        features += [torch.exp(-torch.clamp(age, min=0.0) / tau) for tau in _AGE_TAUS_S]
        features += [torch.sin(age * (2.0 * math.pi / tau)) for tau in _AGE_TAUS_S]
        out: Tensor = self.score_norm(y + self.score_age(torch.cat(features, dim=2)))
        return out

    def step(self, x: tuple[Tensor, Tensor, Conditions], state: Past) -> tuple[Tensor, Past]:
        """Return the velocity b n 64 of one chunk and the state with this chunk as its newest past.

        x: (latents b n 64 normalised, t b, conditions). Keep the new state only of the pass over the finished chunk
        at t = 1.
        """
        latents, t, given = x
        modulation = self.modulation(t, given.style)
        score = self.score(given.tick_tokens, given.tick_ages_s)
        h = self.stem(latents) + self.frames(given.frames)
        new: list[list[Tensor]] = [[], [], [], []]
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            q, k, v = layer.fine_projections(h, modulation)
            keys, values = torch.cat([state.fine_keys[index], k], 2), torch.cat([state.fine_values[index], v], 2)
            h = layer.fine(h, q, keys, values)
            new[0].append(keys[:, :, -FINE_CONTEXT:])
            new[1].append(values[:, :, -FINE_CONTEXT:])
            q, k, v = layer.coarse_projections(h, modulation)
            h = layer.coarse(h, q, state.coarse_keys[index], state.coarse_values[index])
            new[2].append(torch.cat([state.coarse_keys[index][:, :, 1:], k], 2))
            new[3].append(torch.cat([state.coarse_values[index][:, :, 1:], v], 2))
            h = layer.score_and_mlp(h, modulation, score)
        return self.out(self.norm(h)), Past(*(torch.stack(part) for part in new))

    def forward(
        self, clean: Tensor, noisy: Tensor, t: Tensor, given: Conditions, anchored: Tensor | None = None
    ) -> Tensor:
        """Return the velocities of all chunks of a sequence at once, for training.

        clean, noisy: b c n 64; t: b c; given: frames b c n F, style b 24, tick tokens b c 8 5, tick ages b c 8.
        anchored: b, which sequences have their first `ANCHOR_CHUNKS` chunks in the coarse path's oldest places instead
        of the chunks that were there, as in play.
        """
        b, c, n, _ = clean.shape
        both = rearrange(torch.stack([clean, noisy]), "two b c n d -> (two b c) n d")
        times = torch.cat([torch.ones_like(t), t]).reshape(-1)
        style = repeat(given.style, "b s -> (two b c) s", two=2, c=c)
        frames = repeat(given.frames, "b c n f -> (two b c) n f", two=2)
        modulation = self.modulation(times, style)
        score = self.score(given.tick_tokens.flatten(0, 1), given.tick_ages_s.flatten(0, 1))
        score = torch.cat([score, score])
        h = self.stem(both) + self.frames(frames)

        def before(x: Tensor, chunks: int) -> Tensor:
            """For each chunk the clean ones before it: (two b c) h n d to (two b c) h (chunks n) d."""
            own = rearrange(x[: b * c], "(b c) h n d -> b c h n d", b=b)
            padded = nn.functional.pad(own, (0, 0, 0, 0, 0, 0, chunks, 0))[:, : c + chunks - 1]
            windows = rearrange(padded.unfold(1, chunks, 1), "b c h n d w -> (b c) h (w n) d")
            return torch.cat([windows, windows])

        def coarse_before(x: Tensor) -> Tensor:
            """The same for the coarse path, with anchors where asked for and where they are past by then."""
            windows = before(x, COARSE_CONTEXT)
            if anchored is None or c <= COARSE_CONTEXT:
                return windows
            own = rearrange(x[: b * c], "(b c) h 1 d -> b h c d", b=b)[:, :, :ANCHOR_CHUNKS]
            anchors = repeat(own, "b h w d -> (two b c) h w d", two=2, c=c)
            late = anchored[:, None] & (torch.arange(c, device=x.device) >= COARSE_CONTEXT)
            late = repeat(late, "b c -> (two b c) 1 1 1", two=2)
            oldest = torch.where(late, anchors, windows[:, :, :ANCHOR_CHUNKS])
            return torch.cat([oldest, windows[:, :, ANCHOR_CHUNKS:]], 2)

        for layer in self.layers:
            assert isinstance(layer, Layer)
            q, k, v = layer.fine_projections(h, modulation)
            span = FINE_CONTEXT // n
            h = layer.fine(h, q, torch.cat([before(k, span), k], 2), torch.cat([before(v, span), v], 2))
            q, k, v = layer.coarse_projections(h, modulation)
            h = layer.coarse(h, q, coarse_before(k), coarse_before(v))
            h = layer.score_and_mlp(h, modulation, score)
        velocity = self.out(self.norm(h[b * c :]))
        return cast(Tensor, rearrange(velocity, "(b c) n d -> b c n d", b=b))


assert TICK_WINDOW == 8
