"""What the screen costs: processor time of host and screen during a real show, with the screen and with the line. [any]

    python -m legando.realtime.screen.bench_screen --seconds 30     # needs jackd2; prints one JSON object

Shares are of one processor core; bytes are what a terminal (or ssh) carries in a second.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.exits import EXIT_USER
from legando.realtime.playing.devices import JACK_API
from legando.realtime.processes import MODULES, children, processor_s, tied
from legando.realtime.trials.jack_server import JackServer

WARM_S = 12.0
"""What starts costs more; it is not measured."""

RUNS = (("line", "--plain", (80, 24)), ("screen 80x24", "--tui", (80, 24)), ("screen 160x50", "--tui", (160, 50)))
_RIG = '[audio]\ndevice = "system"\nhost_api = "{api}"\n[[scene]]\nname = "dawn"\nprompts = ["slow ambient pads"]\n'


def processes(host: int) -> dict[str, int]:
    """Return the process ids of a host and of its children by name; of engine and player the first, not the spare."""
    found = {"host": host}
    for pid, module in children(host):
        found.setdefault(MODULES[module], pid)
    return found


def measure(words: list[str], size: tuple[int, int], seconds: float, environment: dict[str, str]) -> dict[str, float]:
    """Play in a pseudo-terminal; return each process's share of a core in per cent, and the bytes drawn a second."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    command = [*tied(), sys.executable, "-m", "legando.realtime.cli", "play", "--live", *words]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    try:
        _drain(master, WARM_S)
        if process.poll() is not None:
            raise LegandoError("legando play has ended; does it work on this machine?")
        pids, began = processes(process.pid), time.monotonic()
        before = {name: processor_s(pid) for name, pid in pids.items()}
        drawn = _drain(master, seconds)
        passed = time.monotonic() - began
        shares = {name: 100.0 * (processor_s(pid) - before[name]) / passed for name, pid in pids.items()}
        return {name: round(share, 2) for name, share in shares.items()} | {"bytes_per_s": round(drawn / passed)}
    finally:
        process.send_signal(signal.SIGINT)
        until = time.monotonic() + 20.0
        while process.poll() is None and time.monotonic() < until:
            _drain(master, 0.1)
        process.kill()
        process.wait()
        os.close(master)


def _drain(master: int, seconds: float) -> int:
    """Read what is drawn for a time, as a terminal would, and return how many bytes it was."""
    until, drawn = time.monotonic() + seconds, 0
    while (left := until - time.monotonic()) > 0:
        if select.select([master], [], [], left)[0]:
            try:
                drawn += len(os.read(master, 65536))
            except OSError:  # whoever drew has ended
                time.sleep(min(left, 0.1))
    return drawn


def main() -> int:
    """Measure, and print one JSON object. [control]"""
    parser = argparse.ArgumentParser(description="Measure what the screen costs.")
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    try:
        with JackServer() as server, tempfile.TemporaryDirectory() as folder:
            rig = Path(folder) / "rig.toml"
            rig.write_text(_RIG.format(api=JACK_API), encoding="utf-8")
            path = os.pathsep.join(word for word in sys.path if word)
            environment = os.environ | server.environment | {"TERM": "xterm-256color", "PYTHONPATH": path}
            environment |= {"LANG": "C.UTF-8", "PYTHONUTF8": "1", "COLORTERM": "truecolor"}
            told = {
                name: measure(["--rig", str(rig), word], size, arguments.seconds, environment)
                for name, word, size in RUNS
            }
    except (DeviceError, LegandoError) as error:
        sys.stderr.write(f"bench_screen: {error}\n")
        return EXIT_USER
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
