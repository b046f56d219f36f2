"""The part of `shadowai doctor` about live capture: the privilege, and the state of each interface."""

from __future__ import annotations

import socket
import sys

from sensor.errors import UsageError
from sensor.sources.packets.ports import afpacket, netdev

_LOOPBACK = "lo"


def lines() -> list[tuple[str, str]]:
    """(what, finding) for the privilege to capture, and for each interface except the loopback.

    Nothing here stops a scan: where capture is not possible, the text says what it needs.
    """
    if not sys.platform.startswith("linux"):
        return [("live capture", "needs Linux; captures and logs are read anywhere")]
    names = [name for _, name in socket.if_nameindex() if name != _LOOPBACK]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        found = [(f"interface {name}", _interface(control, name)) for name in names]
    return [("live capture", _permission()), *found]


def _permission() -> str:
    try:
        afpacket.check([_LOOPBACK])
    except UsageError as error:
        return f"not possible here: {error}"
    return "allowed (CAP_NET_RAW)"


def _interface(control: socket.socket, name: str) -> str:
    """Link, offloads that join frames, and frames missed since the driver was loaded."""
    joined = netdev.offloads(control, name)
    texts = {None: "GRO and LRO unknown (the driver does not say)", "": "GRO and LRO off"}
    offloads = texts.get(joined, f"{joined} on, packet counts too low: ethtool -K {name} gro off lro off")
    text = f"link {netdev.link_state(name)}, {offloads}"
    try:
        if netdev.link_type(control, name) == netdev.UNKNOWN_LINK:
            text += ", frames of a kind we do not decode"
    except OSError:
        return "gone"
    missed = netdev.missed(name)
    return text + (f", {missed:,} frames missed since its driver was loaded" if missed else "")
