"""Counter-based random numbers: published vectors, distributions, independence of order, cost."""

import hashlib
import time

import numpy as np
import pytest

from legando.engines.counter_rng import LATENT, SCORE, gumbel, integers, normal, philox4x32, uniform

# Random123, examples/kat_vectors: philox4x32, 10 rounds: counter, key, result.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_philox_gives_the_published_vectors(counter: str, key: str, result: str) -> None:
    low, high = words(key)
    block = philox4x32(np.array(words(counter), dtype=np.uint32)[:, None], (low, high))
    assert block[:, 0].tolist() == words(result)


def test_many_counters_at_once_equal_one_at_a_time() -> None:
    counters = np.random.default_rng(1).integers(0, 2**32, (4, 50), dtype=np.uint32)
    together = philox4x32(counters, (7, 9))
    alone = np.concatenate([philox4x32(counters[:, i : i + 1], (7, 9)) for i in range(50)], axis=1)
    np.testing.assert_array_equal(together, alone)


def test_shorter_request_is_a_prefix_and_large_seeds_and_counters_matter() -> None:
    full = integers(5, SCORE, 11, 439)
    np.testing.assert_array_equal(integers(5, SCORE, 11, 10), full[:10])
    others = [
        integers(5 + 2**32, SCORE, 11, 439),
        integers(5, LATENT, 11, 439),
        integers(5, SCORE, 12, 439),
        integers(5, SCORE, 11 + 2**32, 439),
    ]
    for other in others:
        assert np.mean(other == full) < 0.01


def test_bytes_are_the_same_on_every_machine() -> None:
    """Recorded once: a change here means that old takes no longer replay."""
    digest = hashlib.sha256(integers(1, SCORE, 2, 4096).astype("<u4").tobytes()).hexdigest()
    assert digest == "6d0155207500acc27695fe9deb273d010c4362a9ac55e5d3e6a8eb5a59e3e30f"
    digest = hashlib.sha256(uniform(1, SCORE, 2, 4096).astype("<f4").tobytes()).hexdigest()
    assert digest == "4e6d6f096c5d96cf0bf87eceb40217f5d26b87108521f5a47221c280769d1f53"


def test_distributions() -> None:
    n = 200_000
    u = uniform(3, SCORE, 0, n)
    assert 0.0 < u.min() < 1e-4 and 1.0 - 1e-4 < u.max() < 1.0
    np.testing.assert_allclose(np.quantile(u, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.005)
    z = normal(3, LATENT, 0, n)
    np.testing.assert_allclose([z.mean(), z.std(), (z**3).mean(), (z**4).mean()], [0, 1, 0, 3], atol=0.06)
    assert abs(np.corrcoef(z[0::2], z[1::2])[0, 1]) < 0.01
    g = gumbel(3, SCORE, 0, n)
    np.testing.assert_allclose([g.mean(), g.var()], [0.57722, np.pi**2 / 6], atol=0.02)
    assert all(x.dtype == np.float32 for x in (u, z, g))


def test_gumbel_argmax_samples_the_softmax() -> None:
    probabilities = np.array([0.6, 0.3, 0.1])
    noise = gumbel(9, SCORE, 4, 30_000).reshape(-1, 3)
    counts = np.bincount(np.argmax(np.log(probabilities) + noise, axis=1), minlength=3) / len(noise)
    np.testing.assert_allclose(counts, probabilities, atol=0.02)


def test_one_tick_of_noise_is_cheap() -> None:
    def best_ms(call: object) -> float:
        times = []
        for _ in range(50):
            start = time.perf_counter_ns()
            call()  # type: ignore[operator]
            times.append(time.perf_counter_ns() - start)
        return min(times) / 1e6

    assert best_ms(lambda: gumbel(1, SCORE, 5, 439)) < 0.3
    assert best_ms(lambda: normal(1, LATENT, 5, 256)) < 0.3
