"""The OSC server: a thread that hears datagrams and queues what they mean. [control]

However many come, it reads no more than the rig's `max_per_s`; meanwhile the socket's own buffer overflows, which costs
nobody anything. Whatever cannot be understood is counted, and told of once a second at most.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.osc.oscaddress import is_local, read_osc_address
from legando.realtime.osc.oscmap import PROMPT, event_of, line_of
from legando.realtime.osc.oscwire import Message, OscError, parse_osc
from legando.realtime.performing.ownevent import read_own_event
from legando.realtime.rigs.rig import OscRig
from legando.realtime.taken import taken

BUNDLE = "/legando/bundle/"
DATAGRAM_MAX = 8192
QUEUE_MAX = 4096
NEWS_S = 1.0
_BURST_S = 0.1
_NAP_S = 0.01


class OscServer:
    """Its thread calls `on_control` for each control that is set, and `on_prompt` for each prompt, as soon as it comes;
    the rest is the host's. `scenes` are the names that it knows, a tuple that the host replaces whole.
    """

    def __init__(
        self,
        rig: OscRig,
        scenes: Sequence[str],
        on_control: Callable[[str, float], None] | None = None,
        on_prompt: Callable[[str], None] | None = None,
    ) -> None:
        """Bind the socket; raises DeviceError, one sentence, when that cannot be."""
        self.scenes = tuple(scenes)
        self._on_control = on_control
        self._on_prompt = on_prompt
        self._per_s = rig.max_per_s
        self._queue: queue.Queue[LiveMessage] = queue.Queue(QUEUE_MAX)
        self._bundles: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._told_s = -NEWS_S
        self.received = self.bad = self.dropped = 0
        host, port = read_osc_address("listen", rig.listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise DeviceError(f"OSC cannot listen on {rig.listen}: {error.strerror}; choose another port") from error
        self._socket.settimeout(0.2)
        self.port: int = self._socket.getsockname()[1]
        if not is_local(host):
            self._news.put(f"OSC listens on {rig.listen}: whoever reaches this machine can play it")
        self._thread = threading.Thread(target=self._run, name="osc", daemon=True)
        self._thread.start()

    def take(self) -> Iterator[LiveMessage]:
        """Yield what has come since the last call, oldest first."""
        return taken(self._queue)

    def take_bundles(self) -> Iterator[str]:
        """Yield what is asked of bundles: `next`, `back`, or a candidate's name or number."""
        return taken(self._bundles)

    def take_news(self) -> Iterator[str]:
        """Yield what the performer should know, a sentence each."""
        return taken(self._news)

    def close(self) -> None:
        """End the thread, close the socket; harmless twice."""
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        allowed, at_s = self._per_s * _BURST_S, time.monotonic()
        while not self._closing.is_set():
            now_s = time.monotonic()
            allowed = min(self._per_s * _BURST_S, allowed + (now_s - at_s) * self._per_s)
            at_s = now_s
            if allowed < 1.0:
                time.sleep(_NAP_S)
                continue
            try:
                datagram = self._socket.recv(DATAGRAM_MAX)
            except TimeoutError:
                continue
            except OSError as error:  # an answer of ours met nobody: not ours to mind
                if self._closing.wait(_NAP_S):
                    return
                self._say(f"OSC cannot hear ({error.strerror})")
                continue
            allowed -= self._hear(datagram)

    def _hear(self, datagram: bytes) -> int:
        """Queue what a datagram means, and return how many messages it was."""
        now_ns = time.perf_counter_ns()
        self.received += 1
        count = 0
        try:
            for message in parse_osc(datagram):
                count += 1
                if message[0].startswith(BUNDLE):
                    self._bundles.put(self._bundle_word(message))
                    continue
                if message[0] == PROMPT and self._on_prompt is not None:
                    self._on_prompt(line_of(message[1]))
                    continue
                event = event_of(message, self.scenes)
                self._queue.put_nowait(LiveMessage(now_ns, event))
                told = read_own_event(event)
                if self._on_control is not None and isinstance(told, tuple):
                    self._on_control(*told)
        except queue.Full:
            self.dropped += 1
            self._say(f"OSC brings more than can be played; {self.dropped} messages were left out")
        except LegandoError as error:
            self.bad += 1
            self._say(f"OSC: {error} ({self.bad} such messages)")
        return max(1, count)

    @staticmethod
    def _bundle_word(message: Message) -> str:
        word, given = message[0].removeprefix(BUNDLE), message[1]
        if word not in ("next", "back"):
            raise OscError(f"there is no {message[0][:60]!r}; known are {BUNDLE}next and {BUNDLE}back")
        return str(given[0])[:200] if word == "next" and given else word

    def _say(self, sentence: str) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= NEWS_S:
            self._told_s = now_s
            self._news.put("".join(letter if letter.isprintable() else "?" for letter in sentence))
