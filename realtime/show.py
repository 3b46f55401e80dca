"""A show: a rig made ready to play, its scenes turned into styles and its MIDI file into frames. [control]"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from legando.engines.prompt_words import read_prompts
from legando.realtime.instrument import Instrument
from legando.realtime.midi.midifile import MidiPiece
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.rigs.prompts import weighted
from legando.realtime.rigs.rig import Rig, Scene

SAMPLE_RATE_HZ = 48_000
CHANNELS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What the host and the renderer perform; `seconds` None goes on until Ctrl-C.

    `tempo_bpm` locks the tempo; `first` is the index of the scene that it begins with.
    """

    rig: Rig
    bundle: Path | None
    piece: MidiPiece | None
    seconds: float | None
    tempo_bpm: float | None = None
    first: int = 0

    @property
    def frames(self) -> int | None:
        """The length in frames, None without an end."""
        return None if self.seconds is None else max(1, round(self.seconds * SAMPLE_RATE_HZ))

    def performance(self, instrument: Instrument) -> Performance:
        """Return a performance at its first frame, with the MIDI file's messages already placed."""
        scenes = [styled_scene(scene, instrument) for scene in self.rig.scenes]
        performance = Performance(
            scenes,
            self.rig.bindings,
            sample_rate_hz=SAMPLE_RATE_HZ,
            follow_clock=self.rig.follows_clock,
            tempo_bpm=self.tempo_bpm,
            level=self.rig.audio.level,
            changes=self.rig.changes,
            first=self.first,
            seed=self.rig.engine.seed,
        )
        for timed in self.piece.messages if self.piece is not None else ():
            performance.feed(timed.frame, timed.message)
        return performance


def styled_scene(scene: Scene, instrument: Instrument) -> StyledScene:
    """Return a scene that plays what its prompts say; the text encoder takes some milliseconds for each. [control]"""
    scene = with_words(scene)
    style = instrument.encode([(prompt.text, prompt.weight) for prompt in scene.prompts if prompt.weight])
    return StyledScene(
        scene=scene,
        style=style,
        usual_tempo_bpm=instrument.usual_tempo_bpm(style),
        prompt_styles=tuple(instrument.encode([(prompt.text, 1.0)]) for prompt in scene.prompts),
    )


def with_words(scene: Scene) -> Scene:
    """Return a scene that does what its prompts say of parts and tempo, where the scene itself does not. [control]"""
    words = read_prompts(weighted(scene.prompts))
    return replace(
        scene,
        muted=scene.muted or words.muted,
        tempo_bpm=words.tempo_bpm if scene.tempo_bpm is None else scene.tempo_bpm,
    )
