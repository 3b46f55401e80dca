"""The outfit: what a live run holds open, opened in the order of the signal, closed in the opposite one. [control]"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from legando.realtime.bridgelink import BridgeLink
from legando.realtime.enginelink import EngineProcess, EngineSettings, prefill_frames
from legando.realtime.instrument import Instrument, load_instrument
from legando.realtime.keeping import Keeper
from legando.realtime.linktime import LinkTime
from legando.realtime.midi.hands import Hands
from legando.realtime.osc.oscfeedback import OscFeedback
from legando.realtime.osc.oscserver import OscServer
from legando.realtime.performing.immediate import ImmediateControls, ImmediatePath
from legando.realtime.playing.playerlink import PlayerProcess, PlayerSettings
from legando.realtime.priority import HOST_PRIORITY, real_time
from legando.realtime.prompting import PromptReader
from legando.realtime.recording.journal import Journal
from legando.realtime.recording.spool import Spool
from legando.realtime.recording.take import RECORD_CHUNKS, Take
from legando.realtime.recording.takefile import open_take
from legando.realtime.recording.takes import Takes
from legando.realtime.recording.wavfile import WavWriter
from legando.realtime.ring import Ring
from legando.realtime.rollout import Rollouts
from legando.realtime.screen.display import Display
from legando.realtime.show import CHANNELS, SAMPLE_RATE_HZ, Show
from legando.realtime.supervise import EngineWatch, PlayerWatch
from legando.realtime.version import version
from legando.realtime.watching.monitorlink import MonitorLink


class Outfit:
    """Everything is open once it is made; `stack` closes it. Owned by the host's thread.

    Raises LegandoError when a part cannot be opened.
    """

    def __init__(
        self,
        stack: ExitStack,
        show: Show,
        *,
        instrument: str,
        display: Display,
        sound: bool,
        recorder: WavWriter | None,
        journal: Journal | None,
        record: Path | None,
    ) -> None:
        self.show = show
        self.display = display
        self.recorder = recorder
        self.journal = journal
        self.record = record
        self._instrument = instrument
        self._sound = sound
        rig = show.rig
        self.lead_frames = round(rig.audio.lead_ms * SAMPLE_RATE_HZ / 1000) + rig.audio.block_frames
        stack.callback(display.end)
        display.wait_for("reading the model")
        self.ring = stack.enter_context(Ring.create(sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS))
        self.ring.level = rig.audio.level
        self.immediate = ImmediatePath(ImmediateControls(rig.bindings, level=rig.audio.level), self.ring)
        self.monitor = self._open_monitor(stack)
        self.engine = stack.enter_context(EngineProcess(self._engine_settings()))
        self.bridge = BridgeLink(rig, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS)
        stack.callback(self.bridge.close)
        # Reading the prompts takes a moment, in which the engine warms up.
        loaded = load_instrument(instrument, show.bundle)
        self.bundle_name, self.bundle_sha256 = loaded.name, loaded.hash
        self.performance = show.performance(loaded)
        self.prompts = PromptReader(loaded)
        stack.callback(self.prompts.close)
        self.keeper = stack.enter_context(Keeper(rig.file))
        self.hands = self._open_hands(stack)
        self.osc = self._open_osc(stack)
        self.feedback = self._open_feedback(stack)
        self.link = self._open_link(stack)
        self.engine_watch = EngineWatch(self.engine, self.ring, display, spares=rig.live.spares)
        self.ready = self.engine_watch.wait_until_ready()
        self.take = self._open_take(stack, loaded)
        self.takes = Takes(rig.path(rig.live.takes) or Path.cwd(), self.about)
        stack.callback(self.takes.close)
        self.rollouts = self._prepare_rollouts(stack)
        self.player = self._start_player(stack)
        self.player_watch = PlayerWatch(self.player, self.ring, display, spares=rig.live.spares)
        if self.player is not None:
            self.hands.start_clock(self.ring.name, latency_frames=self.ready.latency_frames)
        display.listen(self.immediate.move, self.prompts.ask_first)
        self.bridge.open_control(self.immediate.move, self.prompts.ask, latency_frames=self.ready.latency_frames)
        self._priority = real_time(HOST_PRIORITY)

    def rolled_in(self, frame: int) -> None:
        """Say in what is recorded from now on that another bundle plays since this frame."""
        plays = self.rollouts.playing
        since = {"frame": frame, "bundle_name": plays.bundle_name, "bundle_sha256": plays.bundle_sha256}
        self.about["rolled_in"] = [*self.about.get("rolled_in", ()), since]

    @property
    def device(self) -> str:
        """The sound device's name; empty without one."""
        ready = self.player.ready if self.player is not None else None
        return f"{ready.device} ({ready.host_api})" if ready is not None else ""

    @property
    def real_time(self) -> dict[str, int]:
        """The real-time priority of each process, 0 where it has none."""
        ready = self.player.ready if self.player is not None else None
        return {"host": self._priority, "engine": self.ready.priority, "player": ready.priority if ready else 0}

    @property
    def prefill_frames(self) -> int:
        """How much the ring holds when all is well."""
        return prefill_frames(self.lead_frames, self.ready.chunk_frames)

    def _engine_settings(self) -> EngineSettings:
        rig, bundle = self.show.rig, self.show.bundle
        return EngineSettings(
            ring=self.ring.name,
            instrument=self._instrument,
            bundle=str(bundle) if bundle is not None else None,
            seed=rig.engine.seed,
            chunk_latents=rig.engine.chunk_latents,
            steps=rig.engine.steps,
            eco=rig.engine.eco,
            lead_frames=self.lead_frames,
            paced_by="player" if self._sound else "clock",
        )

    def _open_hands(self, stack: ExitStack) -> Hands:
        hands = Hands(self.show.rig, on_message=self.immediate.message)
        stack.callback(hands.close)
        missing = hands.open()
        for sentence in [missing] if missing is not None else list(hands.take_news()):
            self.display.say(sentence)
        return hands

    def _open_osc(self, stack: ExitStack) -> OscServer | None:
        rig = self.show.rig
        if not rig.osc.listen:
            return None
        names = [scene.name for scene in self.performance.scenes]
        server = OscServer(rig.osc, names, self.immediate.move, self.prompts.ask)
        stack.callback(server.close)
        return server

    def _open_monitor(self, stack: ExitStack) -> MonitorLink | None:
        address = self.show.rig.monitor.address
        return stack.enter_context(MonitorLink(address, self.ring.name)) if address else None

    def _open_feedback(self, stack: ExitStack) -> OscFeedback | None:
        address = self.show.rig.osc.feedback
        if not address:
            return None
        feedback = OscFeedback(address)
        stack.callback(feedback.close)
        return feedback

    def _open_link(self, stack: ExitStack) -> LinkTime | None:
        clock = self.show.rig.clock
        if not clock.link:
            return None
        link = LinkTime(sample_rate_hz=SAMPLE_RATE_HZ, start_stop=clock.link_start_stop)
        stack.callback(link.close)
        return link

    def _open_take(self, stack: ExitStack, instrument: Instrument) -> Take:
        """Say in the journal and in the recording what they are made of."""
        engine = self.show.rig.engine
        self.about: dict[str, Any] = {
            "instrument": self._instrument,
            "bundle": str(self.show.bundle or ""),
            "bundle_name": instrument.name,
            "bundle_sha256": instrument.hash,
            "bundle_licence": instrument.licence,
            "engine": self.ready.engine,
            "legando": version(),
            "seed": engine.seed,
            "chunk_latents": engine.chunk_latents,
            "steps": engine.steps,
            "eco": engine.eco,
            "chunk_frames": self.ready.chunk_frames,
            "journal": self.journal.path.name if self.journal is not None else "",
        }
        if self.journal is not None:
            self.journal.about(self.about)
        recording = None
        if self.record is not None:
            store = open_take(self.record, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS, about=self.about)
            recording = Spool(store, most=RECORD_CHUNKS)
            stack.callback(recording.finish)
        return Take(self.journal, recording, steps=self.ready.steps)

    def _prepare_rollouts(self, stack: ExitStack) -> Rollouts:
        rig = self.show.rig
        rollouts = Rollouts(
            [rig.path(name) for name in rig.engine.candidates],
            self.show.bundle,
            engine=self.engine,
            ready=self.ready,
            ring=self.ring,
            take=self.take,
            display=self.display,
        )
        stack.callback(rollouts.close)
        return rollouts

    def _start_player(self, stack: ExitStack) -> PlayerProcess | None:
        if not self._sound:
            return None
        audio = self.show.rig.audio
        settings = PlayerSettings(
            device=audio.device or None,
            host_api=audio.host_api or None,
            block_frames=audio.block_frames,
            prefill_frames=self.prefill_frames,
            max_lead_frames=2 * self.prefill_frames,
        )
        player = stack.enter_context(PlayerProcess(self.ring.name, settings))
        player.start()
        return player
