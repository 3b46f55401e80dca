"""The metrics' server: one page over HTTP, of bounded cost whoever asks and however. [control]

It lives in the monitor's process, on its one thread. At most `CONNECTIONS_MAX` connections are open; one more ends
the oldest, so that those who only hold connections cannot keep out those who ask. Each has `PATIENCE_S` to ask and to
read, and `REQUEST_MAX_BYTES` to ask in; the page is made anew at most `PAGES_A_S` times a second.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable

CONNECTIONS_MAX = 64
TURN_CONNECTIONS = 8
"""So many are taken in at once, then those that are open are heard: who asks at once is never pushed out."""

PATIENCE_S = 2.0
REQUEST_MAX_BYTES = 8192
PAGES_A_S = 4.0
_TEXT = "text/plain; charset=utf-8"

Page = Callable[[str], tuple[bytes, str]]
"""Makes the page for what a client says that it accepts: the body and its content type."""


class MetricServer:
    """Answers on a socket that listens already. State: open connections, oldest first; the page of now."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._open: dict[_Connection, None] = {}
        self._made: dict[str, tuple[float, tuple[bytes, str]]] = {}
        self._arriving: set[asyncio.Task[object]] = set()
        self.outcomes: Counter[str] = Counter(served=0, refused=0, pushed_out=0, too_slow=0)

    def start(self, listening: socket.socket) -> None:
        """Answer from now on; called in the loop that is to answer."""
        listening.setblocking(False)
        asyncio.get_running_loop().add_reader(listening.fileno(), self._take_in, listening)

    def _take_in(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(TURN_CONNECTIONS):
            try:
                client, _ = listening.accept()
            except OSError:  # nobody any more; or it has gone already
                return
            client.setblocking(False)
            task = loop.create_task(loop.connect_accepted_socket(lambda: _Connection(self), client))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    def opened(self, connection: _Connection) -> None:
        """Take in a connection; the oldest makes room."""
        self._open[connection] = None
        if len(self._open) > CONNECTIONS_MAX:
            next(iter(self._open)).end("pushed_out")

    def closed(self, connection: _Connection) -> None:
        """Forget a connection."""
        self._open.pop(connection, None)

    def answer(self, request: bytes) -> tuple[bytes, str]:
        """Return the answer to a whole request, and what became of it."""
        lines = request.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response("400 Bad Request", b"this is no HTTP request\n", _TEXT), "refused"
        method, path = words[0], words[1].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed", b"ask with GET\n", _TEXT), "refused"
        if path != "/metrics":
            return _response("404 Not Found", b"metrics are at /metrics\n", _TEXT), "refused"
        fields = (line.partition(":") for line in lines[1:])
        accepts = next((value.strip() for name, _, value in fields if name.strip().lower() == "accept"), "")
        body, kind = self._page_now("openmetrics" in accepts, accepts)
        whole = _response("200 OK", body, kind)
        return whole if method == "GET" else whole[: len(whole) - len(body)], "served"

    def _page_now(self, openmetrics: bool, accepts: str) -> tuple[bytes, str]:
        key, now_s = str(openmetrics), time.monotonic()
        made_s, page = self._made.get(key, (-1.0, (b"", "")))
        if now_s - made_s > 1.0 / PAGES_A_S or not page[0]:
            page = self._page(accepts)
            self._made[key] = (now_s, page)
        return page


class _Connection(asyncio.Protocol):
    """One client: it asks once, is answered once, and is let go."""

    def __init__(self, server: MetricServer) -> None:
        self._server = server
        self._asked = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self.end, "too_slow")
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._asked += data
        if b"\r\n\r\n" in self._asked:
            answer, outcome = self._server.answer(self._asked.partition(b"\r\n\r\n")[0])
            self._server.outcomes[outcome] += 1
            self._transport.write(answer)
            self._transport.close()  # when all is sent; the timer ends one that does not read
        elif len(self._asked) > REQUEST_MAX_BYTES:
            self.end("refused")

    def end(self, outcome: str) -> None:
        """Let the client go at once."""
        self._server.outcomes[outcome] += 1
        self._server.closed(self)
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.closed(self)
        if self._timer is not None:
            self._timer.cancel()


def _response(status: str, body: bytes, kind: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
