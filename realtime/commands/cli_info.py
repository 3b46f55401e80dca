"""`legando info`: how a file of sound came to be, and whether that still holds. [control]"""

from __future__ import annotations

import argparse
import json

from legando.realtime.exits import EXIT_OK, EXIT_USER
from legando.realtime.recording.verify import verify


def info_command(arguments: argparse.Namespace) -> int:
    """Print what a file says; status 2 when its samples are not those that were written. [control]"""
    findings = verify(arguments.file, arguments.bundle)
    print(json.dumps(findings.plain()) if arguments.json else "\n".join(findings.lines()))
    return EXIT_OK if findings.good else EXIT_USER
