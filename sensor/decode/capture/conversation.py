"""Finds the frames of one connection, to copy its packets from a capture."""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.dissection.fragments import assign
from sensor.decode.dissection.ip import DECODED, FRAGMENT, dissect
from sensor.decode.kernels.jit import entry, kernel
from sensor.decode.layout import Bytes, Records


@kernel
def _runs(packet: Records, wanted: Records, back: bool) -> bool:
    """True if the packet goes from the source of `wanted` to its target, or `back` from target to source."""
    if back:
        source, target = wanted["target"], wanted["source"]
        source_port, target_port = wanted["target_port"], wanted["source_port"]
    else:
        source, target = wanted["source"], wanted["target"]
        source_port, target_port = wanted["source_port"], wanted["target_port"]
    a, b = packet["source"], packet["target"]
    return bool(
        packet["source_port"] == source_port
        and packet["target_port"] == target_port
        and a[0] == source[0]
        and a[1] == source[1]
        and b[0] == target[0]
        and b[1] == target[1]
    )


@entry
def mark_conversation(
    data: Bytes, frames: Records, count: int, packets: Records, datagrams: Records, bodies: Bytes,
    asked: Records, found: Bytes,
) -> None:  # fmt: skip
    """Set `found` to 1 for those of frames[:count] that belong to the connection `asked` (a PACKET).

    Protocol 0 matches both. Fragments are found, too, if they follow the first one of their datagram.
    """
    packet, wanted = packets[0], asked[0]
    for i in range(count):
        found[i] = 0
        packet["time"] = frames[i]["time"]
        status = dissect(data, frames[i], packet)
        if status in (DECODED, FRAGMENT) and packet["fragment"] >= 0:
            status = assign(data, packet, datagrams, bodies)
        if status != DECODED or (wanted["protocol"] != 0 and packet["protocol"] != wanted["protocol"]):
            continue
        if _runs(packet, wanted, False) or _runs(packet, wanted, True):
            found[i] = 1
