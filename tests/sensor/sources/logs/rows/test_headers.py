"""What a source counts, payload or whole packets, changes no grade and hardly any volume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sensor.sources.logs.rows import headers
from tests.product import compiled_once, query, run_here

COLUMNS = {
    "client": pl.String(), "server": pl.String(), "transport": pl.String(), "bytes_up": pl.Int64(),
    "total_bytes_up": pl.Int64(), "packets_up": pl.Int64(), "bytes_down": pl.Int64(),
    "total_bytes_down": pl.Int64(), "packets_down": pl.Int64(),
}  # fmt: skip


def row(server: str, transport: str, size: int | None, packets: int | None, **more: Any) -> pl.DataFrame:
    known = {"client": "10.0.0.1", "server": server, "transport": transport, "packets_up": packets}
    filled = dict.fromkeys(COLUMNS) | known | {"bytes_up": size, "total_bytes_up": size} | more
    return pl.DataFrame([filled], schema=COLUMNS)


@pytest.mark.parametrize(
    ("server", "transport", "layer", "size", "packets", "payload"),
    [
        ("203.0.113.9", "tcp", "ip", 1000 + 8 * 52, 8, 1000),
        ("203.0.113.9", "tcp", "frame", 1000 + 8 * 66, 8, 1000),
        ("203.0.113.9", "udp", "ip", 1000 + 8 * 28, 8, 1000),
        ("2001:db8::9", "tcp", "ip", 1000 + 8 * 72, 8, 1000),
        ("2001:db8::9", "udp", "frame", 1000 + 8 * 62, 8, 1000),
        # acknowledgements only, of a machine without timestamps
        ("203.0.113.9", "tcp", "ip", 8 * 40, 8, 0),
        ("203.0.113.9", "tcp", "ip", 5000, None, 5000),
        ("203.0.113.9", "tcp", "ip", None, 8, None),
    ],
)
def test_headers_are_removed(
    server: str,
    transport: str,
    layer: headers.Layer,
    size: int | None,
    packets: int | None,
    payload: int | None,
) -> None:
    done = headers.removed(headers.on_the_wire(row(server, transport, size, packets), layer))
    assert done["bytes_up"].to_list() == [payload]
    assert done["total_bytes_up"].to_list() == [payload]


def test_the_total_of_a_later_slice_shrinks_as_the_slice_does() -> None:
    part = row("203.0.113.9", "tcp", 1040, 10, total_bytes_up=4160)
    done = headers.removed(headers.on_the_wire(part, "ip"))
    assert done.select("bytes_up", "total_bytes_up", "wire_bytes_up").row(0) == (520, 2080, 1180)


def test_payload_stays_as_it_is() -> None:
    """Of packets read, and of Zeek: the wire had more."""
    seen = row("203.0.113.9", "tcp", 1000, 8).with_columns(wire_bytes_up=1000 + 8 * 54, wire_bytes_down=None)
    assert headers.removed(seen).equals(seen)


def event(kind: str, port: int, **more: Any) -> str:
    ends = {"src_ip": "10.1.2.3", "src_port": port, "dest_ip": "203.0.113.9", "dest_port": 443}
    stamp = {"timestamp": "2026-10-06T10:00:01.000000+0000", "flow_id": port, "event_type": kind}
    return json.dumps(stamp | ends | {"proto": "UDP" if kind == "quic" else "TCP"} | more)


def flow(port: int, up: tuple[int, int], down: tuple[int, int], **more: Any) -> str:
    """Bytes and packets each way."""
    counts = {
        "bytes_toserver": up[0], "pkts_toserver": up[1], "bytes_toclient": down[0], "pkts_toclient": down[1],
    }  # fmt: skip
    times = {"start": "2026-10-06T10:00:01.000000+0000", "end": "2026-10-06T10:00:09.000000+0000"}
    return event("flow", port, flow=counts | times | {"state": "closed"}, **more)


def test_a_connection_made_ahead_is_no_use_and_one_over_quic_is_one(tmp_path: Path) -> None:
    """As Suricata 8 writes them: frames counted, an event for each Initial, the first without a name."""
    name = {"sni": "chatgpt.com"}
    events = [
        event("tls", 50001, tls=name),
        flow(50001, (2089 + 10 * 66, 10), (2454 + 8 * 66, 8)),
        event("quic", 50002, quic={"version": "1"}),
        event("quic", 50002, quic={"version": "1", **name}),
        flow(50002, (9000 + 42 * 42, 42), (13119 + 55 * 42, 55), proto="UDP"),
    ]
    (tmp_path / "eve.json").write_text("\n".join(events) + "\n")
    state = compiled_once(tmp_path / "state")
    done = run_here(tmp_path, "scan", "eve.json", "--lake", "lake", "--state", state)
    assert done.returncode == 0, done.stderr
    rows = query(
        tmp_path,
        "SELECT kind, MAX(grade), SUM(bytes_up), SUM(bytes_down), SUM(connections) FROM sightings "
        "GROUP BY kind ORDER BY kind DESC",
    )
    assert rows == [("tls", 2, 2089, 2454, 1), ("quic", 3, 9000, 13119, 1)]
