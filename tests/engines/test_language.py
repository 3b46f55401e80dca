"""The language model: streaming equals parallel, ONNX equals eager, sampling obeys mask, noise and temperature."""

import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor

from legando.engines.arranger import PLAN
from legando.engines.constraints import FORBIDDEN, LOGITS, PART_SLICES
from legando.engines.counter_rng import SCORE, gumbel
from legando.engines.language import START_TOKENS, LanguageConfig, LanguageModel, resolve_holds
from legando.engines.language_export import (
    INPUT_NAMES,
    OUTPUT_NAMES,
    export_inputs,
    export_onnx,
    load_language,
    save_language,
)
from legando.engines.score import HOLD, VOCABULARY_SIZES
from legando.realtime.controls import PARTS, STYLE_DIM

SMALL = LanguageConfig(width=48, layers=2, heads=3, hidden=64, head_hidden=32, window_ticks=12)


def small_model() -> LanguageModel:
    torch.manual_seed(1)
    return LanguageModel(SMALL).eval()


def random_tokens(b: int, t: int) -> Tensor:
    """Tokens with many holds, so that resolving them matters."""
    tokens = torch.stack([torch.randint(0, size, (b, t)) for size in VOCABULARY_SIZES], dim=-1)
    return torch.where(torch.rand(b, t, 5) < 0.4, torch.ones_like(tokens), tokens)


@torch.no_grad()
def test_streaming_equals_parallel_beyond_the_window() -> None:
    model, (b, t) = small_model(), (2, 40)
    tokens = random_tokens(b, t)
    style, held, plan = torch.rand(b, t, STYLE_DIM), torch.rand(b, t, 12), torch.rand(b, t, PLAN)
    position = torch.stack((torch.arange(t) % 16, torch.arange(t) // 16 % 8), dim=-1).expand(b, -1, -1)
    parallel = model(tokens, style, position, held, plan)
    state, previous = model.initial_state(b), torch.tensor([START_TOKENS] * b)
    for tick in range(t):
        mask = torch.full((b, LOGITS), FORBIDDEN)
        for part, name in enumerate(PARTS):  # force the given tokens: only they are allowed
            mask[:, PART_SLICES[name]].scatter_(1, tokens[:, tick, part : part + 1], 0.0)
        previous, logits, state = model.step(
            previous,
            style[:, tick],
            position[:, tick],
            held[:, tick],
            plan[:, tick],
            torch.zeros(b, LOGITS),
            mask,
            torch.ones(b, 1),
            state,
        )
        assert torch.equal(previous, tokens[:, tick])
        torch.testing.assert_close(logits, parallel[:, tick], rtol=1e-4, atol=1e-4)


def test_holds_resolve_to_what_sounds() -> None:
    tokens, sounding = random_tokens(3, 50)[..., :3], torch.tensor([[0, 5, 9]] * 3)
    expected = sounding.clone()
    resolved = resolve_holds(tokens, sounding)
    for tick in range(50):
        expected = torch.where(tokens[:, tick] == HOLD, expected, tokens[:, tick])
        assert torch.equal(resolved[:, tick], expected)


@torch.no_grad()
def test_context_older_than_the_window_of_all_layers_is_forgotten() -> None:
    """Memory is bounded: `layers` windows back at most, so a stream of any length costs and behaves the same."""
    model = small_model()
    a, b = random_tokens(1, 60), random_tokens(1, 60)
    reach = SMALL.layers * (SMALL.window_ticks - 1) + 2
    b[:, -reach:] = a[:, -reach:]
    b[:, -reach, :] = a[:, -reach, :] = torch.tensor([10, 3, 4, 5, 1])  # what sounds is known for certain
    zeros = [torch.zeros(1, 60, STYLE_DIM), torch.zeros(1, 60, 2, dtype=torch.int64)]
    zeros += [torch.zeros(1, 60, 12), torch.zeros(1, 60, PLAN)]
    torch.testing.assert_close(model(a, *zeros)[:, -1], model(b, *zeros)[:, -1])
    b[:, -3] = random_tokens(1, 1)[:, 0]
    assert not torch.allclose(model(a, *zeros)[:, -1], model(b, *zeros)[:, -1])


def test_onnx_equals_eager_while_sampling(tmp_path: Path) -> None:
    model = small_model()
    path = tmp_path / "language.onnx"
    export_onnx(model, path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    assert tuple(i.name for i in session.get_inputs()) == INPUT_NAMES
    assert tuple(o.name for o in session.get_outputs()) == OUTPUT_NAMES
    inputs = export_inputs(model)
    eager = dict(inputs)
    fed = {name: value.numpy() for name, value in inputs.items()}
    rng = np.random.default_rng(4)
    for tick in range(30):
        changes = {
            "noise": gumbel(8, SCORE, tick, LOGITS)[None],
            "style": rng.random((1, STYLE_DIM), dtype=np.float32),
            "position": np.array([[tick % 16, tick // 16]]),
            "held": (rng.random((1, 12)) < 0.3).astype(np.float32),
            "plan": rng.random((1, PLAN)).astype(np.float32),
            "mask": np.where(rng.random((1, LOGITS)) < 0.2, np.float32(FORBIDDEN), np.float32(0.0)),
            "temperature": np.array([[0.5 + 0.1 * (tick % 10)]], dtype=np.float32),
        }
        fed |= changes
        eager |= {name: torch.from_numpy(value) for name, value in changes.items()}
        got = dict(zip(OUTPUT_NAMES, session.run(None, fed), strict=True))
        state = model.initial_state()._replace(**{k: eager[k] for k in ("keys", "values", "length", "sounding")})
        with torch.no_grad():
            tokens, logits, after = model.step(
                eager["previous"],
                eager["style"],
                eager["position"],
                eager["held"],
                eager["plan"],
                eager["noise"],
                eager["mask"],
                eager["temperature"],
                state,
            )
        np.testing.assert_array_equal(got["tokens"], tokens.numpy())
        np.testing.assert_allclose(got["logits"], logits.numpy(), rtol=1e-4, atol=1e-4)
        fed |= {"previous": got["tokens"]} | {k: got[k + "_out"] for k in ("keys", "values", "length", "sounding")}
        eager |= {"previous": tokens} | after._asdict()


@torch.no_grad()
def sample(model: LanguageModel, *, seed: int = 0, temperature: float = 1.0, mask: Tensor | None = None) -> Tensor:
    inputs = export_inputs(model)
    state, previous, ticks = model.initial_state(), inputs["previous"], []
    for tick in range(40):
        noise = torch.from_numpy(gumbel(seed, SCORE, tick, LOGITS))[None]
        allowed = inputs["mask"] if mask is None else mask
        position = torch.tensor([[tick % 16, tick // 16 % 8]])
        previous, _, state = model.step(
            previous,
            inputs["style"],
            position,
            inputs["held"],
            inputs["plan"],
            noise,
            allowed,
            torch.tensor([[temperature]]),
            state,
        )
        ticks.append(previous[0])
    return torch.stack(ticks)


def test_forbidden_tokens_are_never_chosen_and_the_seed_decides() -> None:
    model = small_model()
    mask = torch.where(torch.rand(1, LOGITS) < 0.7, FORBIDDEN, 0.0)
    chosen = sample(model, seed=3, mask=mask)
    for part, name in enumerate(PARTS):
        assert (mask[0, PART_SLICES[name]][chosen[:, part]] == 0.0).all()
    assert torch.equal(sample(model, seed=3), sample(model, seed=3))
    assert not torch.equal(sample(model, seed=3), sample(model, seed=4))


def test_low_temperature_ignores_the_noise() -> None:
    model = small_model()
    assert torch.equal(sample(model, seed=3, temperature=1e-4), sample(model, seed=4, temperature=1e-4))


def test_model_learns_a_repeated_bar() -> None:
    torch.manual_seed(2)
    model = LanguageModel(SMALL)
    tokens = random_tokens(1, 16).repeat(8, 3, 1)
    style, held, plan = torch.zeros(8, 48, STYLE_DIM), torch.zeros(8, 48, 12), torch.zeros(8, 48, PLAN)
    position = torch.stack((torch.arange(48) % 16, torch.arange(48) // 16), dim=-1).expand(8, -1, -1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(60):
        logits = model(tokens, style, position, held, plan)
        rows = logits.split(list(VOCABULARY_SIZES), dim=-1)
        losses = [
            torch.nn.functional.cross_entropy(r.flatten(0, 1), tokens[..., p].flatten()) for p, r in enumerate(rows)
        ]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
    assert max(loss.item() for loss in losses) < 0.1


def test_weights_round_trip_and_other_files_are_refused(tmp_path: Path) -> None:
    model = small_model()
    save_language(model, tmp_path / "model.safetensors")
    again = load_language(tmp_path / "model.safetensors")
    assert again.config == SMALL
    assert torch.equal(sample(model, seed=5), sample(again, seed=5))


def test_default_step_is_cheap_on_one_thread(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = LanguageModel().eval()
    assert 2.0e6 < sum(p.numel() for p in model.parameters()) < 2.6e6
    path = tmp_path / "language.onnx"
    export_onnx(model, path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    fed = {name: value.numpy() for name, value in export_inputs(model).items()}
    times = []
    for _ in range(60):
        start = time.perf_counter_ns()
        session.run(None, fed)
        times.append(time.perf_counter_ns() - start)
    assert min(times) / 1e6 < 1.5  # the least of many: other work on the machine only adds
