"""`legando gpu check --report`: every section can be had, one that fails tells why, and the report holds them all."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from legando.engines.bundle import Bundle
from legando.engines.card import energy, goals
from legando.engines.card.check import SHIM, Effort, machine, sections, shim_makers
from legando.engines.card.floor import floor_of, weight_counts
from legando.engines.card.modules import load_modules
from legando.engines.card.report import write_report
from legando.engines.card.sections import run_sections, spread, timed
from legando.engines.card.torchnetwork import torch_card_networks
from legando.kernels.shimdevice import Shim
from legando.realtime.errors import LegandoError

TINY = Effort(seconds=0.0, chunks=2, times=2, copy_bytes=1 << 12, streams=(1, 2), calls=3)


@pytest.fixture(scope="module")
def report(bundle: Bundle) -> dict[str, Any]:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not on the PATH; install it (Debian: apt install g++)")

    def broken(*_: Any) -> Any:
        raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS:\n an illegal memory access was encountered")

    makers = shim_makers() | {"broken": broken}
    work = sections(lambda: bundle, lambda: Shim("ascending"), TINY, makers=makers)
    found = {section.name: section.plain() for section in run_sections(work)}
    kernels = [
        {"kernel": "seam", "equal": False, "compared": 10, "differing": 1, "wrong": ["1 of 10 differ"]}
        | {"p50_us": None, "p99_us": None, "max_us": None}
    ]
    about = {"device": "CPU shim", **machine()}
    return {"made": "2026", "shim": True, "about": about, "kernels": kernels, "sections": found}


def test_every_figure_can_be_had_and_a_broken_back_end_stops_no_other(report: dict[str, Any]) -> None:
    found = report["sections"]
    (row, *_) = found["torch: rungs"]["found"]["rungs"]
    assert row["steps"] == 2 and row["nodes"] > 10 and set(row["chunk_ms"]) == {"count", "p50", "p99", "p99.9", "max"}
    assert 1.0 <= row["launches_per_chunk"] <= 2.0
    told = found["torch: parts"]["found"]
    assert told["parts"]["decoder"]["nodes"] == 1 and "ms" not in told["parts"]["decoder"], "the shim has no clock"
    assert told["floor"]["passes_bytes"] > told["floor"]["once_bytes"] > 0
    assert [row["streams"] for row in found["torch: streams"]["found"]["counts"]] == [1, 2]
    assert set(found["sound to the host"]["found"]) == {"mapped_ms", "copied_ms"}
    assert [row["streams"] for row in found["torch eager on the CPU"]["found"]["counts"]] == [1, 2]
    assert found["ONNX Runtime on the CPU"]["found"]["chunk_ms"]["p50"] > 0.0
    for part in ("rungs", "parts"):
        assert (
            found[f"broken: {part}"]["reason"] == "CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered"
        )
    assert "illegal memory access" in found["broken: streams"]["found"]["counts"][0]["reason"]


def test_the_report_is_json_a_page_and_a_picture(report: dict[str, Any], tmp_path: Path) -> None:
    written = write_report(tmp_path / "made", report)
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["gpu.json", "gpu.md", "gpu.png"]
    assert json.loads((tmp_path / "made" / "gpu.json").read_text()) == json.loads(json.dumps(report))
    page = (tmp_path / "made" / "gpu.md").read_text()
    assert "say nothing about a card" in page and "| seam | NO | 10 | 1 |" in page and "- seam: 1 of 10 differ" in page
    assert "Not measured: CUDA_ERROR_ILLEGAL_ADDRESS" in page and "chunk p99.9" in page
    assert (
        "| launches a chunk | 1 | 1, torch | yes |" in page
        and "| kernels equal to their references | all | 0 of 1 | NO |" in page
    )
    assert (tmp_path / "made" / "gpu.png").read_bytes().startswith(b"\x89PNG") and len(written) == 3
    (tmp_path / "file").touch()
    with pytest.raises(LegandoError, match="cannot be written"):
        write_report(tmp_path / "file", report)


def test_the_page_has_no_picture_without_matplotlib(
    report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert [path.name for path in write_report(tmp_path, report)] == ["gpu.json", "gpu.md"]
    assert "gpu.png" not in (tmp_path / "gpu.md").read_text()


def test_the_floor_counts_every_weight_that_a_chunk_reads(bundle: Bundle) -> None:
    modules = load_modules(bundle, "cpu")
    counts = weight_counts(bundle)
    for name in ("language", "denoiser", "decoder"):
        module = getattr(modules, name)
        assert counts[name] == sum(value.numel() for value in module.state_dict().values())
    networks = torch_card_networks(modules, streams=1, latents=4, device="cpu")
    one, four = (floor_of(bundle, networks, steps=steps, bytes_per_s=1e12) for steps in (1, 4))
    assert four["passes_bytes"] - one["passes_bytes"] > 3 * 4 * counts["denoiser"]
    assert four["once_bytes"] == one["once_bytes"]
    eight = floor_of(bundle, replace(networks, precision="int8"), steps=4, bytes_per_s=1e12)
    mixed = floor_of(bundle, replace(networks, precision="mixed"), steps=4, bytes_per_s=1e12)
    assert mixed["passes_bytes"] - eight["passes_bytes"] == 4 * counts["denoiser"], "of 8 bits is the denoiser alone"
    assert one["once_ms"] == pytest.approx(one["once_bytes"] / 1e9, abs=1e-5)


def test_spread_and_timing_are_what_they_say() -> None:
    assert spread([1.0] * 99 + [5.0]) == {"count": 100, "p50": 1.0, "p99": 1.04, "p99.9": 4.604, "max": 5.0}
    assert len(timed(lambda: None, seconds=0.0, least=3, most=10)) == 3
    assert len(timed(lambda: None, seconds=60.0, least=3, most=10)) == 10
    assert SHIM.chunks <= 5


def test_goals_are_those_of_the_first_back_end_that_was_measured() -> None:
    def made(p99: float, ratio: float, live: int) -> dict[str, Any]:
        rungs = [{"steps": 4, "chunk_ms": {"p99": p99}, "launches_per_chunk": 1.0}]
        return {
            "tensorrt: rungs": {"reason": "no library"},
            "torch: rungs": {"found": {"rungs": rungs}},
            "torch: parts": {"found": {"floor": {"ratio_passes": ratio}}},
            "torch: streams": {"found": {"live_streams": live}},
        }

    def told(shim: bool, *figures: Any) -> list[bool | None]:
        kernels = [{"equal": True}] * 3
        found = goals.reached({"shim": shim, "kernels": kernels, "sections": made(*figures) if figures else {}})
        return [yes for _, yes in found.values()]

    assert told(False, 2.9, 3.9, 32) == [True] * 5
    assert told(False, 3.1, 4.1, 31) == [True, False, False, True, False]
    assert told(True, 1.0, 1.0, 64) == [True, None, None, True, None], "times of the shim reach nothing"
    assert told(False) == [True, None, None, None, None]


def test_energy_without_nvml_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    with pytest.raises(LegandoError, match="install the NVIDIA driver"):
        energy.EnergyMeter()


def test_energy_reads_the_cards_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nvml:
        """NVML as its header has it, with a counter that runs."""

        millijoules = 1_000

        def nvmlInit_v2(self) -> int:
            return 0

        def nvmlShutdown(self) -> int:
            return 0

        def nvmlDeviceGetHandleByIndex_v2(self, index: int, out: Any) -> int:
            return 0

        def nvmlDeviceGetTotalEnergyConsumption(self, card: Any, out: Any) -> int:
            self.millijoules += 500
            out._obj.value = self.millijoules
            return 0

        def nvmlDeviceGetPowerUsage(self, card: Any, out: Any) -> int:
            out._obj.value = 70_000
            return 0

    def load(name: str) -> Nvml:
        return Nvml()

    opened: Callable[[str], Nvml] = load
    monkeypatch.setattr(ctypes, "CDLL", opened)
    with energy.EnergyMeter() as meter:
        assert meter.joules() == 2.0 and meter.joules() == 2.5 and meter.watts() == 70.0


@pytest.mark.parametrize("missing", ["torch", "onnxruntime"])
def test_the_check_is_there_without_torch_or_onnx_runtime(missing: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
import legando.engines.card.cardgenerator, legando.engines.card.check, legando.engines.card.opening
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
