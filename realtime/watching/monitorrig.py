"""The rig's `[monitor]`: where metrics are told. [any]"""

from __future__ import annotations

from dataclasses import dataclass

from legando.realtime.errors import RigError
from legando.realtime.osc.oscaddress import is_local, read_osc_address

EXAMPLE = "127.0.0.1:9464"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorRig:
    """Where metrics are told over HTTP, as HOST:PORT; empty is nowhere. An address that others can reach needs
    `remote = true` too.
    """

    address: str = ""
    remote: bool = False

    def __post_init__(self) -> None:
        if not self.address:
            return
        host, _ = read_osc_address("address", self.address, EXAMPLE)
        if not is_local(host) and not self.remote:
            raise RigError(
                f"address = {self.address!r} is open to other machines, and metrics ask for no password; write "
                f"127.0.0.1, or remote = true in [monitor] where the network is your own"
            )
