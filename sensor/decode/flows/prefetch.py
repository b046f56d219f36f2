"""Dissects frames ahead of their processing, so that the memory they need can be prefetched.

With many connections each packet needs rows that are in no cache: an index slot, the two parts of its
connection, a set of the duplicate filter. Their addresses are known once the frame is dissected, and the CPU
fetches them while it processes earlier frames.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.dissection.ip import DECODED, FRAGMENT, dissect
from sensor.decode.flows import table as flow_table
from sensor.decode.flows.duplicates import content_of, first_slot
from sensor.decode.kernels.jit import step
from sensor.decode.kernels.packet_bytes import fetch
from sensor.decode.layout import COLD, FLOW, Bytes, Ingress, Records, Table, i64

#: Frames dissected but not processed yet; a power of two.
AHEAD = 16
#: Distance in frames at which the rows of a connection are prefetched, after its index slot has arrived.
_ROWS_AHEAD = 8
#: Distance in frames at which headers are prefetched before dissection.
_HEADERS_AHEAD = 8

_FLOW_BYTES, _COLD_BYTES = FLOW.itemsize, COLD.itemsize


@step
def _dissect(
    data: Bytes, frame: Records, packet: Records, recent: Records, table: Table, control: Records
) -> None:
    status = dissect(data, frame, packet)
    packet["status"], packet["tag"] = status, -1
    if status in (DECODED, FRAGMENT):
        packet["content"] = content_of(data, packet)
        fetch(recent, 8 * first_slot(packet["content"], i64(control["filter"])), 1)
    if status == DECODED:
        flow_table.canonicalise(packet, control)
        fetch(table.index, 8 * (packet["tag"] & (table.index.size - 1)), 1)


@step
def _fetch_rows(packet: Records, table: Table) -> None:
    if packet["tag"] >= 0:
        row = (table.index[packet["tag"] & (table.index.size - 1)] & 0xFFFFFFFF) - 1
        if row >= 0:
            fetch(table.flows, row * _FLOW_BYTES, 2)
            fetch(table.colds, row * _COLD_BYTES, 1)


@step
def dissect_ahead(
    data: Bytes, frames: Records, now: int, prepared: int, last: int, ingress: Ingress, table: Table,
    control: Records,
) -> int:  # fmt: skip
    """Dissect frames up to AHEAD beyond frame `now`; returns the first one not dissected."""
    while prepared < last and prepared < now + AHEAD:
        if prepared + _HEADERS_AHEAD < last:
            fetch(data, i64(frames[prepared + _HEADERS_AHEAD]["offset"]), 2)
        packet = ingress.packets[prepared & (AHEAD - 1)]
        control["dissected_frame"] = prepared
        _dissect(data, frames[prepared], packet, ingress.recent, table, control)
        prepared += 1
    control["dissected_frame"] = -1
    if now + _ROWS_AHEAD < prepared:
        _fetch_rows(ingress.packets[(now + _ROWS_AHEAD) & (AHEAD - 1)], table)
    return prepared
