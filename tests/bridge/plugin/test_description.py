"""The LV2 description: well-formed by the specification's own checker, its symbols those that projects have saved."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.bridge.plugin.conftest import Built

VOCABULARY = Path(__file__).with_name("vocabulary.ttl")
SAVED = [
    "reserved",
    "density",
    "brightness",
    "space",
    "drive",
    "tempo_bpm",
    "scene",
    "section",
    "key",
    "guidance",
    "temperature",
    "weight_1",
    "weight_2",
    "weight_3",
    "weight_4",
    "level",
    "filter",
    "mute",
    "freeze",
    "panic",
    "mute_chord",
    "mute_drums",
    "mute_bass",
    "mute_lead",
    "mute_texture",
    "follow_host",
    "buffer",
    "buffer_grows",
    "stream",
    "server",
    "connected",
    "receiving",
    "underruns",
    "buffer_needed",
    "drift_ppm",
    "resampling",
    "scene_now",
    "tempo_now",
    "peak_db",
    "loop",
    "seed",
    "seed_next",
    "seed_back",
    "like",
    "dislike",
]


def test_the_lv2_description_is_valid(built: Built, require: Callable[[bool, str], None]) -> None:
    for tool in ("lv2_validate", "sord_validate"):
        require(shutil.which(tool) is not None, f"{tool} is missing; on Debian: apt install lv2-dev sordi")
    files = [str(path) for path in (*built.lv2.glob("*.ttl"), VOCABULARY)]
    done = subprocess.run(["lv2_validate", *files], capture_output=True, text=True)
    assert done.returncode == 0 and "Found 0 errors" in done.stderr + done.stdout, done.stdout + done.stderr


def test_symbols_and_their_order_never_change(built: Built) -> None:
    text = "".join(path.read_text() for path in built.lv2.glob("*.ttl"))
    symbols = [symbol for symbol in re.findall(r'lv2:symbol "(\w+)" ;', text) if not symbol.startswith("lv2_")]
    assert symbols[: len(SAVED)] == SAVED, "append, never insert or rename: projects go by them"
