"""CURVE keys: who may connect when a bridge is open to other machines. [control]

A folder (0700) of files (0600) in ZeroMQ's certificate format:

| file | who has it |
|---|---|
| `server.key_secret` | the server alone |
| `server.key` | everybody who connects: it is how a client knows that this is the server |
| `clients/NAME.key` | the server: whoever owns the other half may connect |
| `NAME.key_secret` | that client alone |

Curve25519 by way of libzmq (RFC 26/ZMTP-CURVE): both sides are known to each other, and what they say is encrypted.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq
from zmq.auth import create_certificates, load_certificate

from legando.realtime.errors import LegandoError

SERVER = "server"
DEFAULT_CLIENT = "client"
CURVE_BYTES = 33
"""What encryption adds to a message: command name and nonce (16), authenticator (16), flags (1); RFC 26."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,31}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeys:
    """The server's own pair, and the public keys that may connect (Z85 text)."""

    public: bytes
    secret: bytes = field(repr=False)
    clients: frozenset[bytes]

    def arm(self, sock: zmq.Socket[Any]) -> None:
        """Let a socket that is not bound yet speak CURVE alone, as the server. [control]"""
        _make_room(sock)
        sock.curve_server = True
        sock.curve_publickey, sock.curve_secretkey = self.public, self.secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKeys:
    """A client's own pair, and the public key of the server that it wants to reach (Z85 text)."""

    server: bytes
    public: bytes
    secret: bytes = field(repr=False)

    def arm(self, sock: zmq.Socket[Any]) -> None:
        """Let a socket that is not connected yet speak CURVE alone, as this client. [control]"""
        _make_room(sock)
        sock.curve_serverkey = self.server
        sock.curve_publickey, sock.curve_secretkey = self.public, self.secret


def _make_room(sock: zmq.Socket[Any]) -> None:
    """Raise a limit on messages by what encryption adds: libzmq compares it with what is on the wire."""
    limit = sock.getsockopt(zmq.MAXMSGSIZE)
    if isinstance(limit, int) and limit >= 0:
        sock.setsockopt(zmq.MAXMSGSIZE, limit + CURVE_BYTES)


def default_folder() -> Path:
    """Return where keys lie when nothing else is said. [control]"""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "legando" / "keys"


def new_keys(folder: Path, client: str = DEFAULT_CLIENT) -> list[Path]:
    """Make the keys of a client, and the server's where there are none; return the new files. [control]

    Raises LegandoError rather than write over a key.
    """
    if not _NAME.fullmatch(client) or client == SERVER:
        raise LegandoError(f"client name {client!r} is not usable; take 1 to 31 letters, digits or any of _ . -")
    allowed = folder / "clients"
    before = os.umask(0o077)
    try:
        allowed.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        allowed.chmod(0o700)
        names = [client] if (folder / f"{SERVER}.key_secret").exists() else [SERVER, client]
        for path in (*(folder / f"{name}.key_secret" for name in names), allowed / f"{client}.key"):
            if path.exists():
                raise LegandoError(f"{path} is there already; choose another --client NAME, or another --out DIR")
        files: list[Path] = []
        for name in names:
            files += (Path(path) for path in create_certificates(folder, name))
        public = (folder / f"{client}.key").replace(allowed / f"{client}.key")
        files = [public if path == folder / f"{client}.key" else path for path in files]
        for path in files:
            path.chmod(0o600)
    except OSError as error:
        raise LegandoError(f"cannot write keys to {folder}: {error.strerror}; choose another --out DIR") from error
    finally:
        os.umask(before)
    return files


def server_keys(folder: Path) -> ServerKeys:
    """Read what a server needs; raise LegandoError for what is missing or open to others. [control]"""
    public, secret = _read(folder / f"{SERVER}.key_secret", secret=True)
    clients = frozenset(_read(path, secret=False)[0] for path in sorted((folder / "clients").glob("*.key")))
    if not clients:
        raise LegandoError(f"{folder}/clients holds no key, so that nobody could connect; write: legando keys new")
    return ServerKeys(public=public, secret=secret, clients=clients)


def client_keys(folder: Path, client: str = DEFAULT_CLIENT) -> ClientKeys:
    """Read what a client needs: `server.key` and its own `NAME.key_secret`. [control]"""
    public, secret = _read(folder / f"{client}.key_secret", secret=True)
    server, _ = _read(folder / f"{SERVER}.key", secret=False)
    return ClientKeys(server=server, public=public, secret=secret)


def _read(path: Path, *, secret: bool) -> tuple[bytes, bytes]:
    try:
        mode = path.stat().st_mode
        public, private = load_certificate(path)
    except OSError as error:
        raise LegandoError(f"cannot read the key {path}: {error.strerror or error}; write: legando keys new") from error
    except ValueError as error:
        raise LegandoError(f"{path} holds no key; make new ones with: legando keys new") from error
    if secret and (private is None or stat.S_IMODE(mode) & 0o077):
        what = "holds no secret key" if private is None else "can be read by others"
        raise LegandoError(f"{path} {what}; make new keys, or write: chmod 600 {path}")
    return public, private or b""
