"""Against: is this tree slower than another commit, or than an earlier run; where, and by how much. [control]

Against a commit, both trees run now: a worker process for each, which take turns of a few chunks, so that whatever the
machine does meets both; who begins alternates, and new pairs of processes are started for each round, since a process
keeps for life the luck of where its memory lies. Against a file, the other side is past: the figures of both are there,
but nothing pairs them, and a machine that was busier then looks like faster code now.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from legando.bench.chunks import WARM_UP_CHUNKS
from legando.bench.partclock import WHOLE, Row, in_order
from legando.bench.plant import VARIABLE
from legando.bench.samples import Results
from legando.bench.shift import Blocks, Shift, blocks_of, more_often, quantile_shift
from legando.bench.suite_chunk import BUDGET_SHARE, Advance
from legando.bench.workerlink import Worker
from legando.realtime.errors import LegandoError

BLOCK_CHUNKS = 6
WORK_TOLERANCE, WALL_TOLERANCE = 1.03, 1.05
"""What an interval must lie above, whole, before a part is called slower: by its own work, by the clock on the wall."""
MISS_CHANCE = 0.01
RESULT_MAX_BYTES = 1 << 28
"""More than the samples of any run take."""
FOLDERS = ("realtime", "kernels", "engines", "bridge")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartShift:
    """How one part moved at p50, by its own processor time and on the wall."""

    part: str
    work: Shift
    wall: Shift

    @property
    def slower(self) -> bool:
        """Whether the part is slower beyond doubt."""
        return self.work.low > WORK_TOLERANCE or self.wall.low > WALL_TOLERANCE

    @property
    def added_ms(self) -> float:
        """What it adds to a chunk."""
        shift = self.work if self.work.low > WORK_TOLERANCE else self.wall
        return shift.new - shift.old


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a comparison came to. `p99` is of the whole chunk, on the wall; misses are chunks over their budget."""

    base: str
    paired: bool
    parts: list[PartShift]
    p99: Shift
    misses: tuple[int, int]
    chunks: tuple[int, int]

    @property
    def slower(self) -> list[PartShift]:
        """The parts that became slower, the one that adds most first; the whole is none of them."""
        return sorted((p for p in self.parts if p.slower and p.part != WHOLE), key=lambda p: -p.added_ms)

    @property
    def failures(self) -> list[str]:
        """Why the gate stays shut: p99 or misses, never anything else; empty when it opens."""
        told = []
        if self.p99.low > WALL_TOLERANCE:
            told.append(
                f"p99 of a chunk is {self.p99.percent}: {self.p99.old:.2f} ms before, {self.p99.new:.2f} ms now"
            )
        old, new = self.misses
        if new > old and more_often(old, new, *self.chunks) < MISS_CHANCE:
            told.append(f"{new} of {self.chunks[1]} chunks over their budget, {old} of {self.chunks[0]} before")
        return told

    def lines(self) -> list[str]:
        """Return the verdict for people."""
        how = "taking turns" if self.paired else "not paired: from a file"
        whole = next(p for p in self.parts if p.part == WHOLE)
        lines = [f"against {self.base} ({how}): a chunk's work {whole.work.percent} at p50, p99 {self.p99.percent}"]
        for part in self.slower:
            clock, shift = ("work", part.work) if part.work.low > WORK_TOLERANCE else ("the wall's clock", part.wall)
            lines.append(f"slower: {part.part}, {shift.percent} at p50 by {clock}, {part.added_ms:+.2f} ms a chunk")
        return lines if self.slower else [*lines, "no part is slower beyond doubt"]

    def plain(self) -> dict[str, Any]:
        """Return everything for a JSON file."""
        return {
            **asdict(self),
            "slower": [part.part for part in self.slower],
            "failures": self.failures,
        }


def compare(
    old: Sequence[Sequence[Sequence[Row]]],
    new: Sequence[Sequence[Sequence[Row]]],
    *,
    base: str,
    paired: bool,
    budget_ms: float,
) -> Comparison:
    """Compare rounds of blocks of rows. [any]"""
    names = in_order(_names(old) & _names(new))
    parts = []
    for name in names:
        wall, work = ((_times(old, name, clock), _times(new, name, clock)) for clock in (0, 1))
        if min(float(np.percentile(side, 50.0)) for side in work) <= 0.0:  # in less than half of the chunks
            wall, work = ((_means(pair[0]), _means(pair[1])) for pair in (wall, work))
        shifts = [quantile_shift(pair[0], pair[1], 50.0) for pair in (work, wall)]
        parts.append(PartShift(part=name, work=shifts[0], wall=shifts[1]))
    walls = [_times(side, WHOLE, 0) for side in (old, new)]
    misses = [int((side > budget_ms).sum()) for side in walls]
    return Comparison(
        base=base,
        paired=paired,
        parts=parts,
        p99=quantile_shift(walls[0], walls[1], 99.0),
        misses=(misses[0], misses[1]),
        chunks=(walls[0].size, walls[1].size),
    )


def against_commit(
    base: str, *, bundle: Path | None, quick: bool, advance: Advance, rounds: int | None = None
) -> Comparison:
    """Compare this tree with a commit of its repository, both running now, in turn. Raises LegandoError. [control]"""
    rounds = rounds or (2 if quick else 6)
    with base_tree(base) as folder:
        return pair(folder, base=base, bundle=bundle, rounds=rounds, blocks=8 if quick else 20, advance=advance)


def pair(
    tree: Path, *, base: str, bundle: Path | None, rounds: int, blocks: int, advance: Advance, way: str = "as played"
) -> Comparison:
    """Let the legando in `tree` and this one take turns; what is planted is planted in this one. [control]"""
    old: list[list[list[Row]]] = []
    new: list[list[list[Row]]] = []
    budget_ms = 0.0
    for number in range(rounds):
        with (
            tempfile.TemporaryDirectory(prefix="legando-base-") as links,
            Worker(bundle=bundle, path=_path(tree, Path(links)), plant="") as theirs,
            Worker(bundle=bundle, plant=os.environ.get(VARIABLE, "")) as mine,
        ):
            budget_ms = BUDGET_SHARE * mine.about["chunk_ms"]
            sides = [(theirs, old), (mine, new)]
            for worker, rows in sides:
                worker.run(way, WARM_UP_CHUNKS)
                rows.append([])
            for block in range(blocks):
                for worker, rows in sides if (number + block) % 2 else sides[::-1]:
                    rows[-1].append(worker.run(way, BLOCK_CHUNKS))
                advance((number + (block + 1) / blocks) / rounds)
    return compare(old, new, base=base, paired=True, budget_ms=budget_ms)


def against_file(path: Path, results: Results) -> Comparison:
    """Compare a run with an earlier one of the same device. Raises LegandoError. [control]"""
    earlier = read_results(path)
    then, now = earlier.machine.get("device"), results.machine.get("device")
    if then != now:
        raise LegandoError(f"{path} is of {then}, this is {now}; compare on one machine")
    sides = [_rows_of(run, path if run is earlier else Path("this run")) for run in (earlier, results)]
    chunk = results.outcomes["chunk"].find("as played")
    assert chunk is not None and chunk.deadline is not None
    base = f"{path} ({earlier.machine.get('commit') or 'no commit'})"
    return compare([sides[0]], [sides[1]], base=base, paired=False, budget_ms=chunk.deadline)


def read_results(path: Path) -> Results:
    """Return the results of a JSON file. Raises LegandoError."""
    try:
        with path.open("rb") as file:
            data = file.read(RESULT_MAX_BYTES)
        return Results.read(json.loads(data))
    except OSError as error:
        raise LegandoError(f"{path} cannot be read ({error.strerror}); give a file of legando bench --json") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LegandoError(f"{path} is no result of this legando bench ({error}); make one with --json") from error


@contextmanager
def base_tree(commit: str) -> Iterator[Path]:
    """Unpack a commit of the checkout that this file lies in, in a folder for the time being. Raises LegandoError."""
    checkout = Path(__file__).resolve().parents[1]
    git = ["git", "-C", str(checkout)]
    found = subprocess.run([*git, "rev-parse", "--verify", f"{commit}^{{commit}}"], capture_output=True, text=True)
    if found.returncode != 0:
        raise LegandoError(
            f"{commit!r} is neither a file nor a commit of {checkout}; give a file of --json or a commit"
        )
    with tempfile.TemporaryDirectory(prefix="legando-base-") as name:
        folder = Path(name)
        command = [*git, "archive", found.stdout.strip(), *FOLDERS]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as archive:
            unpacked = subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive.stdout, check=False)
        if archive.returncode or unpacked.returncode:
            raise LegandoError(f"{commit} cannot be unpacked into {folder}; is there room?")
        yield folder


def _path(tree: Path, links: Path) -> str:
    """Make the legando of a tree importable, with this bench in it, and return what PYTHONPATH must be."""
    package = links / "legando"
    package.mkdir()
    for folder in FOLDERS:
        (package / folder).symlink_to((tree / folder).resolve())
    (package / "bench").symlink_to(Path(__file__).resolve().parent)
    others = [path for path in sys.path if path and not (Path(path) / "legando" / "realtime").exists()]
    return os.pathsep.join([str(links), *others])


def _names(side: Sequence[Sequence[Sequence[Row]]]) -> set[str]:
    return {name for rounds in side for block in rounds for row in block for name in row}


def _times(side: Sequence[Sequence[Sequence[Row]]], name: str, clock: int) -> Blocks:
    return np.array([[[row.get(name, (0, 0))[clock] / 1e6 for row in block] for block in blocks] for blocks in side])


def _means(side: Blocks) -> Blocks:
    means: Blocks = side.mean(axis=2, keepdims=True)
    return means


def _rows_of(results: Results, path: Path) -> list[list[Row]]:
    outcome = results.outcomes.get("chunk")
    if outcome is None or outcome.find("as played") is None:
        raise LegandoError(f"{path} has no figures of the suite chunk; run legando bench chunk --json FILE")
    series = {one.name.partition(": ")[2] or WHOLE: one for one in outcome.series if one.name.startswith("as played")}
    count = len(series[WHOLE].values)
    rows: list[Row] = [
        {name: (round(1e6 * one.values[n]), round(1e6 * one.cpu[n])) for name, one in series.items()}
        for n in range(count)
    ]
    blocks = blocks_of(np.arange(count).tolist(), BLOCK_CHUNKS).astype(int)[0]
    return [[rows[n] for n in block] for block in blocks]
