"""Distil the flow: a student of the same network that needs two steps where its teacher needs eight or more. [any]

The teacher follows its flow from noise to latents in `TEACHER_STEPS` Euler steps, given the clean past. Noise and end
are a pair from then on, and the student learns to go straight from one to the other (the reflow of Liu et al., ICLR
2023; InstaFlow, Liu et al., ICLR 2024). It is trained on its own path: two Euler steps, now and then four, and from
each of its states one long step must land on the teacher's end. The gradient runs through all of them, so later steps
learn to mend what earlier ones missed, and 1, 2 and 4 steps all work. The graph stays as it is. The past is lightly
noised as in the teacher's training, and style is dropped as often.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from einops import rearrange, repeat
from torch import Tensor

from legando.engines.codec_config import CodecConfig
from legando.engines.denoiser import COARSE_CONTEXT, FINE_CONTEXT, Conditions, Denoiser, DenoiserConfig, Layer, Past
from legando.engines.timeline import ANCHOR_CHUNKS
from legando.engines.training.networks.batches import CHUNK_LATENTS, Crops, prepare
from legando.engines.training.networks.checkpoint import CHECKPOINT, PREVIOUS, digest, read_model
from legando.engines.training.networks.learner import Learner, batch_size, begin
from legando.engines.training.networks.pictures import draw_flow
from legando.engines.training.networks.progress import Run
from legando.engines.training.networks.train_codec import averaged_codec
from legando.engines.training.networks.train_flow import ANCHORED, CONTEXT_NOISE, LatentStore, conditions
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

if TYPE_CHECKING:
    from legando.engines.training.music.fresh import FreshPieces

CROP_LATENTS = 192
BATCH = 2
TEACHER_STEPS = 8
PEAK_RATE = 2e-4
EMA = 0.99
REUSE = 2
"""Steps taken on each of the teacher's batches: it costs as much as one of them."""
FIRST_WEIGHT = 0.1
"""Weight of a long step from a state that is not the last: enough for fewer steps to work, not to spoil the end."""
VALIDATION_STEPS = (1, 2, 4)
TEACHER = "teacher.txt"
"""File in the run folder: the digest of the teacher's weights."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """One batch of the teacher's work: past and conditions of every chunk, noise, and where the noise is to end.

    past, noise, end: b c n 64; anchored: b, as in `Denoiser.forward`.
    """

    past: Tensor
    given: Conditions
    anchored: Tensor
    noise: Tensor
    end: Tensor


def pasts(model: Denoiser, clean: Tensor, given: Conditions, anchored: Tensor) -> Past:
    """Return the state before each chunk of clean sequences, chunks as rows: one pass for all of them. [any]

    clean: b c n 64; anchored: b. The state is what `Denoiser.step` would have after the chunks before it.
    """
    b, c, n, _ = clean.shape
    flat = per_chunk(given)
    modulation = model.modulation(clean.new_ones(b * c), flat.style)
    score = model.score(flat.tick_tokens, flat.tick_ages_s)
    h = model.stem(clean.flatten(0, 1)) + model.frames(flat.frames)

    def before(x: Tensor, chunks: int) -> Tensor:
        own = rearrange(x, "(b c) h n d -> b c h n d", b=b)
        padded = torch.nn.functional.pad(own, (0, 0, 0, 0, 0, 0, chunks, 0))[:, : c + chunks - 1]
        return rearrange(padded.unfold(1, chunks, 1), "b c h n d w -> (b c) h (w n) d")

    late = anchored[:, None] & (torch.arange(c, device=clean.device) >= COARSE_CONTEXT)
    late = rearrange(late, "b c -> (b c) 1 1 1")

    def coarse_before(x: Tensor) -> Tensor:
        windows = before(x, COARSE_CONTEXT)
        if c <= COARSE_CONTEXT:
            return windows
        first = rearrange(x, "(b c) h 1 d -> b h c d", b=b)[:, :, :ANCHOR_CHUNKS]
        anchors = repeat(first, "b h w d -> (b c) h w d", c=c)
        oldest = torch.where(late, anchors, windows[:, :, :ANCHOR_CHUNKS])
        return torch.cat([oldest, windows[:, :, ANCHOR_CHUNKS:]], 2)

    parts: list[list[Tensor]] = [[], [], [], []]
    for layer in model.layers:
        assert isinstance(layer, Layer)
        q, k, v = layer.fine_projections(h, modulation)
        old = before(k, FINE_CONTEXT // n), before(v, FINE_CONTEXT // n)
        h = layer.fine(h, q, torch.cat([old[0], k], 2), torch.cat([old[1], v], 2))
        parts[0].append(old[0])
        parts[1].append(old[1])
        q, k, v = layer.coarse_projections(h, modulation)
        far = coarse_before(k), coarse_before(v)
        h = layer.coarse(h, q, *far)
        parts[2].append(far[0])
        parts[3].append(far[1])
        h = layer.score_and_mlp(h, modulation, score)
    return Past(*(torch.stack(part) for part in parts))


def per_chunk(given: Conditions) -> Conditions:
    """Return the conditions with each chunk as a row of its own. [any]"""
    chunks = given.frames.shape[1]
    return Conditions(
        given.frames.flatten(0, 1),
        repeat(given.style, "b s -> (b c) s", c=chunks),
        given.tick_tokens.flatten(0, 1),
        given.tick_ages_s.flatten(0, 1),
    )


@torch.no_grad()
def follow(
    model: Denoiser,
    past: Tensor,
    given: Conditions,
    anchored: Tensor,
    noise: Tensor,
    steps: int,
    guidance: float = 1.0,
) -> Tensor:
    """Follow the flow from noise to latents for every chunk of clean sequences. past, noise: b c n 64. [any]

    `guidance` other than 1 exaggerates what style changes (Ho & Salimans 2022), as the generator does.
    """
    device = noise.device.type
    with torch.autocast(device, torch.bfloat16):
        flat, state = per_chunk(given), pasts(model, past, given, anchored)
        plain = Conditions(flat.frames, torch.zeros_like(flat.style), flat.tick_tokens, flat.tick_ages_s)
        x = noise.flatten(0, 1)
        for index in range(steps):
            t = x.new_full((len(x),), index / steps)
            velocity = model.step((x, t, flat), state)[0].float()
            if guidance != 1.0:
                without = model.step((x, t, plain), state)[0].float()
                velocity = without + guidance * (velocity - without)
            x = x + velocity / steps
    return cast(Tensor, x.unflatten(0, noise.shape[:2]))


def student_loss(student: Denoiser, pairs: Pairs, steps: int) -> Tensor:
    """Return how far from the teacher's ends one long step from each of the student's own states lands. [any]"""
    with torch.autocast(pairs.noise.device.type, torch.bfloat16):
        flat, state = per_chunk(pairs.given), pasts(student, pairs.past, pairs.given, pairs.anchored)
        x, end = pairs.noise.flatten(0, 1), pairs.end.flatten(0, 1)
        losses = []
        for index in range(steps):
            t = index / steps
            velocity = student.step((x, x.new_full((len(x),), t), flat), state)[0].float()
            distance = (x + (1.0 - t) * velocity - end).square().mean()
            losses.append(distance if index == steps - 1 else FIRST_WEIGHT * distance)
            x = x + velocity / steps
    return torch.stack(losses).sum()


class Teacher:
    """The frozen flow model, and the batches it prepares for the student. [any]"""

    def __init__(
        self, flow_run: Path, device: str, *, guidance: float = 1.0, config: DenoiserConfig | None = None
    ) -> None:
        self.model = Denoiser(config).to(device).requires_grad_(False)
        self.model.load_state_dict(denoiser_weights(flow_run))
        self.guidance = guidance

    def pairs(self, clean: Tensor, given: Conditions, *, noised: bool = True) -> Pairs:
        """Return noise and end for every chunk of clean sequences b c n 64."""
        level = CONTEXT_NOISE * torch.rand(len(clean), 1, 1, 1, device=clean.device) if noised else 0.0
        past = clean + level * torch.randn_like(clean)
        noise = torch.randn_like(clean)
        anchored = torch.rand(len(clean), device=clean.device) < ANCHORED
        end = follow(self.model, past, given, anchored, noise, TEACHER_STEPS, self.guidance)
        return Pairs(past, given, anchored, noise, end)

    def normalised(self, latents: Tensor) -> Tensor:
        """Return latents b n 64 as the network sees them, chunk by chunk: b c n 64."""
        z = (latents - self.model.latent_mean) / self.model.latent_scale
        return rearrange(z, "b (c n) d -> b c n d", n=CHUNK_LATENTS)


def denoiser_weights(flow_run: Path) -> dict[str, Tensor]:
    """Return a flow or distil run's averaged weights. [any]"""
    weights = read_model(flow_run, "denoiser")
    average = {name.replace("/", "."): value for name, value in read_model(flow_run, "average").items()}
    return {**weights, **average}


def is_student_of(folder: Path, flow_run: Path) -> bool:
    """Return whether a distil run's teacher is what a flow run holds now. [any]"""
    path = folder / TEACHER
    return path.is_file() and path.read_text().strip() == digest(denoiser_weights(flow_run), "")


def _know_teacher(folder: Path, teacher: Denoiser) -> None:
    """Note who teaches; a student of another teacher is let go, for its noise leads elsewhere."""
    name = digest({key: value.cpu() for key, value in teacher.state_dict().items()}, "")
    path = folder / TEACHER
    if path.is_file() and path.read_text().strip() != name:
        print(f"{folder} holds the student of an earlier flow; starting afresh", file=sys.stderr, flush=True)
        for old in (CHECKPOINT, PREVIOUS):
            (folder / old).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        part.write_text(name + "\n")


@torch.no_grad()
def distances(model: Denoiser, pairs: Pairs, steps: tuple[int, ...] = VALIDATION_STEPS) -> dict[str, float]:
    """Return the mean squared distance to the teacher's ends, from the same noise, for each number of steps. [any]

    In units of the latents' variance (they are normalised).
    """
    out = {}
    for count in steps:
        made = follow(model, pairs.past, pairs.given, pairs.anchored, pairs.noise, count)
        out[str(count)] = float((made - pairs.end).square().mean())
    return out


def train(
    data: Path,
    spectral_run: Path,
    flow_run: Path,
    folder: Path,
    *,
    seconds: float,
    threads: int = 1,
    device: str = "cpu",
    limit: int | None = None,
    guidance: float = 1.0,
    validate_every: int = 100,
    fresh: FreshPieces | None = None,
    config: DenoiserConfig | None = None,
    codec_config: CodecConfig | None = None,
) -> None:
    """Distil `flow_run` for `seconds` in all; resumes what `folder` holds. [any]

    Logs `student_n`, the distance of the student's n steps from the teacher's eight, and the same of the teacher,
    `teacher_n`, on crops that the student never trains on.
    """
    begin(seed=3, threads=threads, device=device)
    teacher = Teacher(flow_run, device, guidance=guidance, config=config)
    codec = averaged_codec(spectral_run, device=device, config=codec_config)
    pieces = prepare(data, limit)
    if len(pieces) < 2:
        raise LegandoError(f"{data} holds {len(pieces)} piece; distilling keeps one apart, so make at least two")
    latents = LatentStore(codec, pieces, device)
    apart = max(1, min(6, len(pieces) // 10))
    judged = Crops(pieces[-apart:], CROP_LATENTS, 2 * BATCH, seed=5)
    held = judged.next()
    torch.manual_seed(11)
    exam = teacher.pairs(teacher.normalised(latents(judged, held)), conditions(held, device, 0.0), noised=False)
    reference = {f"teacher_{name}": value for name, value in distances(teacher.model, exam).items()}
    _know_teacher(folder, teacher.model)
    student = Denoiser(config).to(device)
    student.load_state_dict(teacher.model.state_dict())
    learner = Learner(student, rate=PEAK_RATE, betas=(0.9, 0.98), decay=0.01, ema=EMA)
    run = Run(folder, seconds=seconds)
    run.restore({"denoiser": student, "average": learner.average}, {"adam": learner.optimizer})
    crops = Crops(pieces[:-apart], CROP_LATENTS, batch_size(BATCH, device), seed=3_000_000 + run.step, fresh=fresh)
    shown = Denoiser(config).to(device).requires_grad_(False)

    def show() -> Denoiser:
        learner.show(shown)
        return shown

    run.draw = lambda to: draw_flow(to, show(), codec, judged.pieces[0], steps=2)
    pairs: Pairs | None = None
    for step in run.steps():
        if pairs is None or step % REUSE == 0:
            batch = crops.next()
            pairs = teacher.pairs(teacher.normalised(latents(crops, batch)), conditions(batch, device))
        loss = student_loss(student, pairs, 4 if step % 5 == 4 else 2)
        grad = learner.take(loss, step, run.fraction)
        run.log(loss=loss, grad=grad)
        if step % validate_every == 0:
            run.log(**reference, **{f"student_{name}": value for name, value in distances(show(), exam).items()})
