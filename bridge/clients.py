"""Clients: who has said hello, how much each may say, and who leads the time. No socket, no clock. [any]

Whoever has not said hello has no place in memory here, so that strangers cost nothing however many there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from legando.bridge.controlmessages import FromServer

MAX_CLIENTS = 32
MAX_MESSAGES_PER_S = 2000
"""What one client may send; a full sweep of ten knobs at once takes half of it."""

SILENCE_MS = 10_000
"""A client that says nothing for so long has gone; a ping is enough to stay."""

LEAD_MS = 2_000
"""Whoever leads the time does so until it is silent for so long."""

STALE_MS = 1_000
"""What was sent longer ago is not done any more: its moment has passed."""

_WINDOW_NS = 5_000_000_000
"""Within two of these the quickest message is looked for; 200 ppm between two clocks are 2 ms in them."""


@dataclass(slots=True)
class OtherClock:
    """State: how far another machine's clock is behind this one, by its quickest message of the last seconds.

    No message comes before it was sent: the least difference is the nearest to the truth (RFC 5905, section 10). What
    is on its way for longer was late, and keeps its distance from the others.
    """

    least_ns: int | None = None
    last_least_ns: int | None = None
    since_ns: int = 0

    def sent_ns(self, timestamp_ns: int, now_ns: int) -> int:
        """Return when a message was sent, as if the quickest had taken no time; at most `STALE_MS` ago. [any]"""
        behind_ns = now_ns - timestamp_ns
        if now_ns - self.since_ns > _WINDOW_NS:
            self.last_least_ns = self.least_ns if now_ns - self.since_ns <= 2 * _WINDOW_NS else None
            self.least_ns, self.since_ns = None, now_ns
        self.least_ns = behind_ns if self.least_ns is None else min(self.least_ns, behind_ns)
        least_ns = self.least_ns if self.last_least_ns is None else min(self.least_ns, self.last_least_ns)
        if behind_ns - least_ns > STALE_MS * 1_000_000:  # its clock has stood still, as in a machine that slept
            self.least_ns, self.last_least_ns, least_ns = behind_ns, None, behind_ns
        return now_ns - (behind_ns - least_ns)


@dataclass(slots=True)
class Client:
    """One client: what it wants to hear, the number of its last message, and its allowance."""

    identity: bytes
    name: str
    events: int
    same_clock: bool
    heard_ns: int
    number: int
    allowance: float = MAX_MESSAGES_PER_S
    allowance_ns: int = 0
    other_clock: OtherClock = field(default_factory=OtherClock)
    told: dict[int, FromServer] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    next_notes: int | None = None

    def may_speak(self, now_ns: int) -> bool:
        """Take one message from the allowance, which fills again with time; False when it is used up. [any]"""
        filled = self.allowance + (now_ns - self.allowance_ns) * 1e-9 * MAX_MESSAGES_PER_S
        self.allowance = min(filled, float(MAX_MESSAGES_PER_S))
        self.allowance_ns = now_ns
        if self.allowance < 1.0:
            return False
        self.allowance -= 1.0
        return True

    def is_new(self, number: int) -> bool:
        """Say whether a message is not a repeat: its number is above all before it. [any]"""
        if number <= self.number:
            return False
        self.number = number
        return True

    def sent_ns(self, timestamp_ns: int, now_ns: int) -> int:
        """Return when a message was sent, on the server's clock, as far as that can be known. [any]"""
        if self.same_clock:
            return min(timestamp_ns, now_ns)
        return self.other_clock.sent_ns(timestamp_ns, now_ns)


class Clients:
    """State: the clients by their connection, and which of them leads the time."""

    def __init__(self, max_clients: int = MAX_CLIENTS) -> None:
        self._max = max_clients
        self._all: dict[bytes, Client] = {}
        self._leader: bytes | None = None
        self._led_ns = 0

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Client]:
        return iter(tuple(self._all.values()))

    def of(self, identity: bytes) -> Client | None:
        """Return the client of a connection, if it has said hello. [any]"""
        return self._all.get(identity)

    def admit(self, client: Client) -> bool:
        """Take in a client, or one that says hello again; False when there are too many. [any]"""
        if client.identity not in self._all and len(self._all) >= self._max:
            return False
        self._all[client.identity] = client
        return True

    def leave(self, identity: bytes) -> bool:
        """Forget a client; say whether it was the one that led. [any]"""
        self._all.pop(identity, None)
        led = self._leader == identity
        if led:
            self._leader = None
        return led

    def silent(self, now_ns: int) -> list[bytes]:
        """Return the connections that have said nothing for too long. [any]"""
        return [one.identity for one in self._all.values() if now_ns - one.heard_ns > SILENCE_MS * 1_000_000]

    def lead(self, identity: bytes, now_ns: int) -> bool:
        """Let a client lead the time; False while another one does. [any]"""
        if self._leader not in (None, identity) and not self.lead_is_over(now_ns):
            return False
        self._leader, self._led_ns = identity, now_ns
        return True

    def lead_is_over(self, now_ns: int) -> bool:
        """Say whether somebody has led and has fallen silent. [any]"""
        return self._leader is not None and now_ns - self._led_ns > LEAD_MS * 1_000_000

    def release(self, identity: bytes | None = None) -> bool:
        """End the lead of a client, or of whoever has it; say whether there was one to end. [any]"""
        if self._leader is None or identity not in (None, self._leader):
            return False
        self._leader = None
        return True
