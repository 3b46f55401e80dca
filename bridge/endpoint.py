"""Endpoints: which addresses the bridge may use, and how a socket is bound to one or connected. [control]

- `ipc://audio`: a socket file of that name in `private_folder()`, which is made with mode 0700.
- `ipc:///path/to/name.ipc`: a socket file. It is created with mode 0600 under a umask of 077, so only its owner can
  connect. Names without a file (`ipc://@name`) have no owner: refused; so is a folder where others could replace it.
- `tcp://127.0.0.1:5555`, `tcp://localhost:5555`, `tcp://[::1]:5555`: loopback. Every user of the machine can connect.
  A publisher may give port 0 (or `*`) to take a free one.
- any other `tcp://ADDRESS:PORT`, with CURVE keys alone (`keys`).

libzmq deletes whatever file is at an ipc path before it binds. `bind` therefore refuses a path that holds anything but
a socket, and a socket on which another publisher still answers.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
import stat
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq

from legando.realtime.errors import LegandoError

MAX_IPC_PATH_BYTES = 107
"""`sun_path` holds 108 bytes on Linux, with its closing zero."""

_EXAMPLES = "ipc://audio, ipc:///run/user/1000/legando.ipc or tcp://127.0.0.1:5555"
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_umask_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address that has passed the rules; `path` is set for ipc only. [any]"""

    url: str
    path: Path | None = None
    ipv6: bool = False

    def __str__(self) -> str:
        return self.url


def private_folder() -> Path:
    """Return the folder of sockets that have a name only: the user's run-time folder, else one in /tmp. [any]"""
    run_time = os.environ.get("XDG_RUNTIME_DIR")
    if run_time and Path(run_time).is_dir():
        return Path(run_time) / "legando"
    return Path(tempfile.gettempdir()) / f"legando-{os.getuid()}"


def parse_endpoint(text: str, *, bind: bool = False, encrypted: bool = False) -> Endpoint:
    """Check an endpoint and return it; raise `LegandoError` with the value and what to write instead. [any]

    `bind` allows a free TCP port (0 or `*`), which only a publisher can take; `encrypted` says that there are keys.
    """
    scheme, separator, rest = text.partition("://")
    if separator and scheme == "ipc":
        return _parse_ipc(text, rest)
    if separator and scheme == "tcp":
        return _parse_tcp(text, rest, bind=bind, encrypted=encrypted)
    raise LegandoError(f"endpoint {text!r} is neither ipc:// nor tcp://; write for example {_EXAMPLES}")


def bind(sock: zmq.Socket[Any], endpoint: Endpoint) -> str:
    """Bind a socket and return the address in use (with the port that was found); ipc files become 0600. [control]"""
    path = endpoint.path
    try:
        if path is None:
            sock.setsockopt(zmq.IPV6, int(endpoint.ipv6))
            sock.bind(endpoint.url)
        else:
            _check_free(endpoint, path)
            with _umask_lock:
                before = os.umask(0o077)
                try:
                    sock.bind(endpoint.url)
                finally:
                    os.umask(before)
            path.chmod(0o600)
    except (zmq.ZMQError, OSError) as error:
        raise LegandoError(_bind_sentence(endpoint, error)) from error
    return sock.getsockopt_string(zmq.LAST_ENDPOINT)


def connect(sock: zmq.Socket[Any], endpoint: Endpoint) -> None:
    """Connect a socket; the other side need not be there yet, libzmq goes on trying. [control]"""
    sock.setsockopt(zmq.IPV6, int(endpoint.ipv6))
    try:
        sock.connect(endpoint.url)
    except zmq.ZMQError as error:
        raise LegandoError(f"cannot connect to {endpoint}: {error.strerror}; check the address") from error


def _parse_ipc(text: str, rest: str) -> Endpoint:
    if not rest or rest.startswith(("@", "*")) or "\0" in rest or rest.endswith("/"):
        raise LegandoError(f"endpoint {text!r} names no file of its own; write for example {_EXAMPLES}")
    path = Path(rest).expanduser() if "/" in rest else private_folder() / rest
    size_bytes = len(os.fsencode(path))
    if size_bytes > MAX_IPC_PATH_BYTES:
        raise LegandoError(
            f"the path of endpoint {text!r} has {size_bytes} bytes, the system allows {MAX_IPC_PATH_BYTES}; "
            "use a shorter folder"
        )
    return Endpoint(url=f"ipc://{path}", path=path)


def _parse_tcp(text: str, rest: str, *, bind: bool, encrypted: bool) -> Endpoint:
    host, _, port_text = rest.rpartition(":")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        address = None
    if (address is None or not address.is_loopback) and not encrypted:
        raise LegandoError(
            f"endpoint {text!r} is not on this machine's loopback, and there are no keys to encrypt with; make some "
            "with: legando keys new, or use 127.0.0.1, localhost or [::1] with a port"
        )
    if address is None and (bind or not _HOST_NAME.fullmatch(host)):
        raise LegandoError(f"endpoint {text!r} names no address; write for example tcp://192.168.1.5:5580")
    port = 0 if port_text == "*" else _port(port_text)
    if port is None or not (0 if bind else 1) <= port <= 65535:
        raise LegandoError(f"endpoint {text!r} has port {port_text!r}; give one from 1 to 65535")
    ipv6 = address is not None and address.version == 6
    name = f"[{address}]" if ipv6 else str(address or host)
    return Endpoint(url=f"tcp://{name}:{port or '*'}", ipv6=ipv6)


def _port(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else None


def _check_free(endpoint: Endpoint, path: Path) -> None:
    """Refuse a path that libzmq would wrongly delete: somebody's file, or a publisher that still answers."""
    if path.parent == private_folder():
        _make_private(path.parent)
    if not path.parent.is_dir():
        raise LegandoError(f"the folder of endpoint {endpoint} is missing; create it with: mkdir -m 700 {path.parent}")
    if _open_to_others(path.parent):
        raise LegandoError(
            f"others could replace the socket in the folder of endpoint {endpoint}; write: chmod 700 {path.parent}"
        )
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise LegandoError(f"endpoint {endpoint} is taken by a file that is not a socket; choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:  # not libzmq's kind: it only hears who is there
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            return  # left behind by a publisher that was killed
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _make_private(folder: Path) -> None:
    """Make the folder of our own sockets, and refuse one that somebody else has put there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        raise LegandoError(f"{folder} is not your own folder; remove it, or choose an ipc:// path of your own")
    folder.chmod(0o700)


def _open_to_others(folder: Path) -> bool:
    """Say whether somebody else may delete files in a folder: writable for others, without the sticky bit."""
    mode = folder.stat().st_mode
    return bool(mode & 0o022) and not mode & stat.S_ISVTX


def _bind_sentence(endpoint: Endpoint, error: zmq.ZMQError | OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"endpoint {endpoint} is in use; stop the other program (another legando serve?) or choose another "
            f"{_place(endpoint)}"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no right to open endpoint {endpoint}; choose a {_place(endpoint)} of your own"
    return f"cannot open endpoint {endpoint}: {error.strerror}; choose another {_place(endpoint)}"


def _place(endpoint: Endpoint) -> str:
    return "port above 1023" if endpoint.path is None else "path"
