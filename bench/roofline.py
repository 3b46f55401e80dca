"""Suite `roofline`: how close each network comes to what this processor could do. [control]

Work is counted, not guessed: ONNX Runtime's own trace tells every operator that ran, with its shapes. A product of
(m, k) and (k, n) is 2 m n k operations; attention is its two products; anything else is one for each number that it
makes. Bytes are those of weights, inputs and outputs of each operator. The machine's rates are measured on one thread:
products of 512 x 512 matrices by the same ONNX Runtime, and a copy as large as the network's weights. The floor is the
larger of operations / rate and bytes / rate (Williams, Waterman and Patterson 2009, "Roofline"); times are compared
with it as they were without the trace, which costs time of its own.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from legando.bench.samples import Outcome, percentile
from legando.bench.suite_chunk import Advance
from legando.bench.workerlink import Worker

NETWORKS = ("language", "conditions", "modulation", "velocity", "memory", "decoder")
PART_OF = {
    "language": "arranger + language",
    "conditions": "conditions",
    "velocity": "step 2",
    "memory": "memory pass",
    "decoder": "decoder",
}
"""The part of a chunk that times a network: step 2, since step 1 may also write a modulation."""
CHUNKS = 30
MATRIX = 512
_FLOAT_BYTES = 4
_PRODUCTS = ("MatMul", "Gemm", "FusedMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MatMulInteger")
_ATTENTION = "MultiHeadAttention"
Shape = Sequence[int]


def flops(kind: str, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
    """Return the operations of one operator. [any]

    A weight that was packed at load is missing in `inputs`; its size follows from the output.
    """
    made = math.prod(outputs[0]) if outputs else 0
    if kind in _PRODUCTS:
        return 2 * made * int(inputs[0][-1])
    if kind == _ATTENTION:
        batch, queries, width = inputs[0]
        keys = inputs[1][-2] if len(inputs[1]) == 4 else inputs[1][1]
        longer = [shape[-2] for shape in outputs[1:] if len(shape) == 4]  # past and present together
        return 4 * batch * queries * max([keys, *longer]) * width
    return made


def operator_bytes(kind: str, inputs: Sequence[Shape], outputs: Sequence[Shape], told: Mapping[str, Any]) -> int:
    """Return the bytes that one operator reads and writes; packed weights count as float32. [any]"""
    moved = sum(int(told.get(name, 0)) for name in ("parameter_size", "activation_size", "output_size"))
    if kind in _PRODUCTS and outputs:
        weights = int(inputs[0][-1]) * int(outputs[0][-1])
        if int(told.get("parameter_size", 0)) < weights and len([s for s in inputs[1:] if len(s) >= 2]) == 0:
            moved += weights * _FLOAT_BYTES
    return moved


def count(trace: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return operations, bytes and time of one run on average, from the trace of a session. [any]"""
    runs = sum(event.get("name") == "model_run" for event in trace)
    total, moved, took_us = 0, 0, 0
    for event in trace:
        told = event.get("args", {})
        if event.get("cat") != "Node" or "op_name" not in told:
            continue
        inputs = [next(iter(shape.values())) for shape in told.get("input_type_shape", []) if shape]
        outputs = [next(iter(shape.values())) for shape in told.get("output_type_shape", []) if shape]
        total += flops(told["op_name"], inputs, outputs)
        moved += operator_bytes(told["op_name"], inputs, outputs, told)
        took_us += event["dur"]
    return {
        "runs": runs,
        "mflop": total / max(runs, 1) / 1e6,
        "mb": moved / max(runs, 1) / 1e6,
        "traced_ms": took_us / max(runs, 1) / 1e3,
    }


def traced(bundle: Path | None) -> dict[str, dict[str, float]]:
    """Play some chunks with every session traced; return what each network did. [engine]"""
    from legando.bench.chunks import ChunkBench
    from legando.engines import backend

    plain = backend.session_options
    with tempfile.TemporaryDirectory(prefix="legando-bench-") as folder:

        def traced_options() -> Any:
            options = plain()
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "trace")
            return options

        backend.session_options = traced_options
        try:
            bench = ChunkBench(bundle)
        finally:
            backend.session_options = plain
        bench.run("as played", CHUNKS)
        made: Any = bench.generator  # on ONNX Runtime
        sessions = [made._language.session, *made._denoiser._models, made._decoder.session]
        counted = {}
        for name, session in zip(NETWORKS, sessions, strict=True):
            with Path(session.end_profiling()).open() as file:
                counted[name] = count(json.load(file))
    return counted


def matrix_gflops() -> float:
    """Return the best rate of a product of square matrices on one thread of ONNX Runtime. [control]"""
    from legando.engines.backend import bound, open_session
    from legando.engines.graph import Graph

    graph = Graph("rate")
    a, b = (graph.input(name, (MATRIX, MATRIX)) for name in "ab")
    graph.output(graph.node("MatMul", a, b), "c", (MATRIX, MATRIX))
    session = open_session(graph.encode(), "the bench's product")
    arrays = {name: np.ones((MATRIX, MATRIX), np.float32) for name in "abc"}
    binding = bound(session, arrays)
    return 2 * MATRIX**3 / _best_s(lambda: session.run_with_iobinding(binding)) / 1e9


def copy_gb_s(mb: float) -> float:
    """Return the best rate of a copy of so many megabytes, read and written bytes together, on one thread. [control]"""
    source = np.ones(max(1, round(mb * 1e6 / _FLOAT_BYTES)), np.float32)
    target = np.zeros_like(source)
    return 2 * source.nbytes / _best_s(lambda: np.copyto(target, source)) / 1e9


def _best_s(run: Any, times: int = 40) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter_ns()
        run()
        taken.append(time.perf_counter_ns() - began)
    return min(taken) / 1e9


def roofline_suite(bundle: Path | None, quick: bool, advance: Advance) -> Outcome:
    """Count, measure the machine's rates and the parts' times, and compare. [control]"""
    from legando.bench.suite_start import told_by_module

    counted = told_by_module("legando.bench.roofline", str(bundle or ""))
    advance(0.5)
    with Worker(bundle=bundle) as worker:
        worker.run("as played", 10)
        rows = worker.run("as played", 50 if quick else 200)
    advance(0.9)
    peak = matrix_gflops()
    networks = {}
    for name, part in PART_OF.items():
        work = counted[name]
        sizes = [row[part] for row in rows if part in row]
        # at 124 bpm a chunk has one tick or none, and rows without one lack the part
        single = [cpu / 1e6 for _, cpu in sizes]
        measured = percentile(single, 50.0) if single else 0.0
        rate = copy_gb_s(max(work["mb"] / 2, 0.5))
        arithmetic, memory = work["mflop"] / peak, work["mb"] / rate
        floor = max(arithmetic, memory)
        networks[name] = {
            "mflop": round(work["mflop"], 2),
            "mb": round(work["mb"], 2),
            "arithmetic_ms": round(arithmetic, 3),
            "memory_ms": round(memory, 3),
            "copy_gb_s": round(rate, 1),
            "floor_ms": round(floor, 3),
            "measured_ms": round(measured, 3),
            "times_floor": round(measured / floor, 1) if floor else 0.0,
            "bound": "arithmetic" if arithmetic >= memory else "memory",
        }
    detail = {"matrix_gflop_s": round(peak, 1), "copy_256_mb_gb_s": round(copy_gb_s(256.0), 1), "networks": networks}
    return Outcome(suite="roofline", detail=detail)


if __name__ == "__main__":
    print(json.dumps(traced(Path(sys.argv[1]) if sys.argv[1] else None)))
