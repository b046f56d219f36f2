"""Finds the frames of one connection, to copy its packets from a capture."""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.dissection.fragments import assign
from sensor.decode.dissection.ip import DECODED, FRAGMENT, dissect
from sensor.decode.kernels.jit import entry, kernel
from sensor.decode.layout import Bytes, Records


@kernel
def _is_end(address: Records, port: int, other: Records, other_port: int) -> bool:
    return bool(address[0] == other[0] and address[1] == other[1] and port == other_port)


@kernel
def _is_between(packet: Records, wanted: Records) -> bool:
    """True if the packet goes from the source of `wanted` to its target, or back."""
    source, target, a, b = packet["source"], packet["target"], wanted["source"], wanted["target"]
    source_port, target_port = packet["source_port"], packet["target_port"]
    port_a, port_b = wanted["source_port"], wanted["target_port"]
    forth = _is_end(source, source_port, a, port_a) and _is_end(target, target_port, b, port_b)
    return forth or (_is_end(source, source_port, b, port_b) and _is_end(target, target_port, a, port_a))


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
        if _is_between(packet, wanted):
            found[i] = 1
