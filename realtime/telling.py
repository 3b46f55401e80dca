"""Telling: what the host knows goes to the screen, to OSC feedback, to programs on the bridge, and into the report.

Owned by the host's thread. [control]
"""

from __future__ import annotations

from collections import Counter

from legando.realtime.enginelink import Made
from legando.realtime.outfit import Outfit
from legando.realtime.outlet import Outlet
from legando.realtime.priority import HINT
from legando.realtime.render import RenderFigures
from legando.realtime.report import HostReport
from legando.realtime.schedule import MARGIN_NS
from legando.realtime.screen.meter import Levels, to_db
from legando.realtime.screen.status import Status
from legando.realtime.screen.statusmaker import StatusMaker
from legando.realtime.show import SAMPLE_RATE_HZ
from legando.realtime.watching.marks import Marks
from legando.realtime.watching.reading import ChunkTally
from legando.realtime.watching.readingmaker import reading_of


class Telling:
    """Told of each chunk; tells when asked. State: levels, the chord, how many chunks each number of steps has made."""

    def __init__(self, outfit: Outfit, outlet: Outlet, figures: RenderFigures) -> None:
        self._outfit = outfit
        self._outlet = outlet
        self._figures = figures
        self._levels = outlet.levels
        self._chord = ""
        self._tally = ChunkTally()
        self.messages: Counter[str] = Counter()
        """How many messages hands and programs have sent, by source; `hearing` counts them."""
        self._peers = 0
        self.shown = StatusMaker(outfit.show, lead_frames=outfit.lead_frames)
        self.shown.ready(outfit.ready, bundle=outfit.bundle_name, device=outfit.device)
        self.marks = Marks(outfit, self.shown)

    def announce(self) -> None:
        """Say where it plays and with what."""
        out = self._outfit
        parts = [f"on {out.device}"] if out.device else []
        if out.bridge.endpoints:
            parts.append(f"at {' and '.join(out.bridge.endpoints)}")
        if out.monitor is not None:
            parts.append(f"metrics at {out.monitor.url}")
        if out.hands.names:
            parts.append(f"with {', '.join(out.hands.names)}")
        out.display.say(f"playing{' ' * bool(parts)}{', '.join(parts)}; Ctrl-C stops")
        if out.player is not None and not all(out.real_time.values()):
            out.display.say(HINT)

    def made(self, made: Made) -> None:
        """Take in one more chunk, and tell programs and beats of it."""
        out, performance = self._outfit, self._outfit.performance
        self._chord = made.chord
        self._tally.made(made, SAMPLE_RATE_HZ)
        self.shown.made(made)
        if not made.opens:
            self._figures.costs_ns.append(made.cost_ns)
        self._figures.frames = made.position_frames + made.frames
        if out.feedback is not None:
            out.feedback.beat.made(made.position_frames, made.tick, made.frames, made.next_tick)
        out.bridge.tell_chunk(
            made,
            tempo_bpm=performance.tempo_bpm,
            following=performance.follows,
            scenes=performance.scenes,
            value_of=performance.value_of,
        )
        out.bridge.tell_budget(
            made,
            lead_frames=out.ring.lead_frames,
            full_steps=out.ready.steps,
            underruns=out.ring.underruns,
            xruns=out.ring.xruns,
        )

    def show(self) -> None:
        """Bring everything that shows the run up to date."""
        out = self._outfit
        for sentence in (
            *out.take.take_errors(),
            *out.takes.take_news(),
            *(out.osc.take_news() if out.osc is not None else ()),
            *out.prompts.take_news(),
            *out.keeper.take_news(),
        ):
            out.display.say(sentence)
        self._tell_link()
        self._levels = self._outlet.levels
        if out.player is not None:
            peaks = tuple(to_db(peak) for peak in out.ring.peaks)
            self._levels = Levels(peak_db=peaks, rms_db=peaks)
        self._tell_osc()
        out.bridge.tell_levels(self._levels)
        out.bridge.tell_scene(out.performance.scene_index, out.performance.scenes)
        out.display.show_live(self._levels, self._status)
        if out.monitor is not None and out.monitor.is_time():
            out.monitor.tell(
                reading_of(
                    out,
                    self._status(),
                    self._tally,
                    made_s=self._figures.seconds,
                    messages=self.messages,
                    marks=self.marks.counts,
                )
            )

    def _status(self) -> Status:
        """Return what a screen shows."""
        out = self._outfit
        recorded = out.takes.seconds
        if recorded is None and out.record is not None:
            recorded = self._played_s()
        if recorded is None and out.recorder is not None:
            recorded = out.recorder.seconds
        return self.shown.status(
            ring=out.ring,
            performance=out.performance,
            levels=self._levels,
            playing=out.player is not None,
            played_s=self._played_s(),
            ports=out.hands.names,
            restarts=(out.engine_watch.restarts, out.player_watch.restarts),
            recorded_s=recorded,
        )

    def _tell_link(self) -> None:
        """Say when somebody joins or leaves the Link session."""
        link = self._outfit.link
        if link is not None and (peers := link.peers) != self._peers:
            self._peers = peers
            many = f"{peers} other{'s' if peers > 1 else ''} at {link.tempo_bpm:.1f} bpm" if peers else "alone"
            self._outfit.display.say(f"Link: {many}")

    def _tell_osc(self) -> None:
        """Tell whoever wants to know by OSC what is heard now."""
        out = self._outfit
        if out.feedback is None:
            return
        ring, performance = out.ring, out.performance
        delay_ns = ring.latency_ns if out.player is not None else 0
        heard = ring.played_frames if out.player is not None else ring.written_frames - out.lead_frames
        out.feedback.show(
            heard_frame=heard - out.ready.latency_frames - delay_ns * SAMPLE_RATE_HZ // 1_000_000_000,
            scene=performance.scene.name,
            number=performance.scene_index + 1,
            coming=performance.coming.name if performance.coming is not None else "",
            chord=self._chord,
            tempo_bpm=performance.tempo_bpm,
            peaks_db=self._levels.peak_db,
        )

    def _played_s(self) -> float:
        out = self._outfit
        return self._figures.seconds if out.player is None else out.ring.played_frames / SAMPLE_RATE_HZ

    def report(self, stopped: int) -> HostReport:
        """Return what the run came to; `stopped` is the exit status of what stopped it."""
        out = self._outfit
        latency = {
            "chunk": self._figures.chunk_ms,
            "compute": self._figures.compute_ms()["p99"],
            "margin": MARGIN_NS / 1e6,
            "lead": 1000.0 * out.lead_frames / SAMPLE_RATE_HZ,
            "codec": 1000.0 * out.ready.latency_frames / SAMPLE_RATE_HZ,
            "device": out.ring.latency_ns / 1e6,
        }
        latency["sum"] = sum(latency.values())
        return HostReport(
            seconds=self._played_s(),
            figures=self._figures,
            engine=out.ready.engine,
            latency_ms={name: round(value, 3) for name, value in latency.items()},
            underruns=out.ring.underruns,
            concealed_frames=out.ring.concealed_frames,
            xruns=out.ring.xruns,
            skipped_frames=out.ring.skipped_frames,
            steps=dict(sorted(self._tally.chunks.items(), reverse=True)),
            full_steps=out.ready.steps,
            real_time=out.real_time,
            engine_restarts=out.engine_watch.restarts,
            player_restarts=out.player_watch.restarts,
            stopped=stopped,
        )
