"""Write a sample-exact ramp into a ring, keeping a lead, until told or killed: run as a program by the tests.

Left counts frames and right counts backwards, modulo 2**21, as 24-bit integers; a break of one frame shows.
(Recorders scale by 2**23 - 1, so only the lower half of the range survives rounding.)
"""

import sys
import time

import numpy as np

from legando.realtime.ring import Frames, Ring

PERIOD = 1 << 21


def ramp(position: int, count: int) -> Frames:
    """Return frames `position` on: float32 (count, 2), exact in 24 bits."""
    index = np.arange(position, position + count, dtype=np.int64)
    return (np.stack([index % PERIOD, -index % PERIOD], axis=1) / float(1 << 23)).astype(np.float32)


def main() -> None:
    """Arguments: ring, total frames, chunk frames, lead frames, and the frame at which to stall for how many ms."""
    name = sys.argv[1]
    total, chunk, lead, stall_at, stall_ms = map(int, sys.argv[2:7])
    with Ring.attach(name) as ring:
        while (written := ring.written_frames) < total:
            if ring.lead_frames >= lead:
                time.sleep(0.002)
                continue
            if stall_ms and written >= stall_at:
                time.sleep(stall_ms / 1000)
                stall_ms = 0
            ring.write(ramp(written, chunk))
        ring.finish()


if __name__ == "__main__":
    main()
