"""The tonal mouth of the decoder: a bank of harmonic oscillators, three for each harmonic of each voice. [engine]

One oscillator sits at the pitch, two lie a few cents above and below it, left and right, for width. A grain is worked
out around its middle, where cosines are even and sines odd: half the work gives both halves.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor, nn

from legando.engines.codec_config import CodecConfig
from legando.engines.timeline import GRAIN_FRAMES, KICK_PITCH, SAMPLE_RATE_HZ, SLOTS, VOICES

RELEASE_MAX_S = 1.0
_TEMPERED_LOW, _TEMPERED_COUNT = 24, 72


class OscillatorBank(nn.Module):
    """Harmonic oscillators: the network says how loud each harmonic of each voice is, the score its frequency."""

    TAUS_S = (0.02, 0.1, 0.4, 1.6)
    parts: Tensor
    order: Tensor
    offsets: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.harmonics = config.harmonics
        inputs = 7 + 2 * len(self.TAUS_S) + len(SLOTS)
        self.context = nn.Linear(config.width, config.voice_width)
        self.voice = nn.Linear(inputs, config.voice_width)
        self.hidden = nn.Linear(config.voice_width, 2 * config.voice_width)
        self.out = nn.Linear(2 * config.voice_width, 2 * config.harmonics + 1)
        parts = torch.zeros(VOICES, len(SLOTS))
        for index, (first, count) in enumerate(SLOTS.values()):
            parts[first : first + count, index] = 1.0
        self.register_buffer("parts", parts, persistent=False)
        self.register_buffer("order", torch.arange(1, config.harmonics + 1).float(), persistent=False)
        self.register_buffer("offsets", torch.arange(GRAIN_FRAMES).float() + 0.5, persistent=False)
        with torch.no_grad():
            slope = -1.2 * torch.log(torch.arange(1, config.harmonics + 1).float())
            self.out.bias.copy_(torch.cat([slope - 4.0, slope - 5.0, torch.zeros(1)]))
            self.out.weight.mul_(0.3)

    def loudness(self, hidden: Tensor, voices: Tensor) -> Tensor:
        """Return loudness b g v (left/right) (centre/wide) k. hidden: b g c; voices: b g v VOICE_FIELDS."""
        pitch, gate, velocity, age, release = (voices[..., i : i + 1] for i in range(5))
        scaled = (pitch - 60.0) / 24.0
        features = [
            scaled,
            scaled * scaled,
            torch.sin(3.0 * scaled),
            torch.cos(3.0 * scaled),
            gate,
            velocity,
            gate * velocity,
        ]
        features += [torch.exp(-age / tau) for tau in self.TAUS_S]
        features += [torch.exp(-release / tau) * (1.0 - gate) for tau in self.TAUS_S]
        parts = self.parts.expand(voices.shape[0], voices.shape[1], -1, -1)
        x = self.voice(torch.cat([*features, parts], dim=3)) + self.context(hidden).unsqueeze(2)
        x = nn.functional.gelu(self.hidden(nn.functional.gelu(x, approximate="tanh")), approximate="tanh")
        y = self.out(x)
        hz = 440.0 * torch.exp((pitch - 69.0) * (math.log(2.0) / 12.0))
        sounding = torch.clamp(gate + (1.0 - gate) * (1.0 - release / RELEASE_MAX_S), min=0.0)
        audible = torch.sigmoid((20_000.0 - hz * self.order) / 500.0) * sounding
        k = self.harmonics
        centre = torch.exp(y[..., :k].clamp(-12.0, 2.0)) * audible
        wide = torch.exp(y[..., k : 2 * k].clamp(-12.0, 2.0)) * audible
        pan = torch.tanh(y[..., 2 * k :])
        both = torch.stack([centre, wide], dim=3)
        return torch.stack([both * (1.0 - pan).unsqueeze(3), both * (1.0 + pan).unsqueeze(3)], dim=3)

    def partials(self, hidden: Tensor, voices: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each harmonic adds to the even and odd halves of each grain: two of b g v 2 k."""
        loudness = self.loudness(hidden, voices)  # b g v 2 2 k
        turns = voices[..., 5:8].unsqueeze(-1) * self.order
        angle = 2.0 * math.pi * (turns - torch.floor(turns))  # b g v 3 k
        sine, cosine = torch.sin(angle), torch.cos(angle)
        # the wide oscillators: the upper one goes left, the lower one right
        even = loudness[..., 0, :] * sine[..., :1, :] + loudness[..., 1, :] * sine[..., 1:, :]
        odd = loudness[..., 0, :] * cosine[..., :1, :] + loudness[..., 1, :] * cosine[..., 1:, :]
        return even, odd

    def grains(self, hidden: Tensor, voices: Tensor) -> Tensor:
        """Return the oscillators' grains b g 2 960, before the window, for any pitch.

        cos(k w s) and sin(k w s) come from the Chebyshev recurrence: one cosine and one sine for each voice.
        """
        even, odd = self.partials(hidden, voices)
        pitch = voices[..., 0:1]
        omega = (2.0 * math.pi * 440.0 / SAMPLE_RATE_HZ) * torch.exp((pitch - 69.0) * (math.log(2.0) / 12.0))
        angle = omega * self.offsets  # b g v 480
        cosine, sine = torch.cos(angle), torch.sin(angle)
        twice = 2.0 * cosine
        cosines, sines = [torch.ones_like(cosine), cosine], [torch.zeros_like(sine), sine]
        for _ in range(self.harmonics - 1):
            cosines.append(twice * cosines[-1] - cosines[-2])
            sines.append(twice * sines[-1] - sines[-2])
        e = even @ torch.stack(cosines[1:], dim=3)  # b g v 2 480
        o = odd @ torch.stack(sines[1:], dim=3)
        return join_halves(e.sum(2), o.sum(2))

    def tempered_grains(self, hidden: Tensor, voices: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
        """Return the same as `grains` for whole semitones, by one product for each pitch in use: for training."""
        even, odd = self.partials(hidden, voices)
        batch, grains = hidden.shape[:2]
        sounding = (voices[..., 1] > 0) | (voices[..., 4] < RELEASE_MAX_S)
        rows = sounding.reshape(-1).nonzero().squeeze(1)
        pitches = (voices[..., 0].reshape(-1)[rows] - _TEMPERED_LOW).round().long()
        pitches = torch.where(pitches < 0, _TEMPERED_COUNT, pitches)  # the kick
        grain_of = rows // voices.shape[2]
        flat_even, flat_odd = even.reshape(-1, 2, even.shape[-1])[rows], odd.reshape(-1, 2, odd.shape[-1])[rows]
        e = hidden.new_zeros(batch * grains, 2, GRAIN_FRAMES, dtype=torch.float32)
        o = torch.zeros_like(e)
        made_even, made_odd, where = [], [], []
        for pitch in pitches.unique().tolist():
            mine = (pitches == pitch).nonzero().squeeze(1)
            made_even.append(flat_even[mine] @ table[0][pitch])
            made_odd.append(flat_odd[mine] @ table[1][pitch])
            where.append(grain_of[mine])
        if where:
            e = e.index_add(0, torch.cat(where), torch.cat(made_even))
            o = o.index_add(0, torch.cat(where), torch.cat(made_odd))
        return rearrange(join_halves(e, o), "(b g) c s -> b g c s", b=batch)


def join_halves(even: Tensor, odd: Tensor) -> Tensor:
    """Return whole grains from their even and odd parts around the centre. (.., 480) twice to (.., 960)."""
    return torch.cat([torch.flip(even - odd, dims=[-1]), even + odd], dim=-1)


def harmonic_table(harmonics: int) -> tuple[Tensor, Tensor]:
    """Return cos and sin of k w s for the 72 tempered pitches and the kick's: each (73, harmonics, 480)."""
    tempered = torch.arange(_TEMPERED_LOW, _TEMPERED_LOW + _TEMPERED_COUNT)
    pitch = torch.cat([tempered, torch.tensor([KICK_PITCH])]).double()
    omega = 2.0 * math.pi * 440.0 / SAMPLE_RATE_HZ * 2.0 ** ((pitch - 69.0) / 12.0)
    order = torch.arange(1, harmonics + 1).double()
    half = torch.arange(GRAIN_FRAMES).double() + 0.5
    angle = omega[:, None, None] * order[:, None] * half
    return torch.cos(angle).float(), torch.sin(angle).float()
