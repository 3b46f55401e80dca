"""The kernels compile with no GPU, for each card that a performer may own; the cache is keyed and atomic."""

import importlib.util
import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from legando.engines import drive, room
from legando.engines.constraints import LOGITS
from legando.engines.counter_rng import LATENT, SCORE
from legando.engines.score import VOCABULARY_SIZES
from legando.kernels import compiler, layout
from legando.kernels.compiler import compile_cubin
from legando.kernels.launcher import GpuSeam
from legando.kernels.room import THREADS
from legando.kernels.shimdevice import kernel_names
from legando.realtime.errors import LegandoError
from legando.realtime.ringheader import HEADER_BYTES, RESERVED_WORD, WRITTEN_WORD

Require = Callable[[bool, str], None]
KERNELS = sorted(path.stem for path in compiler.SOURCES.glob("*.cu"))
ARCHITECTURES = ["sm_80", "sm_86", "sm_89", "sm_90", "sm_120"]


def has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture
def nvrtc(require: Require) -> None:
    for name in ("cuda.core", "cuda.bindings"):
        require(has_module(name), f"{name} is not installed; run: pip install 'legando[gpu]'")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEGANDO_CACHE_DIR", str(tmp_path))
    return tmp_path / "cubins"


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_compiles_without_a_gpu_and_spills_no_registers(nvrtc: None, name: str) -> None:
    core: Any = importlib.import_module("cuda.core")
    source = compiler.SOURCES / f"{name}.cu"
    for arch in ARCHITECTURES:
        said = io.StringIO()
        options = core.ProgramOptions(**compiler.OPTIONS, arch=arch, name=source.name, ptxas_options="-v")
        cubin = bytes(core.Program(compiler.source_text(source), "c++", options).compile("cubin", logs=said).code)
        assert cubin.startswith(b"\x7fELF")
        for kernel in kernel_names(source):
            assert f".text.{kernel}\0".encode() in cubin, "the kernel's name must be the plain C name"
        entries = said.getvalue().split("Compiling entry function")[1:]
        assert len(entries) == len(kernel_names(source)) > 0
        for entry in entries:
            assert max(int(spilt) for spilt in re.findall(r"(\d+) bytes spill", entry)) == 0, f"{arch}: {entry}"
            (registers,) = re.findall(r"Used (\d+) registers", entry)
            assert int(registers) <= 64, f"{arch}: 1024 threads of 64 registers fill the register file: {entry}"


def test_the_kernels_structs_have_the_size_of_their_records(nvrtc: None, tmp_path: Path) -> None:
    structs = {
        "seam.cu": {"SeamControls": layout.CONTROLS, "SeamReport": layout.REPORT},
        "philox.cuh": {"Counted": layout.COUNTED},
        "tokens.cu": {"TokenControls": layout.TOKEN_CONTROLS},
        "insert.cuh": {"InsertControls": layout.INSERT_CONTROLS},
    }
    core: Any = importlib.import_module("cuda.core")
    for name, records in structs.items():
        checks = "".join(f"static_assert(sizeof({s}) == {r.itemsize});\n" for s, r in records.items())
        source = compiler.source_text(compiler.SOURCES / name) + checks
        core.Program(source, "c++", core.ProgramOptions(**compiler.OPTIONS, arch="sm_90")).compile("cubin")


def test_the_numbers_written_into_the_kernels_are_those_of_the_instrument() -> None:
    text = (compiler.SOURCES / "tokens.cu").read_text()
    sizes = re.findall(
        r"return part == 0 \? (\d+) : part == 1 \? (\d+) : part == 2 \? (\d+) : part == 3 \? (\d+) : (\d+);", text
    )
    assert [int(size) for size in sizes[0]] == list(VOCABULARY_SIZES)
    assert f"kLogits = {LOGITS};" in text and f"kScore = {SCORE};" in text
    assert f"kLatent = {LATENT};" in (compiler.SOURCES / "sampler.cu").read_text()
    seam = (compiler.SOURCES / "seam.cu").read_text()
    assert f"kHeaderBytes = {HEADER_BYTES};" in seam
    assert f"kReservedWord = {RESERVED_WORD}, kWrittenWord = {WRITTEN_WORD};" in seam
    text = (compiler.SOURCES / "drive.cu").read_text()
    assert f"kPivot = {drive.PIVOT:g}f;" in text and "kLoudest = 1e6f;" in text
    text = (compiler.SOURCES / "room.cu").read_text()
    lists = [[int(number) for number in found.split(",")] for found in re.findall(r"\{([-\d, ]+)\}", text)]
    assert lists == [room.LINES.tolist(), *([frame * sign for frame, sign in echoes] for echoes in room.ECHOES)]
    assert f"kDoublings = {room.LOW_CUT_DOUBLINGS}," in text and f"kLinePast = {room.LINE_PAST};" in text
    assert f"kSilent = {room.SILENT:.0e}f;".replace("e-05", "e-5") in text and f"kThreads = {THREADS};" in text
    assert room.PAST == 1280 + (1 << room.LOW_CUT_DOUBLINGS) and room.LINES.min() > THREADS


def test_a_second_compile_reads_the_cache(nvrtc: None, cache: Path) -> None:
    first = compile_cubin("seam", "sm_89")
    (file,) = cache.iterdir()
    marked = first + b"from the cache"
    file.write_bytes(marked)
    assert compile_cubin("seam", "sm_89") == marked


def test_a_changed_source_or_architecture_is_another_key(
    nvrtc: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    text = (compiler.SOURCES / "seam.cu").read_text()
    monkeypatch.setattr(compiler, "SOURCES", sources)
    (sources / "seam.cu").write_text(text)
    compile_cubin("seam", "sm_89")
    compile_cubin("seam", "sm_90")
    (sources / "seam.cu").write_text(text + "// a change\n")
    compile_cubin("seam", "sm_89")
    assert len(list(cache.glob("*.cubin"))) == 3
    assert not list(cache.glob("*.part"))


def test_a_damaged_cache_file_is_compiled_again(nvrtc: None, cache: Path) -> None:
    good = compile_cubin("seam", "sm_89")
    (file,) = cache.iterdir()
    file.write_bytes(b"")
    assert compile_cubin("seam", "sm_89") == good == file.read_bytes()


def test_an_unwritable_cache_still_compiles(nvrtc: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "a file, not a folder"
    blocked.touch()
    monkeypatch.setenv("LEGANDO_CACHE_DIR", str(blocked))
    assert compile_cubin("seam", "sm_89").startswith(b"\x7fELF")


def test_a_compile_error_gives_the_compilers_words(
    nvrtc: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.cu").write_text("__global__ void k() { boo }")
    monkeypatch.setattr(compiler, "SOURCES", tmp_path)
    with pytest.raises(LegandoError, match=r'(?s)broken\.cu does not compile for sm_89: .*"boo" is undefined'):
        compile_cubin("broken", "sm_89")
    assert not cache.exists()


def test_wrong_names_say_what_to_choose() -> None:
    with pytest.raises(LegandoError, match=r"no kernel '\.\./seam'; choose one of: .*seam"):
        compile_cubin("../seam", "sm_89")
    with pytest.raises(LegandoError, match=r"'sm89' is no GPU architecture; give one like 'sm_89'"):
        compile_cubin("seam", "sm89")


def test_a_missing_extra_names_its_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    with pytest.raises(LegandoError, match=r"pip install 'legando\[gpu\]'"):
        compile_cubin("seam", "sm_89")
    with pytest.raises(LegandoError, match=r"pip install 'legando\[gpu\]'"):
        GpuSeam()


def test_the_launcher_imports_without_cuda() -> None:
    code = "import sys; import legando.kernels.launcher; assert not any(m.split('.')[0] == 'cuda' for m in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_machine_without_a_gpu_is_told_to_use_the_cpu_engine(nvrtc: None) -> None:
    if _gpu_present():
        pytest.skip("this machine has a GPU")
    with pytest.raises(LegandoError, match=r"CUDA device 0 cannot be opened .* use the CPU engine"):
        GpuSeam()


def _gpu_present() -> bool:
    try:
        core: Any = importlib.import_module("cuda.core")
        core.Device(0).set_current()
    except Exception:  # cuda.core publishes no base class for its errors
        return False
    return True
