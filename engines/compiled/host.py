"""A written network on ONNX Runtime, with the face that a compiled one has: addresses in, a run on a stream. [engine]

It rounds where a card rounds (`precision.with_rounding_kept`), so that what a precision costs is measured without a
card, and so that the proofs of `proof.py` run in the tests as they run on a card. It is no way to play.
"""

from __future__ import annotations

from typing import Any

import onnxruntime as ort

from legando.engines.backend import session_options
from legando.engines.compiled.kinds import Written
from legando.engines.compiled.library import EngineError
from legando.engines.compiled.precision import with_rounding_kept


class HostNetwork:
    """One network on the CPU; addresses are the host's, and `enqueue` returns when the run is over."""

    def __init__(self, written: Written) -> None:
        options = session_options()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        model = with_rounding_kept(written.model)
        self._session: Any = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._binding: Any = self._session.io_binding()
        self.inputs, self.outputs = written.inputs, written.outputs
        self._open = {*self.inputs, *self.outputs}

    def bind(self, name: str, address: int) -> None:
        """Say where an input or output lies."""
        if name in self.inputs:
            shape, dtype = self.inputs[name]
            self._binding.bind_input(name, "cpu", 0, dtype.type, shape, address)
        else:
            shape, dtype = self.outputs[name]
            self._binding.bind_output(name, "cpu", 0, dtype.type, shape, address)
        self._open.discard(name)

    def enqueue(self, stream: int) -> None:
        """Run once; `stream` is not used."""
        if self._open:
            raise EngineError(f"{', '.join(sorted(self._open))} is bound to no address")
        self._session.run_with_iobinding(self._binding)
