"""The rig's `[midi.out]`: who is sent the notes that are played, and on which channels. [any]"""

from __future__ import annotations

from dataclasses import dataclass

from legando.realtime.errors import RigError
from legando.realtime.midi.portname import check_port_name
from legando.realtime.midi.voices import DRUMS, PARTS_OUT
from legando.realtime.rigs.checks import check_range


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesRig:
    """`port` is a port's name as `portname` reads it, `virtual` a port to offer; empty is nobody. A channel of 1 to 16
    for each part, 0 where it is not sent; `played` is what the performer plays.

    Notes leave when their sound leaves the device. With `software` they leave when it is handed to the device: the
    synthesizer is in this computer, and its sound takes the same way. `ahead_ms` is how much earlier still.
    """

    port: str = ""
    virtual: str = ""
    drums: int = 10
    bass: int = 2
    chord: int = 1
    lead: int = 3
    texture: int = 4
    played: int = 0
    software: bool = False
    ahead_ms: float = 0.0

    def __post_init__(self) -> None:
        check_port_name("port", self.port)
        check_range("ahead_ms", self.ahead_ms, -500.0, 50.0)
        for part in PARTS_OUT:
            check_range(part, getattr(self, part), 0, 16)
            if part != DRUMS and self.drums and getattr(self, part) == self.drums:
                raise RigError(f"{part} = {self.drums} is the channel of the drums; choose another, or 0")

    @property
    def wanted(self) -> bool:
        """Whether notes are sent to anybody."""
        return bool(self.port or self.virtual)

    @property
    def channels(self) -> dict[str, int]:
        """The channel of each part that is sent, counted from 0."""
        return {part: channel - 1 for part in PARTS_OUT if (channel := getattr(self, part))}
