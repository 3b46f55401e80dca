"""Publisher and subscriber over real sockets: exact, current, and never in each other's way."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from legando.bridge.publisher import KERNEL_BUFFER_BYTES, QUEUE_MESSAGES, Publisher
from legando.bridge.subscriber import AudioBlock, Subscriber
from legando.bridge.wire import MAX_SAMPLES_BYTES, SampleFormat
from legando.realtime.errors import LegandoError, WireError

PATIENT_MS = 10_000.0


def receive(subscriber: Subscriber) -> AudioBlock:
    block = subscriber.receive(PATIENT_MS)
    assert block is not None, f"nothing came ({subscriber.last_refusal or 'no refusals'})"
    return block


def test_every_block_arrives_bit_exact_and_in_order(
    publisher: Publisher, broadcast: Callable[..., Any], signal: Callable[..., Any]
) -> None:
    with Subscriber(publisher.endpoint) as subscriber:
        broadcast(publisher)
        blocks = [receive(subscriber) for _ in range(200)]
    for block in blocks:
        assert np.array_equal(block.frames, signal(block.frame_position))
        assert block.sample_rate_hz == 48_000
        assert 0 < block.latency_ns < 2_000_000_000
    assert [block.sequence for block in blocks] == list(range(blocks[0].sequence, blocks[0].sequence + 200))
    assert (subscriber.gaps, subscriber.lost_frames, subscriber.restarts) == (0, 0, 0)
    assert subscriber.blocks == 200


def test_a_late_subscriber_begins_with_what_is_current(publisher: Publisher, broadcast: Callable[..., Any]) -> None:
    broadcast(publisher)
    time.sleep(0.3)
    before = publisher.blocks
    with Subscriber(publisher.endpoint) as subscriber:
        block = receive(subscriber)
    assert block.sequence >= before
    assert block.gap_frames == 0
    assert not block.restarted


def test_chunks_that_were_never_sent_are_gaps_of_their_length(
    publisher: Publisher, broadcast: Callable[..., Any]
) -> None:
    with Subscriber(publisher.endpoint) as subscriber:
        broadcast(publisher, skip=lambda chunk: chunk % 50 in (10, 11, 12))
        blocks = [receive(subscriber) for _ in range(120)]
    gaps = [block for block in blocks if block.gap_frames]
    assert len(gaps) >= 2
    assert all(block.gap_frames == 384 and block.frame_position // 128 % 50 == 13 for block in gaps)
    assert subscriber.lost_frames == 384 * len(gaps)


def test_a_subscriber_that_stalls_goes_on_with_current_audio_and_counts_its_loss(
    publisher: Publisher, broadcast: Callable[..., Any]
) -> None:
    with Subscriber(publisher.endpoint) as sleeper, Subscriber(publisher.endpoint, max_age_ms=None) as other:
        broadcast(publisher)
        first = receive(sleeper)
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            receive(other)
        block = receive(sleeper)
    assert block.latency_ns <= 500_000_000
    assert sleeper.stale > 0
    assert block.gap_frames == block.frame_position - first.frame_position - 128 > 0
    assert sleeper.lost_frames == block.gap_frames
    assert other.gaps == 0


SLEEPER = """
import sys, time
from legando.bridge.subscriber import Subscriber
with Subscriber(sys.argv[1]) as subscriber:
    print(subscriber.receive(20_000) is not None, flush=True)
    time.sleep(5.0)
    print(subscriber.receive(20_000) is not None, flush=True)
"""


def test_a_listener_over_tcp_that_sleeps_with_a_full_queue_wakes_up() -> None:
    """With ZeroMQ's heartbeats libzmq 4.3.5 would end the program that sleeps for longer than they allow."""
    frames = np.zeros((2048, 2), np.float32)
    with (
        Publisher("tcp://127.0.0.1:0") as opened,
        subprocess.Popen([sys.executable, "-c", SLEEPER, opened.endpoint], stdout=subprocess.PIPE, text=True) as child,
    ):
        while child.poll() is None:
            opened.publish(frames, 2048 * opened.blocks)
            time.sleep(0.003)
        assert child.stdout is not None
        assert (child.returncode, child.stdout.read()) == (0, "True\nTrue\n")


def test_what_waits_for_a_slow_subscriber_is_bounded_and_publishing_never_waits(publisher: Publisher) -> None:
    frames = np.zeros((128, 2), np.float32)
    message_bytes = frames.nbytes + 100
    with Subscriber(publisher.endpoint, max_age_ms=None) as slow:
        position = 0
        while slow.receive(1.0) is None:  # until the subscription has reached the publisher
            publisher.publish(frames, position)
            position += 128
        longest_ns = 0
        for _ in range(20_000):
            before_ns = time.perf_counter_ns()
            publisher.publish(frames, position)
            longest_ns = max(longest_ns, time.perf_counter_ns() - before_ns)
            position += 128
        burst = 0
        while slow.receive(200.0) is not None:
            burst += 1
        publisher.publish(frames, position)
        block = receive(slow)
    # Linux books about twice the bytes asked for in each socket buffer; libzmq batches 8 KiB in between.
    assert burst <= 2 * QUEUE_MESSAGES + 4 * KERNEL_BUFFER_BYTES // message_bytes + 64
    assert block.gap_frames + slow.lost_frames >= (20_000 - burst) * 128 > 0
    assert longest_ns < 1_000_000_000


def test_a_subscriber_hears_its_own_stream_only(publisher: Publisher) -> None:
    with Subscriber(publisher.endpoint, stream="mai") as wrong, Subscriber(publisher.endpoint) as right:
        position = 0
        while right.receive(1.0) is None:
            publisher.publish(np.zeros((128, 2), np.float32), position)
            position += 128
        assert wrong.receive(50.0) is None


def test_int16_arrives_as_float32_within_half_a_step(tmp_path: Path) -> None:
    sent = np.linspace(-1.0, 1.0, 256, dtype=np.float32).reshape(128, 2)
    with (
        Publisher(f"ipc://{tmp_path}/a.ipc", sample_format=SampleFormat.INT16) as publisher,
        Subscriber(publisher.endpoint) as subscriber,
    ):
        block = None
        while block is None:
            publisher.publish(sent, 0)
            block = subscriber.receive(1.0)
    assert np.abs(block.frames[:-1] - sent[:-1]).max() <= 0.5 / 32768
    assert block.frames[-1, 1] == pytest.approx(32767 / 32768)


def test_foreign_messages_are_refused_counted_and_do_not_disturb(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/a.ipc"
    with zmq.Context() as context, context.socket(zmq.PUB) as foreign:
        foreign.setsockopt(zmq.LINGER, 0)
        foreign.bind(endpoint)
        with Subscriber(endpoint) as subscriber:
            for _ in range(2000):
                foreign.send(b"main\0")
                foreign.send(b"main\0" + bytes(2000))
                foreign.send_multipart([b"main\0"] + [b"x"] * 50)
                if subscriber.receive(1.0) is None and subscriber.malformed >= 30:
                    break
            assert subscriber.malformed >= 30
            assert subscriber.blocks == 0
            assert "is the sender legando?" in subscriber.last_refusal


def test_close_from_another_thread_wakes_a_receiver(tmp_path: Path) -> None:
    subscriber = Subscriber(f"ipc://{tmp_path}/nobody.ipc")
    got: list[list[AudioBlock]] = []
    waiting = threading.Thread(target=lambda: got.append(list(subscriber)))
    waiting.start()
    time.sleep(0.05)
    subscriber.close()
    waiting.join(10.0)
    assert got == [[]]
    assert subscriber.closed
    subscriber.close()
    assert subscriber.receive(0.0) is None


def test_receive_gives_up_after_its_time(tmp_path: Path) -> None:
    with Subscriber(f"ipc://{tmp_path}/nobody.ipc") as subscriber:
        before = time.monotonic()
        assert subscriber.receive(0.0) is None
        assert subscriber.receive(50.0) is None
        assert time.monotonic() - before >= 0.05


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (np.zeros((128, 2), np.float64), r"float64 \(128, 2\)"),
        (np.zeros((128, 1), np.float32), r"float32 \(128, 1\)"),
        (np.zeros(128, np.float32), r"float32 \(128,\)"),
        (np.zeros((0, 2), np.float32), "0 frames of 2 channels do not fit a message; send 1 to 131072"),
        (np.zeros((MAX_SAMPLES_BYTES // 8 + 1, 2), np.float32), "do not fit a message"),
    ],
)
def test_publish_refuses_what_the_format_cannot_carry(tmp_path: Path, frames: Any, says: str) -> None:
    with Publisher(f"ipc://{tmp_path}/a.ipc") as publisher:
        with pytest.raises(LegandoError, match=says):
            publisher.publish(frames, 0)
        assert publisher.blocks == 0


def test_publish_refuses_a_foreign_clock_and_a_negative_position(tmp_path: Path) -> None:
    frames = np.zeros((128, 2), np.float32)
    with Publisher(f"ipc://{tmp_path}/a.ipc") as publisher:
        with pytest.raises(LegandoError, match=r"use perf_counter_ns"):
            publisher.publish(frames, 0, time.time_ns())
        with pytest.raises(WireError, match="frame position -1"):
            publisher.publish(frames, -1)
    with pytest.raises(LegandoError, match="is closed; open a new one"):
        publisher.publish(frames, 0)


def test_a_stream_that_cannot_exist_is_refused_before_a_socket_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.ipc"
    for wrong in ({"channels": 33}, {"sample_rate_hz": 0}, {"stream": "a b"}):
        with pytest.raises(WireError):
            Publisher(f"ipc://{path}", **wrong)
    assert not path.exists()
