"""Counter-based random numbers: the same seed, stream and counter give the same numbers, in any order. [any]

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), checked against the known-answer
vectors of Random123. Nothing is carried from call to call, so a take replays from any chunk, and a CUDA kernel can
make the same numbers. Layout: the key is the 64-bit seed (low word first); the 128-bit counter is

| word | holds |
|---|---|
| 0 | block number within the call: four numbers come out of each block |
| 1, 2 | the caller's 64-bit counter (tick, chunk or bar), low word first |
| 3 | stream: one of `SCORE`, `LATENT`, `NOISE`, `FORM` |

Integers and uniforms are the same bits on every machine. Logarithms, roots, sines and cosines are taken in float64 and
rounded to float32 at the end, so that a last-bit difference between maths libraries practically never shows.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SCORE = 0
"""Stream of the language model's sampling noise; its counter is the tick."""
LATENT = 1
"""Stream of the denoiser's starting noise; its counter is the chunk."""
NOISE = 2
"""Stream of the decoder's excitation; always of seed 0 and counter 0."""

FORM = 3
"""Stream of the arranger's decisions; its counter names the decision."""

_ROUNDS = 10
_MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], dtype="<u4")
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF


@lru_cache(maxsize=64)
def _round_keys(low: int, high: int) -> NDArray[np.uint32]:
    keys = [[[(low + r * _WEYL[0]) & _MASK], [(high + r * _WEYL[1]) & _MASK]] for r in range(_ROUNDS)]
    return np.array(keys, dtype="<u4")


def philox4x32(counters: NDArray[np.uint32], key: tuple[int, int]) -> NDArray[np.uint32]:
    """Return the Philox4x32-10 block of each counter. [any]

    `counters` (4, n) and the result (4, n) are uint32, word by word.
    """
    keys = _round_keys(*key)
    even = np.ascontiguousarray(counters[0::2], dtype="<u4")  # words 0 and 2
    odd = np.ascontiguousarray(counters[1::2], dtype="<u4")  # words 1 and 3
    product = np.empty(even.shape, dtype="<u8")
    words = product.view("<u4").reshape(*even.shape, 2)
    low, high = words[::-1, :, 0], words[::-1, :, 1]  # crossed over: each word is fed by the other product
    for r in range(_ROUNDS):
        np.multiply(even, _MULTIPLIERS, out=product, dtype="<u8")
        even = high ^ odd
        even ^= keys[r]
        odd = low.copy()
    return np.stack((even[0], odd[0], even[1], odd[1]))


def integers(seed: int, stream: int, counter: int, n: int) -> NDArray[np.uint32]:
    """Return n random uint32: the four words of block 0, then of block 1, and so on. [any]

    `seed` and `counter` count modulo 2**64, `stream` modulo 2**32.
    """
    blocks = -(-n // 4)
    counters = np.empty((4, blocks), dtype="<u4")
    counters[0] = np.arange(blocks, dtype="<u4")
    counters[1] = counter & _MASK
    counters[2] = counter >> 32 & _MASK
    counters[3] = stream & _MASK
    words = philox4x32(counters, (seed & _MASK, seed >> 32 & _MASK))
    return words.T.reshape(-1)[:n]


def _uniform64(seed: int, stream: int, counter: int, n: int) -> NDArray[np.float64]:
    """(k + 1/2) / 2**23 from the top 23 bits: exact in float32, never 0 and never 1."""
    return ((integers(seed, stream, counter, n) >> 9).astype(np.float64) + 0.5) * 2.0**-23


def uniform(seed: int, stream: int, counter: int, n: int) -> NDArray[np.float32]:
    """Return n float32 uniform in the open interval (0, 1). [any]"""
    return _uniform64(seed, stream, counter, n).astype(np.float32)


def normal(seed: int, stream: int, counter: int, n: int) -> NDArray[np.float32]:
    """Return n float32 from the standard normal distribution (Box and Muller, 1958). [any]

    Uniforms 2 i and 2 i + 1 make normals 2 i (cosine) and 2 i + 1 (sine).
    """
    u = _uniform64(seed, stream, counter, n + n % 2)
    radius = np.sqrt(-2.0 * np.log(u[0::2]))
    angle = 2.0 * np.pi * u[1::2]
    pairs = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
    return pairs.reshape(-1)[:n].astype(np.float32)


def gumbel(seed: int, stream: int, counter: int, n: int) -> NDArray[np.float32]:
    """Return n float32 from the standard Gumbel distribution, -ln(-ln(u)). [any]

    The index of the largest `logits + gumbel` is a sample of softmax(logits).
    """
    return (-np.log(-np.log(_uniform64(seed, stream, counter, n)))).astype(np.float32)
