"""Unbound: queries, replies, local zones, RPZ, every kind of time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sensor.sources.logs.formats.unbound import UnboundFormat
from sensor.sources.logs.text.reasons import ANSWERED, NO_LOOKUP, REVERSE
from tests.sensor.sources.logs.formats.reading import read

HEAD = "[1700000000] unbound[17265:d] "
_PTR = "a pointer lookup names no service: set aside"
ARGUED = [("sekoia-unbound.jsonl", (2, 3, 4), "used", _PTR)]


@pytest.mark.parametrize("head", [
    "[1700000000] unbound[17265:d] ",
    "<30>Nov 14 22:13:20 fw unbound[17265]: [17265:d] ",
    "<30>1 2023-11-14T22:13:20Z fw unbound 17265 - - [17265:d] ",
    "2023-11-14T23:13:20+01:00 fw unbound[17265]: [17265:d] ",
    "Nov 14 22:13:20 unbound[17265:d] ",
    "2023-11-14T22:13:20.000+00:00 unbound[17265:d] ",
])  # fmt: skip
@pytest.mark.parametrize("word", ["info", "query"])
def test_queries_with_every_head(head: str, word: str) -> None:
    found = read(
        UnboundFormat,
        f"{head}{word}: 10.1.0.7 Chat.Example.com. HTTPS IN\n",
        reference=datetime(2023, 12, 1, tzinfo=UTC),
    )
    assert found.select("seen_at", "client", "host", "kind", "server").rows() == [
        (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), "10.1.0.7", "chat.example.com", "dns", None)
    ]


def test_a_reply_tells_how_its_query_ended() -> None:
    text = (
        f"{HEAD}info: 10.1.0.7 chat.example.com. A IN\n"
        f"{HEAD}info: 10.1.0.7 chat.example.com. A IN REFUSED 0.000000 1 49\n"
        f"{HEAD}reply: 2001:db8::7 api.example.com. AAAA IN NOERROR 0.001 0 64 10.1.0.53\n"
    )
    found = read(UnboundFormat, text)
    assert found.select("host", "client", "action", "reason").rows() == [
        ("chat.example.com", "10.1.0.7", "blocked", None),
        ("chat.example.com", "10.1.0.7", "blocked", ANSWERED),
        ("api.example.com", "2001:db8::7", "allowed", None),
    ]
    assert found["bytes_down"].null_count() == 3


def test_local_zones_and_policy() -> None:
    text = (
        f"{HEAD}info: example.com. always_nxdomain 10.1.0.7@49152 chat.example.com. A IN\n"
        f"{HEAD}info: example.org. transparent 10.1.0.7@49152 www.example.org. A IN\n"
        f"{HEAD}info: rpz: applied [ai-list] chat.example.net. rpz-nxdomain 10.1.0.7@49152 "
        f"chat.example.net. A IN\n"
        f"{HEAD}info: rpz: applied chat.example.net. rpz-tcp-only 10.1.0.7@49152 a.example.net. A IN\n"
    )
    found = read(UnboundFormat, text)
    assert found.select("host", "client_port", "action").rows() == [
        ("chat.example.com", 49152, "blocked"),
        ("www.example.org", 49152, "allowed"),
        ("chat.example.net", 49152, "blocked"),
        ("a.example.net", 49152, "allowed"),
    ]


def test_what_a_local_zone_refused_is_one_lookup_whatever_else_is_logged() -> None:
    query, reply = "10.1.0.7 chat.example.com. A IN", "10.1.0.7 chat.example.com. A IN NOERROR 0.000000 1 45"
    local = "chat.example.com. always_null 10.1.0.7@49152 chat.example.com. A IN"
    found = read(UnboundFormat, "".join(f"{HEAD}info: {line}\n" for line in (query, local, reply)))
    assert found.select("action", "reason").rows()[0] == ("blocked", None)
    assert found["reason"].to_list()[1:] == [ANSWERED, ANSWERED]
    found = read(UnboundFormat, "".join(f"{HEAD}info: {line}\n" for line in (local, reply)))
    assert found.select("action", "reason").rows() == [("blocked", None), ("allowed", ANSWERED)]
    told = local.replace("always_null", "inform")
    found = read(
        UnboundFormat,
        "".join(f"{HEAD}info: {line}\n" for line in (told, reply.replace("NOERROR", "NXDOMAIN"))),
    )
    assert found.select("action", "reason").rows() == [("blocked", None), ("blocked", ANSWERED)]


def test_what_is_no_lookup() -> None:
    text = (
        f"{HEAD}info: 10.1.0.7 7.0.1.10.in-addr.arpa. PTR IN\n{HEAD}notice: init module 0: validator\n"
        f"{HEAD}error: failed to find an open port, drop msg\n{HEAD}info: generate keytag query "
        f"_ta-4f66. NULL IN\n"
    )
    assert read(UnboundFormat, text)["reason"].to_list() == [
        REVERSE,
        NO_LOOKUP,
        NO_LOOKUP,
        NO_LOOKUP,
    ]
