"""Windows DNS: the debug log in every region's dates, dumps and headings, and the analytical events."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from sensor.sources.logs.formats.windows_dns import WindowsDnsEventsFormat, WindowsDnsFormat
from sensor.sources.logs.text.reasons import ANSWERED, NO_LOOKUP, NOT_A_QUERY, RESOLVERS_OWN, REVERSE
from tests.sensor.sources.logs.formats.reading import read

PACKET = "{at} 0D48 PACKET  000000000181D1C0 UDP {way} {client:<15} {xid} {r} {op} [{flags}] {kind:<6} {name}"
QUESTION, ANSWER = "0001   D   NOERROR", "8081   DR  NOERROR"


def packet(**more: str) -> str:
    parts = {
        "at": "5/21/2026 1:51:18 PM", "way": "Rcv", "client": "10.1.0.7", "xid": "0c6b", "r": " ", "op": "Q",
        "flags": QUESTION,
        "kind": "A", "name": "(4)Chat(7)example(3)com(0)",
    }  # fmt: skip
    return PACKET.format(**(parts | more)) + "\n"


def test_a_lookup_is_what_the_server_received() -> None:
    text = (
        packet()
        + packet(way="Snd", client="10.1.0.53", xid="b94d")
        + packet(client="10.1.0.53", xid="b94d", r="R", flags=ANSWER)
        + packet(way="Snd", r="R", flags="8385 A DR  REFUSED")
    )
    found = read(WindowsDnsFormat, text)
    assert found["reason"].to_list() == [None, RESOLVERS_OWN, RESOLVERS_OWN, ANSWERED]
    (row,) = found.head(1).rows(named=True)
    assert (row["client"], row["host"], row["action"], row["transport"]) == (
        "10.1.0.7",
        "chat.example.com",
        "blocked",
        "udp",
    )
    assert row["seen_at"].isoformat() == "2026-05-21T13:51:18+00:00"


@pytest.mark.parametrize(("at", "expected"), [
    ("5/21/2026 1:51:18 PM", "2026-05-21T13:51:18"),
    ("5/6/2026 12:01:18 AM", "2026-05-06T00:01:18"),
    ("21.05.2026 13:51:18", "2026-05-21T13:51:18"),
    ("06/05/2026 13:51:18", "2026-05-06T13:51:18"),
    ("5/21/2026 13:51:18", "2026-05-21T13:51:18"),
    ("21-05-2026 13:51:18", "2026-05-21T13:51:18"),
    ("2026-05-21 13:51:18", "2026-05-21T13:51:18"),
    ("2026/05/06 13:51:18", "2026-05-06T13:51:18"),
    ("06/05/2026 1:51:18 p. m.", "2026-05-06T13:51:18"),
    ("6/5/2026 1:51:18 μμ", "2026-05-06T13:51:18"),
    ("2026/5/6 下午 01:51:18", "2026-05-06T13:51:18"),
    ("2026-05-06 오후 1:51:18", "2026-05-06T13:51:18"),
    ("06/05/2026 1:51:18 CH", "2026-05-06T13:51:18"),
    ("2026. 05. 06. 13:51:18", "2026-05-06T13:51:18"),
])  # fmt: skip
def test_dates_of_every_region(at: str, expected: str) -> None:
    (row,) = read(WindowsDnsFormat, packet(at=at)).rows(named=True)
    assert row["seen_at"].isoformat() == expected + "+00:00"


@pytest.mark.parametrize(("at", "written"), [
    ("6/05/2026 1:51:18 PM", "2026-05-06"),  # an Australian server's
    ("6/5/2026 13:51:18", "2026-06-05"),
    ("6/5/2026 1:51:18 PM", "2026-06-06"),
])  # fmt: skip
def test_a_date_is_near_the_time_of_its_file(at: str, written: str) -> None:
    reference = datetime.fromisoformat(written + "T14:00:00+00:00")
    (row,) = read(WindowsDnsFormat, packet(at=at), reference=reference).rows(named=True)
    assert abs(row["seen_at"] - reference) < timedelta(days=2)


def test_one_line_tells_the_order_of_all() -> None:
    found = read(
        WindowsDnsFormat, packet(at="5/6/2026 13:51:18") + packet(at="5/21/2026 13:51:19", xid="0001")
    )
    assert [at.isoformat()[:10] for at in found["seen_at"]] == ["2026-05-06", "2026-05-21"]


def test_what_is_no_lookup() -> None:
    text = (
        "DNS Server log file creation at 5/21/2026 1:51:18 PM\nLog file wrap at 5/21/2026 1:51:18 PM\n"
        "Message logging key (for packets - other items use a subset of these fields):\n\tField #  "
        "Information         Values\n"
        "\t   1     Date\n"
        + packet()
        + "UDP question info at 000000000181D1C0\n  Socket = 500\n  Remote addr 10.1.0.7, port 49152\n   "
        ' Name      "(4)chat"\n'
        + "5/21/2026 1:51:18 PM 0D48 EVENT   The DNS server has started.\n"
        + packet(op="U", flags="0028       NOERROR", kind="SOA")
        + packet(kind="PTR", name="(1)7(1)0(1)1(2)10(7)in-addr(4)arpa(0)")
    )
    reasons = read(WindowsDnsFormat, text)["reason"].to_list()
    assert reasons == [NO_LOOKUP] * 5 + [None] + [NO_LOOKUP] * 5 + [NOT_A_QUERY, REVERSE]


def test_ipv6_tcp_and_servers_without_packet_ids() -> None:
    line = (
        "20260521 13:51:18 1A2 PACKET  UDP Rcv 2001:db8::7 0c6b   Q [0001   D   NOERROR] AAAA   (4)chat(7)"
        "example(3)com(0)\n"
    )
    line = line.replace("20260521", "2026-05-21")
    (row,) = read(WindowsDnsFormat, line).rows(named=True)
    assert (row["client"], row["host"]) == ("2001:db8::7", "chat.example.com")


EVENT = {
    "EventID": 256, "TimeCreated": "2026-11-22T10:00:00.123Z", "TCP": "0", "InterfaceIP": "10.1.0.53",
    "Source": "10.1.0.7",
    "RD": "1", "QNAME": "Chat.example.com.", "QTYPE": "1", "XID": "3179", "Port": "49152", "Flags": "256",
}  # fmt: skip


def test_analytical_events() -> None:
    told = {"EventID": 257, "Destination": "10.1.0.7", "RCODE": "5", "Source": None}
    text = (
        json.dumps(EVENT) + "\n" + json.dumps(EVENT | told) + "\n" + json.dumps(EVENT | {"EventID": 260}) + "\n"
        + json.dumps({"@timestamp": "2026-11-22T10:00:01Z", "winlog": {"event_id": 256, "event_data": {
            "Source": "10.1.0.8", "QNAME": "api.example.com.", "QTYPE": "28"}}}) + "\n"
    )  # fmt: skip
    found = read(WindowsDnsEventsFormat, text)
    assert found.select("client", "host", "action", "reason").rows() == [
        ("10.1.0.7", "chat.example.com", "blocked", None),
        ("10.1.0.7", "chat.example.com", "blocked", ANSWERED),
        ("10.1.0.7", "chat.example.com", None, NO_LOOKUP),
        ("10.1.0.8", "api.example.com", None, None),
    ]


def test_analytical_events_as_xml() -> None:
    data = "".join(
        f"<Data Name='{name}'>{EVENT[name]}</Data>"
        for name in ("TCP", "Source", "QNAME", "QTYPE", "XID", "Port")
    )
    text = (
        "<Event><System><Provider Name='Microsoft-Windows-DNSServer'/><EventID>256</EventID>"
        f"<TimeCreated SystemTime='2026-11-22T10:00:00.1Z'/></System><EventData>{data}</EventData></Event>\n"
    )
    (row,) = read(WindowsDnsEventsFormat, text).rows(named=True)
    assert (row["client"], row["host"], row["transport"], row["reason"]) == (
        "10.1.0.7",
        "chat.example.com",
        "udp",
        None,
    )


def test_analytical_events_as_text_and_csv() -> None:
    message = (
        "QUERY_RECEIVED: TCP=0; InterfaceIP=10.1.0.53; Source=10.1.0.7; RD=1; QNAME=chat.example.com.; "
        "QTYPE=1; XID=3179; "
        "Port=49152; Flags=256; ServerScope=; PacketData=0x0C6B01"
    )
    text = json.dumps({"Id": 256, "TimeCreated": "2026-11-22T10:00:00Z", "Message": message}) + "\n"
    (row,) = read(WindowsDnsEventsFormat, text).rows(named=True)
    assert (row["client"], row["client_port"], row["host"], row["transport"]) == (
        "10.1.0.7",
        49152,
        "chat.example.com",
        "udp",
    )
    csv = 'TimeCreated,Id,Source,QNAME,QTYPE,XID\n"2026-11-22T10:00:00Z",256,10.1.0.7,chat.example.com.,1,1\n'
    found = read(WindowsDnsEventsFormat, csv)
    assert found.filter(found["reason"].is_null()).select("client", "host").rows() == [
        ("10.1.0.7", "chat.example.com")
    ]
