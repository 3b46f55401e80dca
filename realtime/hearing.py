"""Hearing: what hands, OSC, keys and programs have done since the last chunk goes to the performance. [control]"""

from __future__ import annotations

import time
from collections import Counter

from legando.realtime.errors import RigError
from legando.realtime.outfit import Outfit
from legando.realtime.performing.ownevent import control_event
from legando.realtime.prompting import sentence_of
from legando.realtime.ring import PlayerState
from legando.realtime.schedule import NoteDelay, frames_to_ns, has_a_place
from legando.realtime.screen.statusmaker import StatusMaker
from legando.realtime.show import SAMPLE_RATE_HZ


class Hearing:
    """Owned by the host's thread. State: when it last heard, and the delay at which notes sound."""

    def __init__(self, outfit: Outfit, shown: StatusMaker) -> None:
        self._outfit = outfit
        self._shown = shown
        self._delay = NoteDelay()
        self._heard_ns = time.perf_counter_ns()
        self.counts: Counter[str] = Counter(midi=0, osc=0, key=0, bridge=0)
        """How many messages have come, by source."""

    def hear(self, position_frames: int) -> None:
        """Place live notes all at one delay after they came, without jitter; a knob in the next chunk."""
        out = self._outfit
        sounds_at_ns = self._sounds_at_ns(position_frames)
        self._delay.add(sounds_at_ns - self._heard_ns)
        osc = out.osc.take() if out.osc is not None else ()
        heard_at_ns = sounds_at_ns + out.ring.latency_ns
        programs = out.bridge.take(position_frames=position_frames, sounds_at_ns=heard_at_ns)
        sources = {"midi": out.hands.take(), "osc": osc, "key": out.display.take(), "bridge": programs}
        for source, live in ((source, live) for source, lives in sources.items() for live in lives):
            self.counts[source] += 1
            self._shown.hand(live.message)
            frame = position_frames
            if has_a_place(live.message) or out.performance.has_a_place(live.message):
                frame = self._delay.frame(
                    time_ns=live.time_ns,
                    position_frames=position_frames,
                    sounds_at_ns=sounds_at_ns,
                    sample_rate_hz=SAMPLE_RATE_HZ,
                )
            self._feed(frame, live.message, acted=True)
        self._bring_prompts(position_frames)
        self._follow_link(position_frames, heard_at_ns)
        lead_ns = self._delay.delay_ns + out.ring.latency_ns
        lead = out.hands.lead_event(lead_ns * SAMPLE_RATE_HZ // 1_000_000_000 + out.ready.latency_frames)
        if lead is not None:
            self._feed(position_frames, lead, acted=False)
        self._heard_ns = time.perf_counter_ns()

    def _bring_prompts(self, position_frames: int) -> None:
        """Make scenes of the prompts that have been read, and recall them."""
        out, performance = self._outfit, self._outfit.performance
        for styled in out.prompts.take():
            try:
                index = performance.add(styled)
            except RigError as error:
                out.prompts.say(str(error))
                continue
            led = out.show.rig.follows_clock or performance.follows
            out.prompts.say(sentence_of(styled, index, given_bpm=None if led else performance.given_tempo_bpm))
            self._name_scenes()
            self._feed(position_frames, control_event(f"scene.{index + 1}", 1.0), acted=True)

    def keep(self) -> None:
        """Make a scene of what plays, and have it written into the rig file."""
        out, performance = self._outfit, self._outfit.performance
        try:
            index = performance.keep()
        except RigError as error:
            out.keeper.say(str(error))
            return
        out.keeper.keep(performance.scenes[index])
        self._name_scenes()

    def _name_scenes(self) -> None:
        """Let OSC know all scenes by name."""
        if self._outfit.osc is not None:
            self._outfit.osc.scenes = tuple(scene.name for scene in self._outfit.performance.scenes)

    def _follow_link(self, position_frames: int, heard_at_ns: int) -> None:
        """Be where the Link session is, unless a program leads."""
        out = self._outfit
        if out.link is None or out.bridge.led:
            return
        for live in out.link.take(
            position_frames=position_frames,
            heard_at_ns=heard_at_ns + frames_to_ns(out.ready.latency_frames, SAMPLE_RATE_HZ),
            tick=out.performance.next_tick,
            tempo_bpm=out.performance.tempo_bpm,
            given_bpm=out.performance.given_tempo_bpm,
        ):
            self._feed(position_frames, live.message, acted=True)

    def _feed(self, frame: int, message: bytes, *, acted: bool) -> None:
        self._outfit.performance.feed(frame, message, acted=acted)
        if self._outfit.journal is not None:
            self._outfit.journal.event(frame, message)

    def _sounds_at_ns(self, position_frames: int) -> int:
        """Return when a frame to come will be handed to the device; without a player, as late as the lead allows."""
        ring = self._outfit.ring
        if self._outfit.player is None or ring.player_state is not PlayerState.PLAYING:
            return time.perf_counter_ns() + frames_to_ns(self._outfit.lead_frames, SAMPLE_RATE_HZ)
        return ring.played_at_ns + frames_to_ns(position_frames - ring.played_frames, SAMPLE_RATE_HZ)
