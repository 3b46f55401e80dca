"""OSC addresses of a rig: HOST:PORT, on this machine unless the rig says otherwise. [any]"""

from __future__ import annotations

import ipaddress

from legando.realtime.errors import RigError


def read_osc_address(name: str, text: str, example: str = "127.0.0.1:9000") -> tuple[str, int]:
    """Return host and port of HOST:PORT; RigError says what to write. [any]"""
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not colon or not host or not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536):
        raise RigError(f"{name} = {text!r} is no address; write for example {example}")
    return host, int(port)


def is_local(host: str) -> bool:
    """Say whether only this machine can reach a host. [any]"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_osc_addresses(listen: str, feedback: str, *, remote: bool) -> None:
    """Raise RigError for what is no address, or one of another machine that was not asked for. [any]"""
    for name, text in (("listen", listen), ("feedback", feedback)):
        if text:
            host, _ = read_osc_address(name, text)
            if not is_local(host) and not remote:
                raise RigError(
                    f"{name} = {text!r} is open to other machines, and OSC asks for no password; write "
                    f"127.0.0.1, or remote = true in [osc] where the network is your own"
                )
