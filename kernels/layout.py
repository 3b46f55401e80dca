"""The memory that host and seam kernel share, as NumPy record types: the structs at the top of `seam.cu`. [any]

| record   | who writes        | when                                              |
|----------|-------------------|---------------------------------------------------|
| CONTROLS | host              | before each launch                                |
| REPORT   | kernel, one block | at the end of each chunk, `sequence` last of all  |

Both live in mapped pinned memory. All fields are 4 bytes, so neither language pads.
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
