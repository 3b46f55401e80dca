"""Control client: what both remotes are, the one that waits and the one for asyncio. [control]

A DEALER socket that keeps nothing for a server that is not there, and the conversation over it.
"""

from __future__ import annotations

from typing import Generic

import zmq

from legando.bridge import controlmessages as say
from legando.bridge import controlwire as wire
from legando.bridge.endpoint import parse_endpoint
from legando.bridge.keys import ClientKeys
from legando.bridge.session import Session, State
from legando.bridge.sockets import ContextType, S, connected, reconnect
from legando.realtime.errors import LegandoError

QUEUE_MESSAGES = 1024
_OPTIONS = {
    zmq.IMMEDIATE: 1,  # nothing waits for a server that is not there: it would come as a burst
    zmq.SNDHWM: 64,
    zmq.RCVHWM: QUEUE_MESSAGES,
    zmq.MAXMSGSIZE: wire.MAX_MESSAGE_BYTES,
}


class ControlClient(Generic[S]):
    """Base of the remotes. `state` holds what was heard last, `streams` what can be subscribed to."""

    def __init__(
        self,
        contexts: ContextType[S],
        endpoint: str,
        *,
        name: str,
        events: int,
        keys: ClientKeys | None,
        timeout_ms: float,
    ) -> None:
        parsed = parse_endpoint(endpoint, encrypted=keys is not None)
        self.endpoint = parsed.url
        self._timeout_s = timeout_ms / 1e3
        self._session = Session(name, events)
        self._context, self._socket = connected(contexts, zmq.DEALER, parsed, _OPTIONS, keys)

    @property
    def state(self) -> State:
        """What is known of the music now."""
        return self._session.state

    @property
    def streams(self) -> list[say.StreamInfo]:
        """The streams that the server offers."""
        return self._session.streams

    @property
    def welcome(self) -> say.Welcome:
        """What the server has said of itself."""
        assert self._session.welcome is not None, "a remote is greeted when it opens"
        return self._session.welcome

    def _nobody(self) -> LegandoError:
        """Connect anew, for the next time, and return what to raise now."""
        reconnect(self._socket, self.endpoint)
        return LegandoError(
            f"no server answers at {self.endpoint}; start one with control = in [bridge] of its rig, or check"
        )
