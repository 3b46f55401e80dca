"""Decoders of RAVE and EnCodec with random weights, for their speed alone; runs in the environment `codecs`. [engine]

Nothing of legando is imported here: the environment has it not. Weights do not change how long a dense layer takes, so
random ones tell the cost; how it sounds is another question. One thread. RAVE decodes with its own cached convolutions,
as it does in play; EnCodec's decoder is given a chunk without its past, as its own streaming has none.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

LENGTHS_S = {"80 ms": 0.08, "1 s": 1.0}


def rave() -> tuple[Any, Any, float, int]:
    """Return RAVE v2, its decoder, its latent frames a second and their width."""
    gin, cached, module = (importlib.import_module(name) for name in ("gin", "cached_conv", "rave"))
    cached.use_cached_conv(True)
    gin.parse_config_files_and_bindings([str(module.BASE_PATH / "configs" / "v2.gin")], [])
    model = module.RAVE().eval()
    ratio = 16 * 4 * 4 * 4 * 2  # bands of its filter bank and strides of its decoder, configs/v2.gin
    return model, model.decode, model.sr / ratio, model.latent_size


def encodec(rate: int) -> tuple[Any, Any, float, int]:
    """Return EnCodec for 24 kHz mono or 48 kHz stereo, its decoder, its latent frames a second and their width."""
    model_class = importlib.import_module("encodec").EncodecModel
    make = model_class.encodec_model_48khz if rate == 48_000 else model_class.encodec_model_24khz
    model = make(pretrained=False).eval()
    return model, model.decoder, float(model.frame_rate), 128


MAKERS: dict[str, Callable[[], tuple[Any, Any, float, int]]] = {
    "RAVE v2": rave,
    "EnCodec 48 kHz stereo": lambda: encodec(48_000),
    "EnCodec 24 kHz mono": lambda: encodec(24_000),
}


def main() -> None:
    """Serve one decoder: `{"run": LENGTH, "count": N}` on standard input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print must not stand between the answers
    warnings.simplefilter("ignore")

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    torch = importlib.import_module("torch")
    remove = importlib.import_module("torch.nn.utils").remove_weight_norm
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(sys.stderr), torch.inference_mode():
        try:
            model, decode, frames_hz, width = MAKERS[sys.argv[1]]()
            for layer in model.modules():
                with contextlib.suppress(ValueError, AttributeError):
                    remove(layer)  # as before play: else every call works the weights out again
            inputs = {
                name: torch.randn(1, width, max(1, round(seconds * frames_hz))) for name, seconds in LENGTHS_S.items()
            }
            for given in inputs.values():
                for _ in range(3):
                    decode(given)
        except Exception as error:  # whatever it is, the comparison goes on without this one
            say({"error": f"{type(error).__name__}: {error}"})
            return
        say({"ready": {name: given.shape[2] / frames_hz for name, given in inputs.items()}})
        for line in sys.stdin:
            asked = json.loads(line)
            given, wall, cpu = inputs[asked["run"]], [], []
            for _ in range(asked["count"]):
                began_ns, began_cpu = time.perf_counter_ns(), time.process_time_ns()
                decode(given)
                wall.append(time.perf_counter_ns() - began_ns)
                cpu.append(time.process_time_ns() - began_cpu)
            say({"wall_ns": wall, "cpu_ns": cpu})


if __name__ == "__main__":
    main()
