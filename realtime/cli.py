"""The command line: what to type, and what it means; each command's work is in a `cli_*` module. [control]

Exit statuses stand in `exits`. Standard output carries results only.

Modules are imported by the command that needs them, so that `--help` and mistakes answer at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from legando.realtime.arguments import Parser, number, whole
from legando.realtime.commands.cli_bench import add_bench_arguments
from legando.realtime.commands.cli_engines import add_engines
from legando.realtime.controls import TEMPO_MAX_BPM, TEMPO_MIN_BPM
from legando.realtime.errors import LegandoError
from legando.realtime.exits import (
    EXIT_PIPE,
    EXIT_USER,
    exit_of,
    of_the_system,
    open_streams,
    polite_kill,
    silence_output,
)
from legando.realtime.instrument import BACKENDS, SHIPPED

SECONDS_MAX = 86_400.0
METRICS_ADDRESS = "127.0.0.1:9464"
WHOLE = "A disk that fails ends it with exit status 2, and nothing half-written stays: it can be made again."


_seconds = number("length in seconds", 0.1, SECONDS_MAX)
_tempo = number("tempo in bpm", TEMPO_MIN_BPM, TEMPO_MAX_BPM)
_seed = whole("seed", 0, 2**63 - 1)


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that costs more than all of `--help`."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from legando.realtime.version import version

        print(f"legando {version()}")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands. [control]"""
    parser = Parser(prog="legando", description="A live generative instrument: endless music, steered as it plays.")
    parser.add_argument("--version", action=_Version, nargs=0, help="say which legando this is, and exit")
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )

    render = _command(commands, "render", "write music to a WAV file, faster than it plays")
    render.add_argument(
        "--prompt", action="extend", nargs="*", metavar="TEXT[:WEIGHT]", help="what it should be like; several blend"
    )
    render.add_argument("--midi", type=Path, metavar="FILE", help="a MIDI file, played as if live")
    render.add_argument("--seconds", type=_seconds, metavar="S", help="length; default: the MIDI file's, or 30")
    render.add_argument("--tempo", type=_tempo, metavar="BPM", help="default: the MIDI file's, prompt's or style's")
    render.add_argument("--seed", type=_seed, default=0, metavar="N", help="another seed, another take; default: 0")
    render.add_argument("--bundle", type=Path, metavar="DIR", help="the model; default: the shipped one")
    latents, steps = whole("chunk size", 2, 16), whole("number of steps", 1, 64)
    render.add_argument("--chunk", type=latents, metavar="N", help="N x 20 ms a chunk; default: the bundle's")
    render.add_argument("--steps", type=steps, metavar="N", help="denoising steps a chunk; default: the bundle's")
    render.add_argument("--eco", action="store_true", help="about half the energy: int8 weights, fewer steps")
    _add_backend(render)
    render.add_argument("--out", type=Path, required=True, metavar="FILE.wav", help="appears only when it is whole")
    _add_notes(render)
    render.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    render.epilog = WHOLE

    play = _command(commands, "play", "play to the sound device, or to take.wav where there is none")
    how, kept = _add_live(play)
    how.add_argument("--midi-out", metavar="PORT", help="send the notes that are played to this port, with the sound")
    kept.add_argument("--out", type=Path, metavar="FILE.wav", help="keep the take, whole or up to Ctrl-C")

    serve = _command(commands, "serve", "play to the bridge alone, in real time; needs no sound device")
    how, _ = _add_live(serve)
    how.add_argument(
        "--publish", metavar="ENDPOINT", help="where, instead of what the rig says; ipc://audio if neither does"
    )

    replay = _command(commands, "replay", "make a take again from its journal, bit for bit")
    replay.add_argument("journal", type=Path, metavar="JOURNAL", help="what play --record or --journal kept")
    replay.add_argument("--out", type=Path, metavar="FILE", help="keep it as .wav (float) or .flac, once it is whole")
    _add_notes(replay)
    replay.add_argument("--bundle", type=Path, metavar="DIR", help="instead of the journal's, where that has moved")
    _add_backend(replay)
    replay.add_argument("--json", action="store_true", help="print the account as one JSON object")
    replay.epilog = f"Status 2 also where it is not the same take. {WHOLE}"

    feedback = _command(commands, "feedback", "what the performer liked, from journals; two bundles compared")
    feedback.add_argument("journals", type=Path, nargs="+", metavar="JOURNAL", help="what play --record kept")
    feedback.add_argument("--clips", type=Path, metavar="DIR", help="write the 12 s before each like, as FLAC")
    feedback.add_argument("--bundle", type=Path, metavar="DIR", help="for clips, where the journal's has moved")
    feedback.add_argument("--json", action="store_true", help="print all of it as one JSON object")

    info = _command(commands, "info", "how a file came to be, and whether its samples are as written")
    info.add_argument("file", type=Path, metavar="FILE", help="a WAV or FLAC file that legando wrote")
    info.add_argument("--bundle", type=Path, metavar="DIR", help="where its bundle may lie, too")
    info.add_argument("--json", action="store_true", help="print all of it as one JSON object")

    listen = _command(commands, "listen", "record what another legando publishes")
    listen.add_argument("endpoint", metavar="ENDPOINT", help="such as tcp://127.0.0.1:5580")
    listen.add_argument("--seconds", type=_seconds, required=True, metavar="S", help="how much of it")
    listen.add_argument("--out", type=Path, required=True, metavar="FILE.wav", help="appears only when it is whole")
    listen.add_argument("--stream", default="main", metavar="NAME", help="default: main")
    listen.add_argument("--keys", type=Path, metavar="DIR", help="where yours are, if the server asks for keys")
    listen.add_argument("--json", action="store_true", help="print the account as one JSON object")
    listen.epilog = "A disk that fails ends it with exit status 2, and nothing half-written stays."

    add_bench_arguments(_command(commands, "bench", "measure what it costs, and the wait from hand to sound"))

    learn = _command(commands, "learn", "move a knob, choose what it shall move, and the rig file knows")
    learn.add_argument("--rig", type=Path, metavar="FILE", help="what to change, made at need; default: rig.toml")

    keys = _command(commands, "keys", "make the keys that let other machines connect to the bridge")
    keys.add_argument("action", choices=("new",), help="new: a client's, and the server's where there are none")
    keys.add_argument("--out", type=Path, metavar="DIR", help="default: ~/.config/legando/keys")
    keys.add_argument("--client", default="client", metavar="NAME", help="whose; default: client")

    _command(commands, "devices", "list sound devices and MIDI inputs")

    bundle = _command(commands, "bundle", "show or check a model bundle")
    bundle.add_argument("action", choices=("info", "verify"), help="info: what it is; verify: play its reference too")
    bundle.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="default: the shipped bundle")
    bundle.add_argument("--json", action="store_true", help="with info: print the whole manifest")

    gpu = _command(commands, "gpu", "check and time the CUDA kernels on this machine's card")
    gpu.add_argument("action", choices=("check",), help="each kernel against its NumPy reference")
    gpu.add_argument("--shim", action="store_true", help="on the CPU instead, with g++: the same kernels, untimed")
    gpu.add_argument("--streams", type=whole("number of streams", 1, 256), metavar="N", help="default: 8; --shim: 3")
    gpu.add_argument("--out", type=Path, metavar="FILE", help="write what the kernels' check found, .json or .md")
    gpu.add_argument("--report", type=Path, metavar="DIR", help="measure back ends too: JSON, Markdown, PNG")
    gpu.add_argument("--quick", action="store_true", help="with --report: fewer chunks")
    gpu.add_argument("--bundle", type=Path, metavar="DIR", help="with --report: the model; default: the shipped one")
    gpu.add_argument("--json", action="store_true", help="print the report as one JSON object")

    add_engines(_command(commands, "engines", "compile the networks for NVIDIA cards; list, check, clear them"))

    _command(commands, "evaluate", "measure a bundle against its targets")
    _command(commands, "train", "train a bundle of your own")
    return parser


def _command(commands: argparse._SubParsersAction[Parser], name: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)


def _add_backend(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--backend", choices=tuple(BACKENDS), help="what runs the networks; default: onnxruntime")


def _add_notes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--notes", type=Path, metavar="FILE.mid", help="what is played, as a MIDI file for a DAW")


def _add_live(parser: argparse.ArgumentParser) -> tuple[argparse._ArgumentGroup, argparse._ArgumentGroup]:
    """Add what `play` and `serve` share; return the groups of how it plays and of what is kept."""
    what = parser.add_argument_group("what plays", "Without any of these: the rig that legando ships, 8 scenes.")
    what.add_argument("--rig", type=Path, metavar="FILE", help="a rig file; default: the one that legando ships")
    what.add_argument(
        "--prompt",
        action="extend",
        nargs="*",
        metavar="TEXT[:WEIGHT]",
        help="begin with a scene of these words, and without the rig's MIDI file and length",
    )
    what.add_argument("--midi", type=Path, metavar="FILE", help="a MIDI file, played as if live")
    what.add_argument("--seconds", type=_seconds, metavar="S", help="length; default: the MIDI file's or the rig's")
    what.add_argument("--live", action="store_true", help="leave out the rig's MIDI file and length: you play")
    what.add_argument("--seed", type=_seed, metavar="N", help="another seed, another take; default: the rig's")
    what.add_argument("--bundle", type=Path, metavar="DIR", help="the model; default: the rig's, or the shipped one")
    how = parser.add_argument_group("how it plays", "What the rig file says of it holds where none of these is given.")
    how.add_argument("--link", action="store_true", help="share tempo, beat and bar by Ableton Link")
    how.add_argument("--no-spares", action="store_true", help="no engine and player stand by: half the memory")
    how.add_argument("--eco", action="store_true", help="about half the energy: int8 weights, fewer steps")
    _add_backend(how)
    kept = parser.add_argument_group(
        "what is kept", "A disk that fails stops no music; it is told at once, and by exit status 3 in the end."
    )
    kept.add_argument("--record", type=Path, metavar="FILE", help="record as .wav or .flac, and the journal with it")
    kept.add_argument("--journal", type=Path, metavar="FILE", help="keep all that `replay` needs, as JSON lines")
    told = parser.add_argument_group("what is shown", "On a terminal play shows its screen, serve one line.")
    shown = told.add_mutually_exclusive_group()
    shown.add_argument("--tui", action="store_true", help="the screen; default for play on a terminal, less --json")
    shown.add_argument("--plain", action="store_true", help="one line instead of the screen")
    told.add_argument("--json", action="store_true", help="print the figures of the run as one JSON object")
    told.add_argument(
        "--metrics",
        nargs="?",
        const=METRICS_ADDRESS,
        metavar="HOST:PORT",
        help=f"tell Prometheus how it goes; default: {METRICS_ADDRESS}",
    )
    return how, kept


def main(argv: Sequence[str] | None = None, *, instrument: str = SHIPPED) -> int:
    """Run one command and return its exit status. [control]

    `instrument` names what plays, as `legando.realtime.instrument` describes.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    open_streams()
    try:
        with polite_kill():
            if words[:1] in (["train"], ["evaluate"]):
                from legando.realtime.commands.cli_train import train_command

                return train_command(words)
            status = _dispatch(build_parser().parse_args(words), instrument)
            sys.stdout.flush()
            return status
    except BrokenPipeError:  # whoever read our results has seen enough: `legando bundle info | head -3`
        silence_output()
        return EXIT_PIPE
    except (OSError, UnicodeEncodeError) as error:
        sentence = of_the_system(error)
        if sentence is None:
            raise
        silence_output()  # which may be what has no room
        print(f"legando: {sentence}", file=sys.stderr)
        return EXIT_USER
    except LegandoError as error:
        print(f"legando: {error}", file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt as stop:
        return exit_of(stop)
    except SystemExit as end:  # argparse, for --help and mistakes
        return end.code if isinstance(end.code, int) else EXIT_USER


def _dispatch(arguments: argparse.Namespace, instrument: str) -> int:
    instrument = BACKENDS.get(getattr(arguments, "backend", None) or "", instrument)
    if arguments.command == "render":
        from legando.realtime.commands.cli_render import render_command

        return render_command(arguments, instrument)
    if arguments.command == "learn":
        from legando.realtime.commands.cli_learn import learn_command

        return learn_command(arguments)
    if arguments.command == "bench":
        from legando.realtime.commands.cli_bench import bench_command

        return bench_command(arguments, instrument)
    if arguments.command == "replay":
        from legando.realtime.commands.cli_replay import replay_command

        return replay_command(arguments, instrument)
    if arguments.command == "info":
        from legando.realtime.commands.cli_info import info_command

        return info_command(arguments)
    if arguments.command == "feedback":
        from legando.realtime.commands.cli_feedback import feedback_command

        return feedback_command(arguments, instrument)
    if arguments.command in ("play", "serve"):
        from legando.realtime.commands.cli_play import play_command, serve_command

        return (play_command if arguments.command == "play" else serve_command)(arguments, instrument)
    if arguments.command == "engines":
        from legando.realtime.commands.cli_engines import engines_command

        return engines_command(arguments)
    if arguments.command == "gpu":
        from legando.realtime.commands.cli_gpu import gpu_command

        return gpu_command(arguments)
    from legando.realtime.commands.cli_tools import bundle_command, devices_command, keys_command, listen_command

    commands = {
        "listen": listen_command,
        "keys": keys_command,
        "devices": devices_command,
        "bundle": bundle_command,
    }
    return commands[arguments.command](arguments)


if __name__ == "__main__":
    sys.exit(main())
