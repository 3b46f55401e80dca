"""The worker: a process that holds a generator and makes chunks when it is told to. [engine]

`python -m legando.bench.worker` is started by `workerlink.Worker`. It reads a JSON object on each line of its standard
input and answers with one on its standard output: `{"run": WAY, "count": N}` with the times of so many chunks,
`{"bare": N}` with those of work that is not ours, `{"hold": SECONDS}` with a line for each chunk and an empty object at
the end. A process of its own, so that nothing of the bench disturbs what is measured, and so that two commits can take
turns.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from pathlib import Path
from typing import Any

from legando.realtime.errors import LegandoError


def main() -> int:
    """Serve until standard input ends. [engine]"""
    parser = argparse.ArgumentParser(description="Make chunks for a bench (started by legando bench).")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--eco", action="store_true")
    arguments = parser.parse_args()
    try:
        from legando.bench.bare import BareWork
        from legando.bench.chunks import ChunkBench

        bare = BareWork()
        bench = ChunkBench(arguments.bundle, eco=arguments.eco)
    except LegandoError as error:
        _tell({"error": str(error)})
        return 2
    gc.collect()
    gc.freeze()
    gc.disable()  # as in the engine's process
    _tell({"about": bench.about})
    for line in sys.stdin:
        asked = json.loads(line)
        if "run" in asked:
            _tell({"rows": bench.run(asked["run"], asked["count"])})
        elif "bare" in asked:
            _tell({"rows": bare.run(asked["bare"])})
        else:
            from legando.bench.held import hold

            for chunk in hold(bench, asked["hold"]):
                _tell(chunk)
            _tell({})
    return 0


def _tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
