"""`legando train`: one command for each step from composing to a bundle. [control]

    legando train all --hours 3

does all of it. Or step by step; each training resumes what its run folder holds, so hours add up:

    legando train data --out data/train --pieces 220
    legando train codec --data data/train --minutes 45
    legando train adversarial --data data/train --minutes 15
    legando train flow --data data/train --minutes 30
    legando train distil --data data/train --minutes 15
    legando train language --minutes 12
    legando train style
    legando train bundle --out runs/bundle
    legando train evaluate --bundle runs/bundle
    legando train curve runs/codec runs/short/codec --report runs/curve
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from legando.realtime.arguments import Parser

RUNS = Path("runs")
FORWARDED = {
    "all": "legando.engines.training.train_all",
    "data": "legando.engines.training.music.dataset",
    "language": "legando.engines.training.networks.train_language",
    "style": "legando.engines.training.networks.train_style",
    "evaluate": "legando.engines.training.figures.evaluate",
    "curve": "legando.engines.training.figures.curve",
}
"""Steps whose module reads its own options."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one step; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in FORWARDED:
        module = importlib.import_module(FORWARDED[arguments[0]])
        status: int | None = module.main(arguments[1:])
        return status or 0
    options = build_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = options.run
    run(options)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the steps that are not forwarded."""
    parser = Parser(
        prog="legando train",
        description="Make a model of your own: `legando train all --hours 3` takes every step, or take them one by "
        "one, in this order. The same command again goes on where it stopped.",
    )
    steps = parser.add_subparsers(
        title="steps",
        description="legando train STEP --help says more of each",
        dest="step",
        required=True,
        metavar="STEP",
    )

    def forwarded(name: str, text: str) -> None:
        steps.add_parser(name, help=text, add_help=False)

    forwarded("all", "all that makes a bundle, in a given time")
    forwarded("data", "compose and render pieces")
    codec = _training(steps, "codec", "train encoder and decoder on spectra", minutes=45)
    codec.add_argument("--steps", type=int, help="end after so many steps in all instead, for `legando train curve`")
    codec.set_defaults(run=_codec)
    adversarial = _training(steps, "adversarial", "go on with the decoder against a discriminator", minutes=15)
    adversarial.set_defaults(run=_adversarial)
    flow = _training(steps, "flow", "train the denoiser on the codec's latents", minutes=30)
    flow.set_defaults(run=_flow)
    distil = _training(steps, "distil", "make the denoiser need two steps instead of eight", minutes=15)
    distil.add_argument(
        "--guidance", type=float, default=1.0, help="how far the teacher exaggerates style (default: 1)"
    )
    distil.set_defaults(run=_distil)
    forwarded("language", "train the language model")
    forwarded("style", "train the prompt head")
    bundle = steps.add_parser("bundle", help="export what the runs hold as a bundle")
    bundle.add_argument("--runs", type=Path, default=RUNS, help="folder of the runs (default: runs)")
    bundle.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    bundle.add_argument("--name", default="first-sound", help="name in the manifest")
    bundle.add_argument("--steps", type=int, help="default denoising steps (default: 2 if distilled, else 4)")
    bundle.add_argument("--no-distil", action="store_true", help="take the flow even if a distilled student is there")
    bundle.set_defaults(run=_bundle)
    forwarded("evaluate", "measure a bundle")
    forwarded("curve", "draw what more hours would buy")
    return parser


def _training(
    steps: argparse._SubParsersAction[Parser], name: str, text: str, *, minutes: float
) -> argparse.ArgumentParser:
    parser = steps.add_parser(name, help=text)
    parser.add_argument("--data", type=Path, default=Path("data/train"), help="folder of pieces (default: data/train)")
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder of the runs (default: runs)")
    parser.add_argument("--minutes", type=float, default=minutes, help=f"training time in all (default: {minutes:g})")
    parser.add_argument("--threads", type=int, default=2, help="processor threads (default: 2)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--limit", type=int, help="use at most so many pieces")
    parser.add_argument(
        "--fresh",
        type=int,
        default=0,
        metavar="WORKERS",
        help="processes that render new pieces meanwhile (default: 0)",
    )
    parser.add_argument(
        "--fresh-pieces", type=int, default=2000, metavar="N", help="until the folder holds so many (default: 2000)"
    )
    return parser


@contextmanager
def _limits(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Give how long a network may train, on what, and on how much; new pieces are rendered meanwhile if asked for."""
    from legando.engines.training.music.fresh import FreshPieces

    with FreshPieces(options.data, workers=options.fresh, most_pieces=options.fresh_pieces) as fresh:
        yield {
            "seconds": options.minutes * 60,
            "threads": options.threads,
            "device": options.device,
            "limit": options.limit,
            "fresh": fresh,
        }


def _codec(options: argparse.Namespace) -> None:
    from legando.engines.training.networks.train_codec import train

    with _limits(options) as limits:
        if options.steps is not None:
            limits |= {"seconds": None, "steps": options.steps}
        train(options.data, options.runs / "codec", **limits)


def _adversarial(options: argparse.Namespace) -> None:
    from legando.engines.training.networks.train_codec import train_adversarial

    with _limits(options) as limits:
        train_adversarial(options.data, options.runs / "codec", options.runs / "adversarial", **limits)


def _flow(options: argparse.Namespace) -> None:
    from legando.engines.training.networks.train_flow import train

    with _limits(options) as limits:
        train(options.data, options.runs / "codec", options.runs / "flow", **limits)


def _distil(options: argparse.Namespace) -> None:
    from legando.engines.training.networks.train_distil import train

    runs: Path = options.runs
    with _limits(options) as limits:
        train(options.data, runs / "codec", runs / "flow", runs / "distil", guidance=options.guidance, **limits)


def _bundle(options: argparse.Namespace) -> None:
    from legando.engines.training.networks.make_bundle import make_bundle

    bundle = make_bundle(
        options.runs,
        options.out,
        name=options.name,
        steps=options.steps,
        distil=not options.no_distil,
    )
    size = sum(about["bytes"] for about in bundle.manifest["files"].values())
    print(f"{bundle.path}: {size / 1e6:.1f} MB, {bundle.hash[:12]}")
