"""Families: what is known becomes metrics after Prometheus' conventions: base units, few and bounded labels. [any]

`METRICS` is the one list of names; MONITORING.md explains them, and a test holds both together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)

from legando.realtime.ring import PlayerState
from legando.realtime.watching.costs import Costs
from legando.realtime.watching.reading import COST_BUCKETS_S, Reading
from legando.realtime.watching.soundwatch import SoundWatch

METRICS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "build": ("info", "What plays: version, bundle, its hash, the back end.", ()),
    "host_age_seconds": ("gauge", "How long ago the host last said anything; it does so each second.", ()),
    "chunk_compute_seconds": ("histogram", "What chunks cost the engine.", ()),
    "chunk_seconds": ("gauge", "How long a chunk lasts.", ()),
    "chunks_total": ("counter", "Chunks made, by denoising steps.", ("steps",)),
    "chunks_late_total": ("counter", "Chunks that began after the margin, or took longer than they last.", ()),
    "slack_seconds": ("gauge", "What is left of each chunk after the cost that 99 of 100 do not exceed.", ()),
    "ladder_steps": ("gauge", "Denoising steps of the last chunk.", ()),
    "ladder_full_steps": ("gauge", "Denoising steps where time is not short.", ()),
    "latency_seconds": ("gauge", "Parts of the time from hand to ear.", ("part",)),
    "made_seconds_total": ("counter", "Sound made.", ()),
    "played_seconds_total": ("counter", "Sound handed to the device; what is made, where there is none.", ()),
    "underruns_total": ("counter", "Times that the ring ran dry while playing.", ()),
    "xruns_total": ("counter", "Callbacks that the device reported as late.", ()),
    "concealed_seconds_total": ("counter", "Sound that the player had to make up.", ()),
    "skipped_seconds_total": ("counter", "Sound that was never played, since the player was too far behind.", ()),
    "callback_max_seconds": ("gauge", "The player's longest callback so far.", ()),
    "restarts_total": ("counter", "Processes that were replaced.", ("process",)),
    "engine_ready": ("gauge", "1 while the engine is warm and answers.", ()),
    "player_state": ("stateset", "What the player does.", ("legando_player_state",)),
    "standby": ("gauge", "1 while a spare process stands by.", ("process",)),
    "output_peak_ratio": ("gauge", "Peak at the device, after the level; 1 is full scale.", ("channel",)),
    "bridge_clients": ("gauge", "Listeners and programs at the bridge.", ("socket",)),
    "bridge_refusals_total": ("counter", "What the bridge did not accept.", ("socket", "reason")),
    "messages_total": ("counter", "What hands and programs sent.", ("source",)),
    "osc_refused_total": ("counter", "OSC messages that were not understood, or left out.", ("reason",)),
    "rollouts_total": ("counter", "Bundles that were to come in while the music plays.", ("outcome",)),
    "marks_total": ("counter", "What the performer liked and did not.", ("kind",)),
    "scene": ("gauge", "The scene that plays, counted from 1.", ()),
    "tempo_hertz": ("gauge", "The tempo in beats a second.", ()),
    "sound_peak_ratio": ("gauge", "Peak of the last 15 s, as it leaves the engine; 1 is full scale.", ()),
    "sound_rms_ratio": ("gauge", "Root mean square of the last 15 s; 1 is full scale.", ()),
    "sound_usual_rms_ratio": ("gauge", "The same in the minute after this scene settled.", ()),
    "sound_centroid_hertz": ("gauge", "Spectral centroid of the last 15 s.", ()),
    "sound_usual_centroid_hertz": ("gauge", "The same in the minute after this scene settled.", ()),
    "silence_seconds": ("gauge", "How long it has been silent now (below -60 dBFS).", ()),
    "silent_seconds_total": ("counter", "How long it was silent in all.", ()),
    "clipped_samples_total": ("counter", "Samples at full scale.", ()),
    "not_finite_samples_total": ("counter", "Samples that are no number.", ()),
    "unheard_seconds_total": ("counter", "Sound that the monitor itself came too late to judge.", ()),
    "process_cpu_seconds_total": ("counter", "Processor time.", ("process",)),
    "process_resident_memory_bytes": ("gauge", "Memory held, what is shared included.", ("process",)),
    "estimated_energy_joules_total": ("counter", "Estimate: processor time at 5 W a core.", ()),
    "estimated_joules_per_audio_second": ("gauge", "The same for a second of sound, over the last minute.", ()),
    "monitor_requests_total": ("counter", "Requests to this page, by what became of them.", ("outcome",)),
}
"""Name without `legando_`: kind, help, labels."""

_EDGES = (*(f"{edge:g}" for edge in COST_BUCKETS_S), "+Inf")
Values = Mapping[str, float] | float | None


@dataclass(slots=True, kw_only=True)
class Known:
    """All that the monitor knows. Owned by its one thread."""

    reading: Reading
    sound: SoundWatch
    costs: Costs
    age_s: float = 0.0
    unheard_s: float = 0.0
    joules_per_s: float | None = None
    requests: Mapping[str, int] = field(default_factory=dict)


def families(known: Known) -> Iterator[Metric]:
    """Yield all metrics; what is not known is left out. [any]

    Nothing is said of the host before it has: counters that begin anew at 0 would look as if all had happened again.
    """
    reading, sound = known.reading, known.sound
    if not reading.version:
        yield _family("host_age_seconds", known.age_s)
        return
    yield InfoMetricFamily(
        "legando_build",
        METRICS["build"][1],
        {
            "version": reading.version,
            "bundle": reading.bundle,
            "bundle_sha256": reading.bundle_sha256,
            "engine": reading.engine,
        },
    )
    yield _histogram(reading)
    if reading.playing:
        states = {state.name.lower(): state.name.lower() == reading.playing for state in PlayerState}
        yield StateSetMetricFamily("legando_player_state", METRICS["player_state"][1], states)
    yield _refusals(reading.bridge)
    for name, values in _plain(reading, sound, known).items():
        if values is not None:
            yield _family(name, values)


def _plain(reading: Reading, sound: SoundWatch, known: Known) -> dict[str, Values]:
    """Return what has no label or one, by name."""
    return {
        "host_age_seconds": known.age_s,
        "chunk_seconds": reading.chunk_s,
        "chunks_total": reading.chunks,
        "chunks_late_total": reading.late,
        "slack_seconds": reading.slack_s,
        "ladder_steps": reading.steps,
        "ladder_full_steps": reading.full_steps,
        "latency_seconds": reading.latency_s,
        "made_seconds_total": reading.made_s,
        "played_seconds_total": reading.played_s,
        "underruns_total": reading.underruns,
        "xruns_total": reading.xruns,
        "concealed_seconds_total": reading.concealed_s,
        "skipped_seconds_total": reading.skipped_s,
        "callback_max_seconds": reading.callback_max_s,
        "restarts_total": reading.restarts,
        "engine_ready": reading.engine_ready,
        "standby": reading.standby,
        "output_peak_ratio": dict(zip(("left", "right"), reading.peaks, strict=False)),
        "bridge_clients": {socket: about["clients"] for socket, about in reading.bridge.items()},
        "messages_total": reading.messages,
        "osc_refused_total": reading.refused,
        "rollouts_total": reading.rollouts,
        "marks_total": reading.marks,
        "scene": reading.scene,
        "tempo_hertz": reading.tempo_bpm / 60.0,
        "sound_peak_ratio": sound.peak,
        "sound_rms_ratio": sound.rms,
        "sound_usual_rms_ratio": sound.usual_rms,
        "sound_centroid_hertz": sound.centroid_hz,
        "sound_usual_centroid_hertz": sound.usual_centroid_hz,
        "silence_seconds": sound.silence_s,
        "silent_seconds_total": sound.silent_s,
        "clipped_samples_total": sound.clipped,
        "not_finite_samples_total": sound.not_finite,
        "unheard_seconds_total": known.unheard_s,
        "process_cpu_seconds_total": known.costs.processor_s,
        "process_resident_memory_bytes": known.costs.resident_bytes,
        "estimated_energy_joules_total": known.costs.joules if known.costs.processor_s else None,
        "estimated_joules_per_audio_second": known.joules_per_s,
        "monitor_requests_total": known.requests,
    }


def _family(name: str, values: Mapping[str, float] | float) -> Metric:
    kind, text, labels = METRICS[name]
    make = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    family = make(f"legando_{name}", text, labels=labels)
    if isinstance(values, Mapping):
        for label, value in values.items():
            family.add_metric([label], value)
    else:
        family.add_metric([], values)
    return family


def _refusals(bridge: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Metric:
    _, text, labels = METRICS["bridge_refusals_total"]
    family = CounterMetricFamily("legando_bridge_refusals_total", text, labels=labels)
    for socket, about in bridge.items():
        for reason, count in about["refused"].items():
            family.add_metric([socket, reason], count)
    return family


def _histogram(reading: Reading) -> Metric:
    family = HistogramMetricFamily("legando_chunk_compute_seconds", METRICS["chunk_compute_seconds"][1])
    family.add_metric([], list(zip(_EDGES, _summed(reading.costs), strict=True)), sum_value=reading.costs_sum_s)
    return family


def _summed(counts: Iterable[int]) -> Iterator[float]:
    total = 0
    for count in counts:
        total += count
        yield total
