"""Sysmon's events in Hayabusa's timelines."""

from __future__ import annotations

from sensor.sources.logs.formats.hayabusa import HayabusaFormat
from tests.sensor.sources.logs.formats.reading import read

TITLES = (
    '"Timestamp","RuleTitle","Level","Computer","Channel","EventID","RecordID","Details","ExtraFieldInfo"\n'
)
NET = (
    "Proto: tcp ¦ SrcIP: 10.1.2.3 ¦ SrcPort: 50000 ¦ SrcHost: pc7 ¦ TgtIP: 192.0.2.7 ¦ TgtPort: 443 ¦ "
    r"TgtHost: chat.example.com ¦ User: ACME\jane ¦ Proc: C:\b.exe ¦ PID: 4"
)
SHOWN = ("kind", "client", "user_name", "device", "host", "server", "server_port")


def row(channel: str, event: int, record: int, details: str, extra: str, *, rule: str = "Info") -> str:
    return f'"2026-10-06 12:00:00.123 +02:00","{rule}","info","pc1","{channel}",{event},{record},"{details}","{extra}"\n'


def test_lookups_and_connections_once_each() -> None:
    asked = r"Query: api.example.com ¦ Result: type:  5 edge.example.net;192.0.2.7; ¦ Proc: C:\b.exe"
    found = read(
        HayabusaFormat,
        TITLES
        + row("Sysmon", 22, 1, asked, r"QueryStatus: 0 ¦ User: ACME\jane")
        + row("Sysmon", 3, 2, NET, "Initiated: true")
        + row("Sysmon", 3, 2, NET, "Initiated: true", rule="Suspicious")
        + row("Sysmon", 3, 3, NET, "Initiated: false")
        + row("Sec", 4624, 2, "Type: 3 ¦ TgtUser: jane ¦ SrcIP: 10.1.2.3", ""),
    )
    assert found.select(SHOWN).rows()[:2] == [
        ("dns", None, r"ACME\jane", "pc1", "api.example.com", None, None),
        ("flow", "10.1.2.3", r"ACME\jane", "pc1", "chat.example.com", "192.0.2.7", 443),
    ]
    assert found["answers"][0].to_list() == ["192.0.2.7"]
    assert found.select("device", "user_name").row(3) == ("pc7", None)
    assert found["seen_at"][0].isoformat() == "2026-10-06T10:00:00.123000+00:00"
    assert found["reason"].to_list() == [
        None,
        None,
        "set aside: repeats an earlier record",
        None,
        "set aside: names no connection",
    ]


def test_all_fields_by_the_names_of_sysmon() -> None:
    titles = '"Timestamp","Computer","Channel","EventID","Level","RecordID","RuleTitle","AllFieldInfo"\n'
    fields = "DestinationHostname: chat.example.com ¦ DestinationIp: 192.0.2.7 ¦ DestinationPort: 443 ¦ SourceIp: 10.1.2.3"
    line = f'"2026-10-06 10:00:00.123 +00:00","pc1","Sysmon",3,"info",9,"Net Conn","{fields}"\n'
    found = read(HayabusaFormat, titles + line)
    assert found.select(SHOWN).row(0) == (
        "flow",
        "10.1.2.3",
        None,
        "pc1",
        "chat.example.com",
        "192.0.2.7",
        443,
    )
