"""TensorRT, whichever is installed: TensorRT for data-centre cards, TensorRT for RTX for a performer's. [control]

One way for both: a network that is strongly typed, from ONNX, on one stream, without TF32. TensorRT compiles for the
card that is there. TensorRT for RTX compiles without a card, for any RTX card from Ampere on, or for one architecture;
the last step to machine code is taken at load, and kept (`compiled.py`). It compiles in a process of its own
(`python -m legando.engines.compiled.library`), so that a compiler's crash, memory and global state stay there: two
builds in one process differ in some bytes, in two processes they do not.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legando.realtime.errors import LegandoError

NAMES = ("tensorrt", "tensorrt_rtx")
RTX_TARGETS = ("portable", "sm_75", "sm_80", "sm_86", "sm_89", "sm_120", "sm_121")
FLAGS = {"strongly_typed": True, "tf32": False, "aux_streams": 0}
BUILD_TIMEOUT_S = 1800.0
_PIP = "pip install 'legando[tensorrt]'"

Progress = Callable[[str, float], None]
"""What the compiler is at, and how much of that is done, 0 to 1."""


class EngineError(LegandoError):
    """A network cannot be compiled, loaded or trusted; the caller falls back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card as far as engines depend on it."""

    name: str
    arch: str
    driver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One of the two libraries, by module name and exact version."""

    name: str
    version: str

    @property
    def needs_card(self) -> bool:
        """Whether it compiles on the card that it compiles for."""
        return self.name == "tensorrt"

    def target(self, wanted: str | None, card: Card | None) -> str:
        """Return what to compile for: "portable", "sm_89", or the card's name and architecture. Raises EngineError."""
        if self.needs_card:
            if card is None:
                raise EngineError("TensorRT compiles on the card that shall play, and there is none; use tensorrt-rtx")
            if wanted not in (None, card.arch):
                raise EngineError(f"TensorRT compiles for the card that is there ({card.arch}), not for {wanted}")
            return f"{card.name} {card.arch}"
        turing = card is not None and card.arch == "sm_75"  # the portable engine begins after it
        target = wanted or ("sm_75" if turing else "portable")
        if target not in RTX_TARGETS:
            raise EngineError(f"{target!r} is no target of TensorRT for RTX; choose one of: {', '.join(RTX_TARGETS)}")
        return target

    def module(self) -> Any:
        """Return the library's Python module."""
        return importlib.import_module(self.name)

    def build(self, model: bytes, target: str, on_progress: Progress | None = None) -> bytes:
        """Return a serialised engine for an ONNX model; in a process of its own. Raises EngineError. [control]"""
        with tempfile.TemporaryDirectory(prefix="legando-engine-") as folder:
            source, made = Path(folder) / "model.onnx", Path(folder) / "engine"
            source.write_bytes(model)
            command = [sys.executable, "-m", __name__, self.name, target, str(source), str(made)]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
            environment["PYTHONSAFEPATH"] = "1"
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
            ) as process:
                try:
                    reason = _follow(process, on_progress)
                finally:
                    process.kill()
            if process.returncode == 0 and made.is_file():
                return made.read_bytes()
        ended = f"ended with status {process.returncode}"
        raise EngineError(f"{self.name} {self.version} cannot compile this network: {reason or ended}")


def _follow(process: subprocess.Popen[str], on_progress: Progress | None) -> str:
    """Pass on what a builder says, and return why it failed, if it says so."""
    assert process.stdout is not None and process.stderr is not None
    reason = ""
    for line in process.stdout:
        try:
            told = json.loads(line)
        except ValueError:
            continue  # the compiler's own words
        if "error" in told:
            reason = str(told["error"])
        elif on_progress is not None:
            on_progress(str(told.get("phase", "")), float(told.get("done", 0.0)))
    errors = process.stderr.read()
    process.wait(BUILD_TIMEOUT_S)
    return reason or (errors.strip().splitlines() or [""])[-1]


def find_library(wanted: str | None = None, *, card: Card | None = None) -> Library:
    """Return the library to use: TensorRT where there is a card and it is installed, else TensorRT for RTX. [control]

    `wanted` names one of `NAMES`. Raises EngineError with the pip command where there is none.
    """
    if wanted is not None and wanted not in NAMES:
        raise EngineError(f"there is no library {wanted!r}; choose one of: {', '.join(NAMES)}")
    order = (wanted,) if wanted is not None else NAMES if card is not None else tuple(reversed(NAMES))
    why = ""
    for name in order:
        try:
            module = importlib.import_module(name)
            return Library(name=name, version=str(module.__version__))
        except (ImportError, AttributeError, OSError) as error:  # OSError: a library of the package is missing
            why = why or str(error)
    raise EngineError(f"TensorRT is not installed ({why}); run: {_PIP}")


def find_card() -> Card | None:
    """Return the first CUDA card, or None where there is none, or no driver or cuda-python for it. [control]"""
    try:
        core = importlib.import_module("cuda.core")
        driver = importlib.import_module("cuda.bindings.driver")
        device = core.Device(0)
        device.set_current()
        major, minor = device.compute_capability
        version = int(driver.cuDriverGetVersion()[1])
        return Card(
            name=str(device.name), arch=f"sm_{major}{minor}", driver=f"{version // 1000}.{version % 1000 // 10}"
        )
    except Exception:  # cuda.core publishes no base class for its errors; any of them means: no card to use
        return None


def installed(name: str) -> str | None:
    """Return the version of a library, or None where it is not installed. [control]"""
    try:
        return find_library(name).version
    except EngineError:
        return None


def make_logger(module: Any) -> Any:
    """Return a logger that keeps errors in `said` and prints nothing. [control]"""

    class Quiet(module.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.said: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= module.ILogger.Severity.ERROR:
                self.said.append(" ".join(message.split())[:300])

    return Quiet()


def _build_here(name: str, target: str, source: Path, made: Path) -> str:
    """Compile in this process, and return why not, or nothing. Prints progress as JSON lines for `Library.build`."""
    module = importlib.import_module(name)
    logger = make_logger(module)
    builder = module.Builder(logger)
    flags = 0
    if int(str(module.__version__).split(".")[0]) == 10 and name == "tensorrt":
        flags = 1 << int(module.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(flags)
    parser = module.OnnxParser(network, logger)
    if not parser.parse(source.read_bytes()):
        return (
            "; ".join(_refusal(parser.get_error(i)) for i in range(parser.num_errors)) or "its parser gives no reason"
        )
    config = builder.create_builder_config()
    if hasattr(module.BuilderFlag, "TF32"):
        config.clear_flag(module.BuilderFlag.TF32)
    config.max_aux_streams = FLAGS["aux_streams"]
    if target.startswith("sm_"):
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(module.ComputeCapability, f"SM{target[3:]}"), 0)
    monitor = _monitor(module)
    config.progress_monitor = monitor
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        return "; ".join(logger.said) or "it gave no engine and no reason"
    made.write_bytes(bytes(engine))
    return ""


def _refusal(error: Any) -> str:
    """Return what a parser says, and of which operator."""
    operator = f"{error.node_operator()} ({error.node_name()}): " if error.node_operator() else ""
    return operator + " ".join(error.desc().split())


def _monitor(module: Any) -> Any:
    class Monitor(module.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            module.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self.steps[phase] = max(steps, 1)

        def step_complete(self, phase: str, step: int) -> bool:
            _say(phase=phase, done=min(1.0, (step + 1) / self.steps.get(phase, 1)))
            return True

        def phase_finish(self, phase: str) -> None:
            _say(phase=phase, done=1.0)

    return Monitor()


def _say(**told: object) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    """Compile one network; what `Library.build` runs. [control]"""
    name, target, source, made = words
    reason = _build_here(name, target, Path(source), Path(made))
    if reason:
        _say(error=reason)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
