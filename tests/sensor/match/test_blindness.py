"""Connections to blind spots: by name, port or address, in this order, each counted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor import schema
from sensor.catalog.blind import BLIND_SPOTS
from sensor.match.blindness import Blindness

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DNS, VPN = "encrypted_dns", "vpn_relay"

SPOTS = [
    ("domain", "dns.example", 443, None, DNS),
    ("domain", "dns.example", 853, "tcp", DNS),
    ("suffix", "vpn.example", None, None, VPN),
    ("suffix", "dns.vpn.example", 443, None, DNS),
    ("port", "", 853, "tcp", DNS),
    ("address", "192.0.2.53", 443, None, DNS),
    ("address", "198.51.100.0/24", None, None, VPN),
    ("address", "2001:db8::53", 443, "udp", DNS),
]


@pytest.fixture(scope="module")
def blindness() -> Blindness:
    rows = [
        {"name": f"spot {n}", "kind": "x", "form": form, "value": value, "port": port, "transport": transport,
         "counted": counted}
        for n, (form, value, port, transport, counted) in enumerate(SPOTS)
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema_overrides={"port": pl.Int64, "transport": pl.String})
    missing = [pl.lit(None, dtype).alias(n) for n, dtype in BLIND_SPOTS.items() if n not in frame.columns]
    return Blindness(frame.with_columns(missing).select(*BLIND_SPOTS))


def seen(*rows: dict[str, Any]) -> pl.DataFrame:
    """Connections to 203.0.113.9:443/tcp at T0 unless said otherwise."""
    usual = {
        "host": None, "server": "203.0.113.9", "server_port": 443, "transport": "tcp", "kind": "tls",
        "slice": 0, "second": 0,
    }  # fmt: skip
    types = {"host": pl.String, "server": pl.String, "transport": pl.String, "slice": pl.Int64}
    frame = pl.DataFrame([usual | row for row in rows], schema_overrides=types)
    began = pl.lit(T0, schema.TIME) + pl.duration(seconds="second")
    found = schema.OBSERVATIONS.conform(frame.with_columns(seen_at=began, started_at=began))
    return found.with_columns(input=pl.lit("in"))


@pytest.mark.parametrize(
    ("row", "counted"),
    [
        ({"host": "dns.example"}, DNS),
        ({"host": "dns.example", "server_port": 80}, None),
        ({"host": "dns.example", "server_port": None, "transport": None}, DNS),
        ({"host": "www.dns.example"}, None),
        ({"host": "eu.vpn.example", "server_port": 80}, VPN),
        ({"host": "a.dns.vpn.example"}, DNS),
        ({"host": "a.dns.vpn.example", "server_port": 80}, VPN),
        ({"host": "notvpn.example"}, None),
        ({"server_port": 853}, DNS),
        ({"server_port": 853, "host": "any.example"}, DNS),
        ({"server_port": 853, "host": "eu.vpn.example"}, VPN),
        ({"server_port": 853, "transport": "udp"}, None),
        ({"server": "192.0.2.53"}, DNS),
        ({"server": "192.0.2.53", "host": "other.example"}, None),
        ({"server": "192.0.2.53", "server_port": 53}, None),
        ({"server": "192.0.2.5"}, None),
        ({"server": None, "host": "192.0.2.53"}, DNS),
        ({"server": "198.51.100.77", "server_port": 500, "transport": "udp"}, VPN),
        ({"server": "198.51.101.77"}, None),
        ({"server": "2001:db8::53", "transport": "udp"}, DNS),
        ({"server": "2001:db8::53"}, None),
        ({"server": None}, None),
        ({"host": "dns.example", "kind": "dns"}, "nothing"),
        ({"host": "dns.example", "slice": 1}, "nothing"),
        ({"host": "dns.example", "slice": None}, DNS),
    ],
)
def test_where_a_connection_goes(blindness: Blindness, row: dict[str, Any], counted: str | None) -> None:
    counts = blindness.counts(seen(row)).select(DNS, VPN).rows()
    expected = [] if counted == "nothing" else [(int(counted == DNS), int(counted == VPN))]
    assert counts == expected


def test_counts_are_by_minute(blindness: Blindness) -> None:
    rows = seen(
        {"host": "dns.example"}, {"host": "dns.example", "second": 59}, {"host": "dns.example", "second": 60},
        {"host": "x.vpn.example", "second": 61}, {"second": 125},
    )  # fmt: skip
    counts = blindness.counts(rows).sort("minute")
    minutes = [T0 + timedelta(minutes=n) for n in range(3)]
    assert counts.select("minute", DNS, VPN).rows() == [
        (minutes[0], 2, 0), (minutes[1], 1, 1), (minutes[2], 0, 0),
    ]  # fmt: skip


def test_counts_are_by_input(blindness: Blindness) -> None:
    rows = seen({"host": "dns.example"})
    both = pl.concat([rows, rows, rows.with_columns(input=pl.lit("other"))])
    assert blindness.counts(both).sort("input").select("input", DNS).rows() == [("in", 2), ("other", 1)]


def test_no_spots_and_no_connections(blindness: Blindness) -> None:
    assert blindness.counts(seen({}).clear()).is_empty()
    none = Blindness(pl.DataFrame(schema=BLIND_SPOTS))
    assert none.counts(seen({"host": "dns.example"})).select(DNS, VPN).rows() == [(0, 0)]


def test_lists_a_host_or_an_address_on_any_port(blindness: Blindness) -> None:
    assert blindness.listing("DNS.example.", None).select("name", "port").rows() == [
        ("spot 0", 443), ("spot 1", 853),
    ]  # fmt: skip
    assert blindness.listing(None, "198.51.100.9")["name"].to_list() == ["spot 6"]
    assert blindness.listing("nothing.example", "192.0.2.1").is_empty()


HOSTS = st.sampled_from([None, "dns.example", "a.vpn.example", "x.example", "192.0.2.53", "::", "", "."])
SERVERS = st.sampled_from([None, "192.0.2.53", "198.51.100.1", "2001:db8::53", "rubbish", ""])


@given(
    st.lists(st.tuples(HOSTS, SERVERS, st.sampled_from([None, 443, 853]), st.sampled_from(["tcp", "udp"])))
)
@settings(max_examples=60, deadline=None)
def test_each_connection_is_counted_at_most_once(blindness: Blindness, ends: list[Any]) -> None:
    names = ("host", "server", "server_port", "transport")
    rows = [dict(zip(names, end, strict=True)) for end in ends]
    frame = seen(*rows) if rows else seen({}).clear()
    alone = [blindness.counts(seen(row)).select(DNS, VPN).row(0) for row in rows]
    assert all(sum(pair) <= 1 for pair in alone)
    together = blindness.counts(frame).select(DNS, VPN).sum().row(0)
    assert together == (sum(pair[0] for pair in alone), sum(pair[1] for pair in alone))
