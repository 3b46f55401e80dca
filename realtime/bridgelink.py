"""The bridge as the host sees it: sound goes out, what programs want comes in, what happens is told. [control]

Owned by the host's thread. The publisher sends from it without waiting; the control server has a thread of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from legando.bridge import controlmessages as say
from legando.bridge.control import ControlServer, Lead
from legando.bridge.controlwire import clip
from legando.bridge.keys import server_keys
from legando.bridge.publisher import Publisher, Track
from legando.bridge.wire import SampleFormat
from legando.realtime.enginelink import Made
from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.performing.ownevent import song_event
from legando.realtime.performing.songplace import SongPlace
from legando.realtime.priority import HOST_PRIORITY
from legando.realtime.render import Frames
from legando.realtime.rigs.controlnames import CONTROLS
from legando.realtime.rigs.rig import Rig
from legando.realtime.rigs.scene import Scene
from legando.realtime.screen.meter import Levels

LEVELS_NS = 50_000_000
BUDGET_NS = 500_000_000


class BridgeLink:
    """Open what the rig asks for: an audio endpoint, a control endpoint, both or none."""

    def __init__(self, rig: Rig, *, sample_rate_hz: int, channels: int) -> None:
        self._rig = rig
        folder = rig.path(rig.bridge.keys)
        self._keys = server_keys(Path(folder)) if folder is not None else None
        self._rate = sample_rate_hz
        self._audio: Publisher | None = None
        self._small: Track | None = None
        self._control: ControlServer | None = None
        self._latency_frames = 0
        self.led = False  # whether a program's song leads the time
        self._told_ns = {say.LEVELS: 0, say.BUDGET: 0}
        self._scenes: tuple[Scene, ...] = ()
        self._names: list[str] = []  # of the controls, with those that count these scenes
        if rig.bridge.publish:
            self._audio = Publisher(
                rig.bridge.publish,
                stream=rig.bridge.stream,
                sample_rate_hz=sample_rate_hz,
                channels=channels,
                keys=self._keys,
                io_priority=HOST_PRIORITY,
            )
            if rig.bridge.int16_stream:
                self._small = self._audio.add(
                    rig.bridge.int16_stream,
                    sample_rate_hz=sample_rate_hz,
                    channels=channels,
                    sample_format=SampleFormat.INT16,
                )

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where it can be reached."""
        audio = (self._audio.endpoint,) if self._audio is not None else ()
        return audio + ((self._control.endpoint,) if self._control is not None else ())

    @property
    def publishes(self) -> bool:
        """Whether the sound goes anywhere."""
        return self._audio is not None

    @property
    def account(self) -> dict[str, dict[str, Any]]:
        """Who is there, and what was refused, for each socket."""
        sockets: dict[str, dict[str, Any]] = {}
        if self._audio is not None:
            sockets["audio"] = {"clients": self._audio.connections, "refused": self._audio.refusals.plain()}
        if self._control is not None:
            sockets["control"] = {"clients": self._control.clients, "refused": self._control.refusals.plain()}
        return sockets

    def open_control(
        self, on_set: Callable[[str, float], None], on_prompt: Callable[[str], None], *, latency_frames: int
    ) -> None:
        """Let programs steer from now on; `on_set` hears at once of each control that one sets, on another thread.

        So does `on_prompt` of each prompt; it raises RigError for one that cannot be read.
        """
        self._latency_frames = latency_frames
        if not self._rig.bridge.control:
            return
        streams = [
            say.StreamInfo(
                one.name, one.stream_id, one.sample_rate_hz, one.channels, int(one.sample_format), latency_frames
            )
            for one in (self._audio.streams if self._audio is not None else ())
        ]
        self._control = ControlServer(
            self._rig.bridge.control, streams=streams, on_set=on_set, on_prompt=on_prompt, keys=self._keys
        )

    def publish(self, block: Frames, position_frames: int, made_ns: int) -> None:
        """Send a chunk on every stream."""
        if self._audio is not None:
            self._audio.publish(block, position_frames, made_ns)
            if self._small is not None:
                self._small.publish(block, position_frames, made_ns)

    def take(self, *, position_frames: int, sounds_at_ns: int) -> Iterator[LiveMessage]:
        """Yield what programs have done, oldest first; `sounds_at_ns` is when the frame at the position is heard."""
        if self._control is None:
            return
        for came in self._control.take():
            if isinstance(came, LiveMessage):
                yield came
                continue
            self.led = came.tempo_bpm > 0.0
            frame = came.frame_position
            if frame is None:
                frame = position_frames + (came.time_ns - sounds_at_ns) * self._rate // 1_000_000_000
            yield LiveMessage(time.perf_counter_ns(), song_event(self._place(came, frame)))

    def _place(self, lead: Lead, heard_frame: int) -> SongPlace:
        """Return the place as the generator counts: a frame's music is made so many frames before it is heard."""
        return SongPlace(lead.tempo_bpm, lead.tick, max(heard_frame - self._latency_frames, -(2**62)), lead.playing)

    def tell_chunk(
        self,
        made: Made,
        *,
        tempo_bpm: float,
        following: bool,
        scenes: tuple[Scene, ...],
        value_of: Callable[[str], float],
    ) -> None:
        """Say where the music is, and what the controls are set to."""
        if self._control is None:
            return
        frame = made.position_frames + self._latency_frames
        beat = say.BeatEvent(made.tick, tempo_bpm, frame, int(following), clip(made.chord, 16))
        self._control.tell(say.BEAT, beat)
        if scenes is not self._scenes:
            self._scenes = scenes
            weights = max(len(scene.prompts) for scene in scenes)
            self._names = [
                *CONTROLS,
                *(f"scene.{n}" for n in range(1, len(scenes) + 1)),
                *(f"weight.{n}" for n in range(1, weights + 1)),
            ]
        self._control.tell_values({name: value_of(name) for name in self._names})

    def play(self, frame: int, messages: Sequence[tuple[int, bytes]]) -> None:
        """Say which notes begin and end in the chunk at a frame."""
        if self._control is not None and messages:
            self._control.play(frame, messages)

    def tell_scene(self, index: int, scenes: tuple[Scene, ...]) -> None:
        """Say which of the scenes plays."""
        if self._control is not None:
            self._control.tell(say.SCENE, say.SceneEvent(index + 1, len(scenes), clip(scenes[index].name, 64)))

    def tell_levels(self, levels: Levels) -> None:
        """Say how loud it is, 20 times a second."""
        if self._control is not None and self._is_time(say.LEVELS, LEVELS_NS):
            peaks, rms = levels.peak_db, levels.rms_db
            self._control.tell(say.LEVELS, say.LevelsEvent(peaks[0], peaks[-1], rms[0], rms[-1]))

    def tell_budget(self, made: Made, *, lead_frames: int, full_steps: int, underruns: int, xruns: int) -> None:
        """Say what the last chunk cost, twice a second."""
        if self._control is not None and self._is_time(say.BUDGET, BUDGET_NS):
            ms = 1000.0 / self._rate
            budget = say.BudgetEvent(
                made.cost_ns / 1e6, made.frames * ms, lead_frames * ms, made.steps, full_steps, underruns, xruns
            )
            self._control.tell(say.BUDGET, budget)

    def _is_time(self, what: int, every_ns: int) -> bool:
        now_ns = time.perf_counter_ns()
        if now_ns - self._told_ns[what] < every_ns:
            return False
        self._told_ns[what] = now_ns
        return True

    def close(self) -> None:
        """Close the endpoints and remove their files."""
        if self._control is not None:
            self._control.close()
        if self._audio is not None:
            self._audio.close()
