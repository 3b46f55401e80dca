"""Network passes: how often a network runs for each second of audio, beside MusicLM and MeLoDy. [any]

A pass is one run of one network: one tick of the language model, one evaluation of the denoiser (the one that only
writes its past too; two rows for guidance are one run), one chunk of the decoder. MeLoDy counts alike: its abstract
says "95.7% or 99.6%" fewer forward passes than MusicLM for 10 s or 30 s (Lam et al. 2023, arXiv 2305.15719).

MusicLM (Agostinelli et al. 2023, arXiv 2301.11325) writes one token a pass: 25 semantic tokens a second, and 50 frames
a second of 12 residual codes, the first 4 by its coarse model and the other 8 by its fine one:

    25 + 50 x 4 + 50 x 8 = 625 passes a second; 6,250 for 10 s, 18,750 for 30 s

The reductions applied to that give MeLoDy 269 passes for 10 s (250 semantic tokens and about twenty diffusion steps)
and 75 for 30 s. The second is fewer than the 750 semantic tokens of 30 s, so the authors must have counted MusicLM's
windows in another way there; it is quoted as published. Passes are not work: `weights_read` multiplies each by the size
of its network, with 430 M parameters for each of MusicLM's three.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping

from legando.engines.backend import Network

MUSICLM_SEMANTIC_HZ = 25
MUSICLM_FRAMES_HZ = 50
MUSICLM_COARSE, MUSICLM_FINE = 4, 8
MUSICLM_PASSES_A_SECOND = MUSICLM_SEMANTIC_HZ + MUSICLM_FRAMES_HZ * (MUSICLM_COARSE + MUSICLM_FINE)
MUSICLM_PARAMETERS = 430_000_000
MELODY_FEWER = {10: 0.957, 30: 0.996}
"""Published reduction against MusicLM, by seconds of audio."""
_PARAMETERS_OF = {"decoder": "codec"}  # graph: whose size the manifest gives, encoder included


@contextlib.contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the runs of every network made or used inside the block, by the stem of its file. One thread only. [any]"""
    runs: Counter[str] = Counter()
    run = Network.run

    def counting(self: Network, *, keep: bool = True) -> None:
        runs[self.path.stem] += 1
        run(self, keep=keep)

    Network.run = counting  # type: ignore[method-assign]
    try:
        yield runs
    finally:
        Network.run = run  # type: ignore[method-assign]


def musiclm_passes(seconds: float) -> float:
    """Return MusicLM's passes for so much audio, by the formula above. [any]"""
    return MUSICLM_PASSES_A_SECOND * seconds


def melody_passes(seconds: int) -> float:
    """Return MeLoDy's passes for 10 or 30 s: its published reduction, applied to MusicLM's. [any]"""
    return musiclm_passes(seconds) * (1.0 - MELODY_FEWER[seconds])


def fewer(passes: float, seconds: float) -> float:
    """Return by which share passes for so much audio are fewer than MusicLM's. [any]"""
    return 1.0 - passes / musiclm_passes(seconds)


def weights_read(passes: Mapping[str, float], parameters: Mapping[str, int]) -> float:
    """Return how many weights the passes go through: passes of each graph x the size of its network. [any]

    `parameters` is the manifest's `sizes.parameters`. A graph counts as the network that its name begins with.
    """
    total = 0.0
    for name, count in passes.items():
        known = [size for key, size in parameters.items() if name.startswith(key)]
        known += [parameters[key] for graph, key in _PARAMETERS_OF.items() if name.startswith(graph)]
        total += count * max(known, default=0)
    return total
