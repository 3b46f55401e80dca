"""The rig: everything a performer sets up before playing, read from a TOML file into frozen values. [control]

| table | holds |
|---|---|
| `[audio]` | device, host API, block size, lead, level |
| `[midi]`, `[midi.out]` | input ports, feedback to their lights; who is sent the notes that are played |
| `[[bind]]` | what on a controller moves which control, and how; `[[midi.bind]]` is an older name for it |
| `[clock]` | whose MIDI clock is followed, and who is sent one; Ableton Link |
| `[engine]` | bundle, seed, denoising steps, chunk size |
| `[live]` | whether spare processes stand by, where takes go |
| `[bridge]` | where the audio is published, and where programs steer |
| `[performance]` | a MIDI file that plays as if live, how long a run lasts |
| `[[scene]]` | prompts and controls that a program change recalls; the first one starts the show |
| `[scenes]` | when a scene comes in and how it gets there, for those that do not say so themselves |
| `[osc]` | where OSC is listened to, and where the beat, scene, chord and levels are told |
| `[monitor]` | where metrics are told |

Paths are relative to the rig file. A key that legando does not know is refused, and the nearest known one is named.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from legando.realtime.errors import LegandoError, RigError
from legando.realtime.midi.notesrig import NotesRig
from legando.realtime.midi.portname import check_port_name
from legando.realtime.osc.oscaddress import check_osc_addresses
from legando.realtime.rigs.binding import Binding as Binding
from legando.realtime.rigs.checks import check_choice, check_range
from legando.realtime.rigs.controlnames import counted
from legando.realtime.rigs.rigtable import read_table
from legando.realtime.rigs.scene import Scene as Scene
from legando.realtime.rigs.scene import SceneChanges
from legando.realtime.watching.monitorrig import MonitorRig

DEFAULT_RIG = Path(__file__).with_name("default_rig.toml")
RIG_MAX_BYTES = 1 << 20
"""More than any rig has: some other file."""

CLOCKS = ("internal", "midi")
MIDI_APIS = ("auto", "alsa", "jack", "core", "windows")


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioRig:
    """The sound device. An empty `device` means the default one; `lead_ms` is what the ring keeps ahead of it."""

    device: str = ""
    host_api: str = ""
    block_frames: int = 256
    lead_ms: float = 10.0
    level: float = 1.0

    def __post_init__(self) -> None:
        check_range("block_frames", self.block_frames, 16, 8192)
        check_range("lead_ms", self.lead_ms, 0.0, 2000.0)
        check_range("level", self.level, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiRig:
    """MIDI ports. `inputs` are port names as `portname` reads them; `virtual_input` is a port to offer.

    With `feedback` the lights of a controller show what its pads and buttons have set. `out` is who is sent the notes.
    """

    inputs: tuple[str, ...] = ()
    virtual_input: str = ""
    api: str = "auto"
    clock: str = "internal"
    feedback: bool = False
    out: NotesRig = field(default_factory=NotesRig)
    bindings: tuple[Binding, ...] = field(default=(), metadata={"key": "bind"})

    def __post_init__(self) -> None:
        for name in self.inputs:
            check_port_name("inputs", name)
        check_choice("clock", self.clock, CLOCKS)
        check_choice("api", self.api, MIDI_APIS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRig:
    """MIDI clock. `in` is the port whose clock is followed, `out` the port that is sent ours; empty is nobody.

    `link` joins the Ableton Link session of the networks that this machine is on; `link_start_stop` stands still and
    starts with it, too.
    """

    input: str = field(default="", metadata={"key": "in"})
    output: str = field(default="", metadata={"key": "out"})
    link: bool = False
    link_start_stop: bool = False

    def __post_init__(self) -> None:
        check_port_name("in", self.input)
        check_port_name("out", self.output)
        if self.link and self.input:
            raise RigError(f"in = {self.input!r} and link = true: follow a port's clock or Link; take one of them out")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRig:
    """The generator. An empty `bundle` means the shipped one, whose own `steps` and `chunk_latents` hold by default.

    `eco` spends about half the energy: int8 weights and fewer steps. `candidates` are bundles that may come in live.
    """

    bundle: str = ""
    seed: int = 0
    steps: int | None = None
    chunk_latents: int | None = None
    eco: bool = False
    candidates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_range("seed", self.seed, 0, 2**63 - 1)
        check_range("steps", self.steps, 1, 64)
        check_range("chunk_latents", self.chunk_latents, 2, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRig:
    """What stands by, and where takes go.

    With `spares` a second engine and player wait for the first to fail: no pause, for twice the engine's memory.
    `takes` is the folder of what the record key records; empty is where legando was started.
    """

    spares: bool = True
    takes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeRig:
    """Where the audio is published and where programs steer, such as `ipc://audio` and `ipc://control`, or
    `tcp://127.0.0.1:5580`; empty is nowhere. `int16_stream` names a second stream of half the bytes, `keys` a folder
    that `legando keys new` has made: with it only those who have a key connect, from other machines too.
    """

    publish: str = ""
    stream: str = "main"
    int16_stream: str = ""
    control: str = ""
    keys: str = ""

    def __post_init__(self) -> None:
        for key in ("publish", "control"):
            value: str = getattr(self, key)
            if value and not value.startswith(("tcp://", "ipc://")):
                raise RigError(f"{key} = {value!r} is no end point; write tcp://127.0.0.1:PORT or ipc://PATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceRig:
    """A MIDI file that plays as if live, and the length of a run; without `seconds` it lasts until Ctrl-C."""

    midi_file: str = ""
    seconds: float | None = None

    def __post_init__(self) -> None:
        check_range("seconds", self.seconds, 0.1, 86400.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OscRig:
    """OSC over UDP, as HOST:PORT; empty is nobody. An address that others can reach needs `remote = true` too.

    More messages than `max_per_s` in a second are dropped, and counted.
    """

    listen: str = ""
    feedback: str = ""
    remote: bool = False
    max_per_s: int = 2000

    def __post_init__(self) -> None:
        check_osc_addresses(self.listen, self.feedback, remote=self.remote)
        check_range("max_per_s", self.max_per_s, 10, 100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A whole rig. `folder` is where the rig file lies, for relative paths; `file` is None for the shipped one."""

    audio: AudioRig = AudioRig()
    midi: MidiRig = MidiRig()
    binds: tuple[Binding, ...] = field(default=(), metadata={"key": "bind"})
    clock: ClockRig = ClockRig()
    engine: EngineRig = EngineRig()
    live: LiveRig = LiveRig()
    bridge: BridgeRig = BridgeRig()
    performance: PerformanceRig = PerformanceRig()
    osc: OscRig = OscRig()
    monitor: MonitorRig = field(default_factory=MonitorRig)
    changes: SceneChanges = field(default=SceneChanges(), metadata={"key": "scenes"})
    scenes: tuple[Scene, ...] = field(metadata={"key": "scene"})
    folder: Path = field(default=Path(), metadata={"key": None})
    file: Path | None = field(default=None, metadata={"key": None})

    def __post_init__(self) -> None:
        if not self.scenes:
            raise RigError("the rig has no scene; add a [[scene]] with a name and prompts")
        names = [scene.name for scene in self.scenes]
        if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
            raise RigError(f"two scenes are named {twice!r}, and OSC recalls by name; give one of them another name")
        bound = set()
        for binding in self.bindings:
            if (one := (binding.origin, binding.channel, binding.control)) in bound:
                where = f" on channel {binding.channel}" if binding.channel is not None else ""
                raise RigError(f"{binding.origin}{where} is bound to {binding.control} twice; take one of them out")
            bound.add(one)
            family = binding.control.partition(".")[0]
            have = {"scene": len(self.scenes), "weight": max(len(scene.prompts) for scene in self.scenes)}.get(family)
            if have is not None and counted(binding.control) >= have:
                raise RigError(f"control = {binding.control!r}, but the last one is {family}.{have}; lower it")

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """All bindings, whichever way they are written."""
        return self.midi.bindings + self.binds

    @property
    def follows_clock(self) -> bool:
        """Whether an outside MIDI clock sets tempo and position."""
        return self.midi.clock == "midi" or bool(self.clock.input)

    def path(self, name: str) -> Path | None:
        """Return a path named in the rig, relative to the rig file; None for an empty name."""
        return self.folder / Path(name).expanduser() if name else None


def read_rig(path: Path | None = None) -> Rig:
    """Read a rig file; None reads the one that legando ships. [control]

    Raises RigError, one sentence that names the file, the key and what is allowed.
    """
    source = DEFAULT_RIG if path is None else path
    text = rig_text(source)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RigError(f"the rig file {source} is not TOML: {error}") from error
    except RecursionError:
        raise RigError(f"the rig file {source} is nested too deep to be a rig; check the name") from None
    file = path.resolve() if path is not None else None
    try:
        return replace(read_table(Rig, document, ""), folder=source.resolve().parent, file=file)
    except LegandoError as error:
        raise RigError(f"rig file {source}: {error}") from error


def rig_text(path: Path) -> str:
    """Return what a rig file says. Raises RigError, one sentence that names the file. [control]"""
    try:
        with path.open("rb") as file:
            data = file.read(RIG_MAX_BYTES + 1)
        if len(data) > RIG_MAX_BYTES:
            raise RigError(f"the rig file {path} has more than {RIG_MAX_BYTES >> 20} MB; check the name")
        return data.decode()
    except OSError as error:
        raise RigError(f"cannot read the rig file {path}: {error.strerror or error}; check the name") from error
    except UnicodeDecodeError as error:
        raise RigError(f"the rig file {path} is not TOML: {error}") from error
