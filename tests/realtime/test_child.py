"""The environment of child processes: huge pages for those that hold networks."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from legando.realtime.child import HUGE_PAGES, with_huge_pages

ALLOWED = Path("/sys/kernel/mm/transparent_hugepage/enabled")
FILLED = """
import numpy as np
weights = np.ones(32 << 20, np.uint8)
lines = dict(line.split(":", 1) for line in open("/proc/self/smaps_rollup") if ":" in line)
print(int(lines["AnonHugePages"].split()[0]) // 1024)
"""


def test_what_the_user_has_tuned_stays_tuned() -> None:
    assert with_huge_pages({"HOME": "/"}) == {"HOME": "/", "GLIBC_TUNABLES": HUGE_PAGES}
    given = with_huge_pages({"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"})
    assert given["GLIBC_TUNABLES"] == f"glibc.malloc.arena_max=2:{HUGE_PAGES}"


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_what_an_engine_allocates_lies_in_huge_pages_where_the_system_gives_them() -> None:
    environment = with_huge_pages(os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    done = subprocess.run([sys.executable, "-c", FILLED], env=environment, capture_output=True, text=True, check=True)
    allowed = ALLOWED.exists() and "[never]" not in ALLOWED.read_text()
    glibc = [int(part) for part in platform.libc_ver()[1].split(".")]
    assert (int(done.stdout) >= 24) == (allowed and glibc >= [2, 35])
