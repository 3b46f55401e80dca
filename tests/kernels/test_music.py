"""The kernels play what the CPU engine plays: tokens of the language model, anchors and steps of the generator."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from legando.engines.anchor import AFTER_CHUNKS as ANCHOR_AFTER_CHUNKS
from legando.engines.anchor import Anchor
from legando.engines.constraints import FORBIDDEN, LOGITS, PART_SLICES
from legando.engines.counter_rng import SCORE, gumbel
from legando.engines.language import LanguageConfig, LanguageModel
from legando.engines.lean import LeanDenoiser
from legando.engines.timeline import ANCHOR_CHUNKS
from legando.kernels import history
from legando.kernels.sampler import GpuSampler, euler_step, starting_noise
from legando.kernels.shimdevice import Shim
from legando.kernels.tokens import GpuTokens, pack_heads
from legando.realtime.controls import STYLE_DIM
from legando.realtime.errors import LegandoError

STREAMS, TICKS = 4, 6


@torch.inference_mode()
def test_written_ticks_are_those_of_the_language_model(shim: Shim) -> None:
    torch.manual_seed(1)
    config = LanguageConfig(layers=1, window_ticks=8)
    model = LanguageModel(config).eval()
    for layer in model.to_logits:
        cast(torch.nn.Linear, layer).weight.mul_(8.0)  # so that likely and unlikely tokens differ, as after training
    trunk: list[torch.Tensor] = []
    model.norm.register_forward_hook(lambda module, given, out: trunk.append(out))
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    gpu = GpuTokens(shim, pack_heads(weights), streams=STREAMS, width=config.width, min_p=config.min_p)

    random = np.random.default_rng(2)
    state = model.initial_state(STREAMS)
    previous = torch.from_numpy(gpu.tokens.read())
    temperatures = np.array([[0.4], [0.9], [1.0], [1.7]], np.float32)
    held = 0
    for tick in range(TICKS):
        mask = np.where(random.random((STREAMS, LOGITS)) < 0.2, np.float32(FORBIDDEN), np.float32(0.0))
        if tick % 2:
            mask[:, PART_SLICES["bass"]] = FORBIDDEN
        mask[:, PART_SLICES["bass"].start + tick % 2] = 0.0  # every other tick the bass can but hold
        noise = np.stack([gumbel(seed, SCORE, tick, LOGITS) for seed in range(STREAMS)])
        position = torch.tensor([[tick, 0]] * STREAMS)
        style, plan = torch.randn(STREAMS, STYLE_DIM), torch.zeros(STREAMS, model.plan_in.in_features)
        drawn, allowed, daring = (torch.from_numpy(a) for a in (noise, mask, temperatures))
        nothing = torch.zeros(STREAMS, 12)
        previous, logits, state = model.step(previous, style, position, nothing, plan, drawn, allowed, daring, state)

        gpu.trunk.write(trunk[-1][:, 0].numpy())
        gpu.mask.host[...] = mask
        gpu.write_controls(range(STREAMS), [tick] * STREAMS, temperatures[:, 0].tolist())
        gpu.write()
        np.testing.assert_array_equal(gpu.tokens.read(), previous.numpy())
        np.testing.assert_array_equal(gpu.sounding.read(), state.sounding.numpy())
        np.testing.assert_allclose(gpu.logits.read(), logits.numpy(), atol=1e-4)
        held += int((previous == 1).sum())

        gpu.logits.write(logits.numpy())
        gpu.sample()
        np.testing.assert_array_equal(gpu.tokens.read(), previous.numpy())
    assert held > STREAMS


def test_the_anchor_is_the_generators(shim: Shim) -> None:
    """`LeanDenoiser.hold` itself, on a past shifted as the denoiser shifts it."""
    random = np.random.default_rng(3)
    past = {name: np.zeros((2, 1, 3, 24, 8), np.float32) for name in ("coarse_keys", "coarse_values")}
    stand_in = SimpleNamespace(
        current=past.__getitem__,
        _anchors={name: np.zeros_like(array[..., :ANCHOR_CHUNKS, :]) for name, array in past.items()},
    )
    anchor, modes = Anchor(), set()
    gpu = history.GpuHistory(
        shim, streams=1, layers=2, heads=3, size=8, fine=12, fine_new=4, coarse=24, anchor=ANCHOR_CHUNKS
    )
    gpu.reset()
    for chunk in range(ANCHOR_AFTER_CHUNKS * 2 + 60):
        style = np.full(STYLE_DIM, float(chunk >= ANCHOR_AFTER_CHUNKS + 30), np.float32)
        for index, array in enumerate(past.values(), start=2):
            fresh = random.standard_normal((2, 1, 3, 1, 8)).astype(np.float32)
            array[...] = np.concatenate((array, fresh), axis=3)[:, :, :, 1:]
            gpu.fresh[index].write(fresh)
        mode = anchor.next(style)
        modes.add(mode)
        LeanDenoiser.hold(cast(Any, stand_in), mode)
        gpu.roll([mode])
        for memory, array in zip(gpu.past[2:], past.values(), strict=True):
            np.testing.assert_array_equal(memory.read(), array)
    assert modes == {history.FREE, history.TAKE, history.HOLD}


def test_a_chunk_of_steps_is_the_generators() -> None:
    """The reference of the sampler against the lines of `Generator._denoise`."""
    random = np.random.default_rng(4)
    x = starting_noise(3, 5, 256)
    mine = x.copy()
    for _ in range(4):
        velocity = random.standard_normal(256).astype(np.float32)
        mine = euler_step(mine, velocity, 1 / 4)
        x += velocity * np.float32(1.0 / 4)
    np.testing.assert_array_equal(mine, x)


def test_a_stream_in_a_batch_is_the_stream_alone(shim: Shim) -> None:
    seeds, n = [5, 9, 13], 256
    velocity = np.random.default_rng(5).standard_normal((3, n)).astype(np.float16)
    together = GpuSampler(shim, streams=3, n=n, dtype=np.float16)
    alone = GpuSampler(shim, streams=1, n=n, dtype=np.float16)
    for gpu, which in ((together, [0, 1, 2]), (alone, [1])):
        gpu.write_controls([seeds[b] for b in which], [0 for _ in which])
        gpu.begin()
        gpu.velocity.write(velocity[which])
        gpu.step(0.5, last=False)
    np.testing.assert_array_equal(together.x.read()[1:2], alone.x.read())
    np.testing.assert_array_equal(together.noisy.read()[1:2], alone.noisy.read())


def test_wrong_sizes_are_refused_in_one_sentence(shim: Shim) -> None:
    with pytest.raises(LegandoError, match="at least one stream and number"):
        GpuSampler(shim, streams=1, n=0)
    with pytest.raises(LegandoError, match="multiple of 16 bytes"):
        history.GpuHistory(shim, streams=1, layers=1, heads=1, size=3, fine=12, fine_new=4, coarse=24, anchor=16)
    with pytest.raises(LegandoError, match="use pack_heads"):
        GpuTokens(shim, np.zeros(10, np.float32), streams=1, width=192, min_p=0.02)
    with pytest.raises(LegandoError, match=r"has no weight to_heads\.0\.weight"):
        pack_heads({})
