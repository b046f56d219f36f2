"""CrowdStrike: lookups, connections of both families and directions, other events."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.crowdstrike import CrowdstrikeFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

ARGUED = [
    ("sekoia-crowdstrike-telemetry.jsonl", 0, "client", "0.0.0.0 is no address"),
    ("sekoia-crowdstrike-telemetry.jsonl", 0, "path", "a bare name has no path"),
]


def line(name: str, **more: object) -> str:
    entry = {"event_simpleName": name, "ContextTimeStamp": "1795341600.367", "timestamp": "1795341605000",
    "aid": "a1",
             "aip": "203.0.113.9", "event_platform": "Win", "cid": "c"}  # fmt: skip
    return json.dumps(entry | more) + "\n"


def test_lookups() -> None:
    text = line(
        "DnsRequest",
        DomainName="Chat.example.com",
        RequestType="1",
        IP4Records="203.0.113.5;203.0.113.6;",
        ComputerName="ANN-PC",
    )
    (row,) = read(CrowdstrikeFormat, text).rows(named=True)
    assert (row["kind"], row["host"], row["device"], row["client"]) == (
        "dns",
        "chat.example.com",
        "ANN-PC",
        None,
    )
    assert row["answers"] == ["203.0.113.5", "203.0.113.6"]
    assert row["action"] == "allowed"
    assert row["seen_at"].isoformat() == "2026-11-22T10:00:00.367000+00:00"


def test_a_lookup_has_the_verdict_of_its_status() -> None:
    text = "".join(
        line("DnsRequest", DomainName="a.example", QueryStatus=code) for code in ("0", "9003", "87")
    )
    assert read(CrowdstrikeFormat, text)["action"].to_list() == ["allowed", "blocked", "allowed"]


def test_connections() -> None:
    text = (
        line("NetworkConnectIP4", LocalAddressIP4="10.1.0.7", LocalPort="49152",
        RemoteAddressIP4="198.51.100.4", RemotePort="443",
             Protocol="6", ConnectionDirection="0", UserName="ann")
        + line("NetworkConnectIP6", LocalAddressIP4="0.0.0.0", LocalAddressIP6="2001:db8::7", LocalPort="0",
        RemotePort="443",
               RemoteAddressIP6="2001:db8:1::4", Protocol="17", OriginatingURL="wss://chat.example.com/.ws")
        + line("NetworkReceiveAcceptIP4", LocalAddressIP4="10.1.0.7", LocalPort="11434",
        RemoteAddressIP4="10.1.0.8", RemotePort="50000",
               Protocol="6", ConnectionDirection="1", ComputerName="ANN-PC")
    )  # fmt: skip
    found = read(CrowdstrikeFormat, text)
    assert found.select(
        "client", "client_port", "server", "server_port", "transport", "host", "path", "device"
    ).rows() == [
        ("10.1.0.7", 49152, "198.51.100.4", 443, "tcp", None, None, "a1"),
        ("2001:db8::7", None, "2001:db8:1::4", 443, "udp", "chat.example.com", "/.ws", "a1"),
        ("10.1.0.8", 50000, "10.1.0.7", 11434, "tcp", None, None, None),
    ]


def test_other_events() -> None:
    assert (
        read(CrowdstrikeFormat, line("ProcessRollup2", UserName="ann") + line("NetworkListenIP4"))[
            "reason"
        ].to_list()
        == [NO_CONNECTION] * 2
    )


def test_matches_of_the_hosts_firewall_in_the_connectors_cef() -> None:
    head = "CEF:0|{}|FalconHost|1.0|{}|x|1|hostName=PC7 rt=1791280800000 "
    pairs = "connectionDirection={} localAddress=10.1.2.3 localPort={} protocol=6 remoteAddress=192.0.2.7 remotePort={} ruleAction={}"
    text = "\n".join(
        (
            head.format("CrowdStrike", "FirewallMatchEvent") + pairs.format(0, 50000, 443, 2),
            # A connector that names another vendor; somebody's call of this machine.
            head.format("Check Point", "FirewallMatchEvent") + pairs.format(1, 22, 50001, 1),
            head.format("CrowdStrike", "AuthActivityAuditEvent") + "suser=ada",
        )
    )
    found = read(CrowdstrikeFormat, text)
    told = found.select(
        "client", "client_port", "device", "server", "server_port", "transport", "action", "reason"
    )
    assert told.rows() == [
        ("10.1.2.3", 50000, "PC7", "192.0.2.7", 443, "tcp", "blocked", None),
        ("192.0.2.7", 50001, None, "10.1.2.3", 22, "tcp", "allowed", None),
        (None, None, "PC7", None, None, None, "unknown", NO_CONNECTION),
    ]
