"""Firepower connection events."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.cisco_ftd import CiscoFtdFormat
from sensor.sources.logs.text.reasons import ALERT, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

EVENT = (
    "2026-10-06T10:05:00Z fw1  %FTD-1-{}: DeviceUUID: 1c8f, InstanceID: 3, FirstPacketSecond: 2026-10-06T10:00:00Z, ConnectionID: 7, "
    "AccessControlRuleAction: {}, SrcIP: 10.1.2.3, DstIP: 192.0.2.7, SrcPort: 40000, DstPort: 443, Protocol: {}, ACPolicy: default, "
    "Prefilter Policy: Default Prefilter Policy, User: {}, UserAgent: Mozilla/5.0 (X11, Linux) Chrome/80.0, like Gecko, Client: Chrome, "
    "ConnectionDuration: 300, InitiatorPackets: 5, ResponderPackets: 6, InitiatorBytes: 900, ResponderBytes: 70{}"
)


def _event(
    number: str = "430003", action: str = "Allow", proto: str = "tcp", user: str = "CORP\\ada", more: str = ""
) -> str:
    return EVENT.format(number, action, proto, user, more)


def test_begin_and_end_are_one_session() -> None:
    rows = read(CiscoFtdFormat, "\n".join([_event("430002"), _event(more=", URL: https://chat.example.com")]))
    assert rows["session"].n_unique() == 1
    assert rows["phase"].to_list() == ["begin", "end"]
    row = rows.row(1, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (row["kind"], row["client"], row["user_name"], row["host"], row["path"]) == (
        "tls", "10.1.2.3", "CORP\\ada", "chat.example.com", None,
    )  # fmt: skip
    assert (row["bytes_up"], row["bytes_down"], row["duration_s"]) == (900, 70, 300.0)
    assert row["user_agent"] == "Mozilla/5.0 (X11, Linux) Chrome/80.0, like Gecko"


def test_requests_and_lookups() -> None:
    rows = read(
        CiscoFtdFormat,
        "\n".join(
            [
                _event(more=", URL: http://a.example.com/p?q, HTTPResponse: 200"),
                _event(proto="udp", more=", DNSQuery: a.example.com, DNS_TTL: 7"),
            ]
        ),
    )
    assert rows["kind"].to_list() == ["http", "dns"]
    assert rows["path"].to_list() == ["/p", None]
    assert rows["server"].to_list() == ["192.0.2.7", "192.0.2.7"]


def test_verdicts_and_nobody() -> None:
    words = ("Allow", "Trust", "Block with reset", "Interactive Block", "Fastpath")
    rows = read(
        CiscoFtdFormat, "\n".join(_event(action=word, user="No Authentication Required") for word in words)
    )
    assert rows["action"].to_list() == ["allowed", "allowed", "blocked", "blocked", "allowed"]
    assert rows["user_name"].null_count() == 5


def test_what_is_no_connection() -> None:
    rows = read(CiscoFtdFormat, "\n".join([_event("430001"), _event(proto="icmp")]))
    assert rows["reason"].to_list() == [ALERT, NO_PORTS]


def test_estreamer_cef() -> None:
    line = (
        "CEF:0|Cisco|Firepower|6.0|RNA:1003:1|CONNECTION STATISTICS|3|act=Allow src=10.1.2.3 spt=40000 dst=192.0.2.7 dpt=443 proto=6 "
        "request=https://a.example.com suser=ada start=1791280800000 bytesIn=4 bytesOut=5"
    )
    row = read(CiscoFtdFormat, line).row(0, named=True)
    assert (row["host"], row["client"], row["bytes_up"], row["bytes_down"]) == (
        "a.example.com",
        "10.1.2.3",
        5,
        4,
    )


def test_estreamer_writes_request_with_a_capital() -> None:
    line = (
        "CEF:0|Cisco|Firepower|6.0|RNA:1003:1|CONNECTION STATISTICS|7|rt=1791280831000;bytesIn=70;bytesOut=900;"
        "start=1791280800000 ;src=10.1.2.3;dst=192.0.2.7;act=Block;app=HTTPS;spt=40000;dpt=443;proto=6;"
        "Request=https://chat.example.com;suser=ada"
    )
    (row,) = read(CiscoFtdFormat, line).rows(named=True)
    assert (row["kind"], row["host"], row["user_name"], row["action"]) == (
        "tls",
        "chat.example.com",
        "ada",
        "blocked",
    )
    assert (row["bytes_up"], row["bytes_down"], row["seen_at"]) == (
        900,
        70,
        datetime(2026, 10, 6, 10, tzinfo=UTC),
    )


def test_the_management_centres_table_of_connections() -> None:
    table = (
        "First Packet,Last Packet,Action,Initiator IP,Initiator User,Responder IP,Source Port / ICMP Type,"
        "Destination Port / ICMP Code,URL,Initiator Bytes,Responder Bytes\n"
        '2026-10-06 10:00:00,2026-10-06 10:00:05,Allow,10.1.2.3,"Ada Lovelace (ACME\\ada, LDAP)",192.0.2.7,50000 / tcp,'
        "443 (https) / tcp,https://chat.example.com,900,7000\n"
    )
    (row,) = read(CiscoFtdFormat, table).iter_rows(named=True)
    assert (row["client"], row["client_port"], row["server"], row["server_port"], row["transport"]) == (
        "10.1.2.3", 50000, "192.0.2.7", 443, "tcp",
    )  # fmt: skip
    assert (row["user_name"], row["host"], row["bytes_up"], row["bytes_down"], row["duration_s"]) == (
        "ACME\\ada", "chat.example.com", 900, 7000, 5.0,
    )  # fmt: skip
