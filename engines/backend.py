"""The CPU back end: ONNX Runtime on one thread, with every input and output bound to memory that is allocated once.

A `Network` keeps two copies of its state and swaps them: a step reads one and writes the other. The arrays in `inputs`
are filled by the caller before `run`; those in `outputs` hold the result until the next `run`. [engine]
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from safetensors.numpy import load_file

from legando.realtime.errors import BundleError

Array = NDArray[Any]

ENGINE_NAME = f"onnxruntime {ort.__version__} cpu fp32"
ECO_ENGINE_NAME = f"onnxruntime {ort.__version__} cpu int8"
_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
TOLERANCE = 2e-3


def session_options() -> ort.SessionOptions:
    """Return options for one quiet thread: spinning threads cost a busy machine ten times the step. [any]"""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def open_session(model: Path | bytes, what: str) -> ort.InferenceSession:
    """Return a session for a model file, or for a model in memory that `what` describes. Raises BundleError. [any]"""
    try:
        given = str(model) if isinstance(model, Path) else model
        return ort.InferenceSession(given, session_options(), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise BundleError(f"{what} cannot be loaded by ONNX Runtime ({error}); copy the bundle afresh") from error


def bound(session: ort.InferenceSession, arrays: Mapping[str, Array]) -> ort.IOBinding:
    """Return a binding of all inputs and outputs of a session to C-contiguous arrays by name. [any]"""
    binding = session.io_binding()
    for nodes, bind in ((session.get_inputs(), binding.bind_input), (session.get_outputs(), binding.bind_output)):
        for node in nodes:
            array = arrays[node.name]
            assert array.flags.c_contiguous
            bind(node.name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
    return binding


class Network:
    """One exported network with fixed shapes. Inputs whose name has a matching output `NAME_out` are state."""

    tolerance = TOLERANCE
    """How far an output may lie from its reference, as a share of the reference's largest value (of 1 at least)."""

    def __init__(self, path: Path, sizes: Mapping[str, int]) -> None:
        """Load a graph; `sizes` gives the value of each of its named dimensions."""
        self.session = open_session(path, str(path))
        self.path = path
        self._lay_out(sizes)

    def _lay_out(self, sizes: Mapping[str, int]) -> None:
        outputs = {node.name: node for node in self.session.get_outputs()}
        self.inputs: dict[str, Array] = {}
        self.outputs: dict[str, Array] = {}
        self.state: dict[str, tuple[Array, Array]] = {}
        for node in self.session.get_inputs():
            array = _allocate(node, sizes)
            if f"{node.name}_out" in outputs:
                self.state[node.name] = (array, np.zeros_like(array))
            else:
                self.inputs[node.name] = array
        for name, node in outputs.items():
            if name.removesuffix("_out") not in self.state:
                self.outputs[name] = _allocate(node, sizes)
        self._turn = 0
        self._bindings = [self._bind(turn) for turn in (0, 1)]

    def twin(self) -> Network:
        """Return the same network with inputs, outputs and state of its own: those before the first step."""
        twin = copy.copy(self)
        twin._lay_out({})
        return twin

    def _bind(self, turn: int) -> ort.IOBinding:
        arrays = {**self.inputs, **self.outputs}
        for name, pair in self.state.items():
            arrays[name], arrays[f"{name}_out"] = pair[turn], pair[1 - turn]
        return bound(self.session, arrays)

    def run(self, *, keep: bool = True) -> None:
        """Run one step [engine]; `keep` False leaves the state as it was."""
        self._run(keep)
        if keep:
            self._turn = 1 - self._turn

    def _run(self, keep: bool) -> None:
        self.session.run_with_iobinding(self._bindings[self._turn])

    def _run_all(self) -> None:
        """Fill all outputs and the new state, for the self-test."""
        self._run(True)

    def current(self, name: str) -> Array:
        """Return the state that the next step will read, to look at or to change in place."""
        return self.state[name][self._turn]

    def reset(self) -> None:
        """Return to the state before the first step."""
        for pair in self.state.values():
            for array in pair:
                array.fill(0)
        self._turn = 0

    def save(self) -> dict[str, Array]:
        """Return a copy of all that goes on to the next step: state and inputs."""
        state = {name: self.current(name).copy() for name in self.state}
        return state | {name: array.copy() for name, array in self.inputs.items()}

    def restore(self, saved: Mapping[str, Array]) -> None:
        """Go back to where `save` was."""
        for name, array in saved.items():
            target = self.current(name) if name in self.state else self.inputs[name]
            target[...] = array

    def check(self, reference: Path, prefix: str) -> None:
        """Reproduce the bundle's stored reference: shape, finiteness and values. Raises BundleError."""
        tensors = {key: value for key, value in load_file(reference).items() if key.startswith(f"{prefix}/")}
        self.reset()
        expected: dict[str, Array] = {}
        for key, value in tensors.items():
            _, kind, name = key.split("/", 2)
            if kind == "out":
                expected[name] = value
                continue
            target = self.state[name][0] if name in self.state else self.inputs.get(name)
            if target is None or target.shape != value.shape:
                have = "no such input" if target is None else f"shape {target.shape}"
                raise BundleError(
                    f"{self.path.name} has {have} for {name}, its reference has {value.shape}; export the bundle again"
                )
            target[...] = value
        if not expected:
            raise BundleError(f"{reference} holds no reference for {prefix}; export the bundle again")
        try:
            self._run_all()
        except Exception as failure:  # ONNX Runtime's errors share no base class
            raise BundleError(
                f"{self.path} does not run on this ONNX Runtime ({failure}); try a newer one"
            ) from failure
        for name, value in expected.items():
            made = self.state[name.removesuffix("_out")][1] if name not in self.outputs else self.outputs[name]
            if made.shape != value.shape:
                raise BundleError(f"{self.path.name}: {name} has shape {made.shape}, its reference {value.shape}")
            if not np.isfinite(made).all():
                raise BundleError(f"{self.path.name}: {name} is not finite on the reference input; use another bundle")
            error = float(np.abs(made - value).max())
            scale = max(1.0, float(np.abs(value).max()))
            if error > self.tolerance * scale:
                raise BundleError(
                    f"{self.path.name}: {name} differs from its reference by {error:.2g}, "
                    f"more than {self.tolerance * scale:.2g}; "
                    "copy the bundle afresh or use another ONNX Runtime"
                )
        for array in self.inputs.values():
            array.fill(0)
        self.reset()


def _allocate(node: Any, sizes: Mapping[str, int]) -> Array:
    shape = []
    for size in node.shape:
        if isinstance(size, str):
            if size not in sizes:
                raise BundleError(f"{node.name} has an unknown dimension {size!r}; export the bundle again")
            shape.append(sizes[size])
        else:
            shape.append(int(size))
    if node.type not in _TYPES:
        raise BundleError(f"{node.name} has type {node.type}, not float32 or int64; export the bundle again")
    return np.zeros(shape, _TYPES[node.type])
