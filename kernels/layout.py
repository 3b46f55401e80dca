"""The memory that host and kernels share, as NumPy record types: the structs at the top of the .cu files. [any]

| record           | file         | who writes        | when                                             |
|------------------|--------------|-------------------|--------------------------------------------------|
| CONTROLS         | `seam.cu`    | host              | before each launch                               |
| REPORT           | `seam.cu`    | kernel, one block | at the end of each chunk, `sequence` last of all |
| COUNTED          | `philox.cuh` | host              | before each launch; one for each stream          |
| TOKEN_CONTROLS   | `tokens.cu`  | host              | before each tick; one for each stream            |
| INSERT_CONTROLS  | `insert.cuh` | host              | before each chunk; one for each stream           |

All live in mapped pinned memory. Words of 8 bytes come first and sizes are multiples of 8, so neither language pads.
"""

import numpy as np

CONTROLS = np.dtype(
    [
        ("gain_from", np.float32),
        ("gain_to", np.float32),
        ("knee", np.float32),
        ("ceiling", np.float32),
        ("sequence", np.uint32),
    ]
)

REPORT = np.dtype(
    [
        ("peak", np.float32, (2,)),
        ("sum_squares", np.float32, (2,)),
        ("limited_frames", np.uint32),
        ("bad_samples", np.uint32),
        ("frames", np.uint32),
        ("sequence", np.uint32),
    ]
)

COUNTED = np.dtype([("seed", np.uint64), ("counter", np.uint64)])

TOKEN_CONTROLS = np.dtype(
    [("seed", np.uint64), ("tick", np.uint64), ("temperature", np.float32), ("padding", np.uint32)]
)

INSERT_CONTROLS = np.dtype(
    [("gain_from", np.float32), ("gain_step", np.float32), ("open", np.uint32), ("sends", np.uint32)]
)
