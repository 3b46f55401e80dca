"""The plug-in built with sanitizers does all that it does, and neither memory nor threads are misused."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.plugin.conftest import CLAP_HEADERS, CLAPHOST, HOSTS, compile_c, why_no_build
from tests.bridge.plugin.programs import REPOSITORY, ClapHost, SignalServer, hear
from tests.bridge.plugin.signal_server import RATE_HZ

ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:halt_on_error=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=0:second_deadlock_stack=1:suppressions={HOSTS / 'tsan.supp'}",
}


def build(kind: str) -> tuple[Path, Path]:
    """Build the CLAP and its host with a sanitizer; return both."""
    folder = Path(os.environ.get("PLUGIN_BUILD") or REPOSITORY / "build" / "plugin").with_name(f"plugin-{kind}")
    for command in (
        ["cmake", "-S", str(HOSTS.parent), "-B", str(folder), f"-DSANITIZE={kind}"],
        ["cmake", "--build", str(folder), "--target", "legando-clap", "--parallel", "2"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    host = folder / "claphost"
    compile_c(CLAPHOST, host, f"-fsanitize={kind}", f"-I{CLAP_HEADERS}")
    return host, folder / "bin" / "legando.clap"


def play_a_second(daw: ClapHost, rate_hz: int, block: int, parameters: dict[str, dict[str, Any]]) -> None:
    """Play at another rate and size until something sounds, and for a second more, the host's hands on all of it."""
    since, until = len(daw.sound()), time.monotonic() + 60
    daw.ask(f"activate {rate_hz} {block}")
    daw.ask("start paced")
    while not daw.sound()[since:].any():
        assert time.monotonic() < until, f"no sound at {rate_hz} Hz in blocks of {block}"
        time.sleep(0.05)
    for step in range(20):
        daw.ask(f"midi 0 {step % block} 144 {40 + step} 100")
        daw.ask(f"param 0 {parameters['buffer']['id']} {250 + 10 * (step % 5)}")
        daw.ask(f"transport {step % 2} {100 + step} {step}")
        time.sleep(0.05)
    daw.ask("stop")
    daw.ask("deactivate")


@pytest.mark.hosts
@pytest.mark.parametrize("kind", ["address", "thread"])
def test_all_that_it_does_is_clean(
    server: Callable[..., SignalServer], require: Callable[[bool, str], None], tmp_path: Path, kind: str
) -> None:
    require(not why_no_build(), why_no_build())
    host, plugin = build(kind)
    source = server(streams="main,second", chunk=500)
    with ClapHost(
        host, plugin, tmp_path, instances=2, seconds=120, environment=ENVIRONMENT | source.environment
    ) as daw:
        parameters = daw.parameters()
        for instance in (0, 1):
            daw.ask(f"param {instance} {parameters['buffer']['id']} 300")
        daw.ask(f"param 1 {parameters['stream']['id']} 2")
        daw.ask(f"activate {RATE_HZ} 256")
        daw.ask("start paced")
        daw.wait_for_sound(0, timeout_s=60)
        daw.wait_for_sound(1, timeout_s=60)
        source.wait_for("clients", lambda clients: clients["count"] == 2, timeout_s=60)
        for step in range(40):
            instance = step % 2
            daw.ask(f"midi {instance} {step} 144 {40 + step} 100")
            for symbol in ("density", "level", "mute_drums"):
                daw.ask(f"param {instance} {parameters[symbol]['id']} {(step % 5) / 4}")
            daw.ask(f"param {instance} {parameters['buffer']['id']} {300 + step % 3}")
            daw.ask(f"transport {step % 2} {100 + step} {step}")
            if step % 10 == 0:
                daw.ask(f"save {instance} {tmp_path}/state")
                daw.ask(f"load {1 - instance} {tmp_path}/state")
            time.sleep(0.01)
        source.wait_for("midi", lambda midi: midi["bytes"][1] == 79, timeout_s=60)
        daw.ask(f"param 1 {parameters['stream']['id']} 0")
        source.kill()
        time.sleep(0.3)
        again = server(streams="main,second", chunk=500, start=5_000_000)
        daw.wait_for_sound(0, since=len(daw.sound()), timeout_s=60)
        daw.ask("stop")
        daw.ask("deactivate")
        for rate_hz, block in ((44_100, 128), (44_100, 1), (48_000, 17), (44_100, 17), (96_000, 4096)):
            play_a_second(daw, rate_hz, block, parameters)
        found = hear(daw.sound())
        status = daw.end()
        errors = "\n".join(daw.errors)
    assert status == 0, errors
    assert "Sanitizer" not in errors and "runtime error" not in errors, errors
    assert max(run.frames for run in found) > 4000
    assert again.of("clients")


@pytest.mark.hosts
def test_the_sanitizers_would_complain(require: Callable[[bool, str], None], tmp_path: Path) -> None:
    require(not why_no_build(), why_no_build())
    for kind, body in (
        ("address", "volatile char *p = malloc(4); return p[4];"),
        ("thread", "pthread_t t; pthread_create(&t, 0, f, 0); n++; pthread_join(t, 0); return 0;"),
    ):
        source = tmp_path / f"{kind}.c"
        head = "#include <pthread.h>\n#include <stdlib.h>\nint n; void *f(void *p) { n++; return p; }\n"
        source.write_text(f"{head}int main(void) {{ {body} }}\n")
        subprocess.run(
            ["cc", f"-fsanitize={kind}", "-g", str(source), "-o", str(tmp_path / kind), "-lpthread"], check=True
        )
        done = subprocess.run([tmp_path / kind], env=os.environ | ENVIRONMENT, capture_output=True, text=True)
        assert done.returncode != 0 and "Sanitizer" in done.stderr
