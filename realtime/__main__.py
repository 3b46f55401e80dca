"""The entry of `legando` and `python -m legando.realtime`: ready for Ctrl-C before anything that takes time. [control]

While modules load nothing is begun that would have to be ended, so the process just goes: no traceback of an import.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Run the command line and return its exit status. [control]"""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as in a run in the background
        signal.signal(signal.SIGINT, _leave)
    from legando.realtime import cli

    try:
        signal.signal(signal.SIGINT, before)
        return cli.main()
    except KeyboardInterrupt:  # before the command line minded it, or after
        return 128 + signal.SIGINT


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
