"""Access log of Istio's ztunnel."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.ztunnel import ZtunnelFormat
from sensor.sources.logs.text.reasons import OTHER_END
from tests.sensor.sources.logs.formats.reading import read

SOURCE = 'src.addr=10.42.0.9:33772 src.workload="web-1" src.namespace="shop"'
IDENTITY = 'src.identity="spiffe://cluster.local/ns/shop/sa/web"'
MODEL = (
    'dst.addr=10.42.0.5:15008 dst.hbone_addr=10.42.0.5:11434 dst.service="ollama.shop.svc.cluster.local" '
    'dst.workload="ollama-1" dst.namespace="shop"'
)


def line(*rest: str, level: str = "info") -> str:
    return f"2026-10-06T10:00:00.637407Z\t{level}\taccess\tconnection complete\t{' '.join(rest)}\n"


def test_of_a_connection_inside_the_mesh_the_source_s_record_counts() -> None:
    there = line(SOURCE, IDENTITY, MODEL, 'direction="outbound" bytes_sent=84 bytes_recv=358 duration="15ms"')
    here = line(SOURCE, IDENTITY, MODEL, 'direction="inbound" bytes_sent=358 bytes_recv=84 duration="15ms"')
    found = read(ZtunnelFormat, there + here)
    assert found["reason"].to_list() == [None, OTHER_END]
    assert found.select("client", "device", "host", "server", "server_port", "bytes_up", "bytes_down").row(0) == (
        "10.42.0.9", "shop/web-1", "ollama.shop.svc.cluster.local", "10.42.0.5", 11434, 84, 358,
    )  # fmt: skip
    assert (found["seen_at"][0].isoformat(), found["duration_s"][0]) == (
        "2026-10-06T10:00:00.622407+00:00",
        0.015,
    )


def test_what_comes_from_outside_the_mesh_is_only_told_where_it_arrives() -> None:
    arrived = line(SOURCE, MODEL, 'direction="inbound" bytes_sent=358 bytes_recv=84 duration="15ms"')
    (row,) = read(ZtunnelFormat, arrived).iter_rows(named=True)
    assert (row["reason"], row["bytes_up"], row["bytes_down"]) == (None, 84, 358)


def test_refused_and_failed() -> None:
    refused = 'error="connection closed due to policy rejection: explicitly denied by: istio-system/strict"'
    failed = 'error="io error: Connection refused (os error 111)"'
    counts = 'direction="outbound" bytes_sent=0 bytes_recv=0 duration="0ms"'
    text = line(SOURCE, MODEL, counts, refused, level="error") + line(
        SOURCE, MODEL, counts, failed, level="error"
    )
    assert read(ZtunnelFormat, text)["action"].to_list() == ["blocked", "reset"]


def test_json_and_ipv6() -> None:
    told = {
        "level": "info", "time": "2026-10-06T10:00:00.637407Z", "scope": "access", "message": "connection complete",
        "src.addr": "[2001:db8::9]:33772", "dst.addr": "[2001:db8::7]:443", "direction": "outbound",
        "bytes_sent": 74, "bytes_recv": 773, "duration": "357ms",
    }  # fmt: skip
    (row,) = read(ZtunnelFormat, json.dumps(told)).iter_rows(named=True)
    assert (row["client"], row["client_port"], row["server"], row["server_port"], row["bytes_up"]) == (
        "2001:db8::9", 33772, "2001:db8::7", 443, 74,
    )  # fmt: skip
