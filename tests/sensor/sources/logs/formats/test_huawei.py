"""Huawei firewalls: whose clock a line tells."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.huawei import HuaweiFormat
from sensor.sources.logs.rows.sessions import Sessions
from tests.sensor.sources.logs.formats.reading import read

MATCH = (
    "%%01POLICY/6/POLICYPERMIT(l):vsys=public, protocol=6, source-ip=10.1.2.3, source-port=50000, "
    "destination-ip=192.0.2.7, destination-port=443, time=2026/10/6 18:00:00, rule-name=out."
)


@pytest.mark.parametrize(
    ("head", "seen"),
    [
        ("<190>Oct  6 2026 10:00:00 fw1 ", "2026-10-06T10:00:00+00:00"),
        ("2026-10-06 10:00:00 fw1 ", "2026-10-06T10:00:00+00:00"),
        # Nothing else tells the time.
        ("", "2026-10-06T18:00:00+00:00"),
    ],
)
def test_the_head_is_in_utc_and_the_match_in_the_zone_of_the_firewall(head: str, seen: str) -> None:
    (row,) = read(HuaweiFormat, head + MATCH).rows(named=True)
    assert (row["seen_at"].isoformat(), row["client"], row["action"]) == (seen, "10.1.2.3", "allowed")


def test_a_request_of_a_session_names_it_and_its_page_tells_nothing_else() -> None:
    about = (
        "IPVer=4,Protocol=tcp,SourceIP=10.1.2.3,DestinationIP=192.0.2.7,SourcePort=50000,DestinationPort=80,"
    )
    lines = (
        f"%%01SECLOG/6/SESSION_URL(l):{about}BeginTime=1791280800,EndTime=1791280800,SourceVpnID=0,"
        "Page=/a?b=1,user=eve,SendBytes=7,Host=chat.example.com.",
        f"%%01SECLOG/6/SESSION_TEARDOWN(l):{about}BeginTime=1791280800,EndTime=1791280812,SendPkts=5,SendBytes=900,RcvPkts=6,"
        "RcvBytes=7000,UserName=ada,CloseReason=tcp-fin.",
    )
    found = Sessions().take(
        read(HuaweiFormat, "".join(f"2026-10-06 10:00:12 fw1 {line}\n" for line in lines))
    )
    assert found.select("kind", "host", "path", "user_name").rows() == [
        ("http", "chat.example.com", "/a", None),
        ("http", "chat.example.com", None, "ada"),
    ]
    assert found["bytes_up"].to_list() == [None, 900]
    assert found["slice"].to_list() == [0, 1]


def test_lines_with_the_id_of_their_command_and_those_of_older_firewalls() -> None:
    lines = (
        "%%01URL/4/FILTER(l):CID=0x814f0420;The URL filtering policy was matched. (SyslogId=1, SrcIp=10.1.2.3, "
        'DstIp=192.0.2.7, SrcPort=50000, DstPort=443, Protocol=TCP, Page="/a", Host="chat.example.com", Action=Block)',
        "%%01SEC/4/POLICYPERMIT(l): protocol=17, source-ip=10.1.2.3, source-port=50000, destination-ip=192.0.2.7, "
        "destination-port=443, time=2026/10/06 18:00:00, interzone-trust(public)-a(public) outbound, policy=0.",
    )
    found = read(HuaweiFormat, "".join(f"2026-10-06 10:00:00 fw1 {line}\n" for line in lines))
    assert found.select("client", "host", "server", "action").rows() == [
        ("10.1.2.3", "chat.example.com", "192.0.2.7", "blocked"),
        ("10.1.2.3", None, "192.0.2.7", "allowed"),
    ]
