"""RouterOS: a verdict only where the rule's prefix says so; leases end."""

from __future__ import annotations

from sensor.sources.logs.formats.mikrotik import MikrotikFormat
from sensor.sources.logs.text.reasons import NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

PACKET = (
    "Oct  6 10:00:00 r firewall,info {}forward: in:bridge out:ether1, src-mac 00:00:5e:00:53:01, proto {}, {}"
)


def test_verdicts() -> None:
    lines = [
        PACKET.format("", "TCP (SYN)", "10.1.2.3:50000->192.0.2.7:443, len 52"),
        PACKET.format("ACCEPT web ", "UDP", "10.1.2.3:50001->192.0.2.7:443, len 1200"),
        PACKET.format("drop: ", "TCP (SYN)", "10.1.2.3:50002->192.0.2.7:443, len 52"),
        PACKET.format("", "ICMP (type 8, code 0)", "10.1.2.3->192.0.2.7, len 84"),
    ]
    rows = read(MikrotikFormat, "\n".join(lines))
    assert rows["action"].to_list()[:3] == ["unknown", "allowed", "blocked"]
    assert rows["transport"].to_list()[:3] == ["tcp", "udp", "tcp"]
    assert rows["reason"].to_list() == [None, None, None, NO_PORTS]


def test_leases() -> None:
    rows = read(
        MikrotikFormat,
        "Oct  6 10:00:00 r dhcp,info lan assigned 10.1.2.3 for 00:00:5E:00:53:01 laptop-1\n"
        "Oct  6 11:00:00 r dhcp,info lan deassigned 10.1.2.3 for 00:00:5E:00:53:01 laptop-1\n",
    )
    assert rows["closes"].to_list() == [False, True]
    assert rows["client_mac"].unique().to_list() == ["00:00:5e:00:53:01"]
    assert rows["device"].unique().to_list() == ["laptop-1"]


def test_over_syslog_the_chain_looks_like_a_program() -> None:
    rest = "in:bridge out:ether1, src-mac 00:11:22:33:44:55, proto TCP (SYN), 10.1.2.3:50000->192.0.2.7:443, len 60"
    found = read(
        MikrotikFormat,
        "".join(f"<134>Oct  6 10:00:00 gw {word}: {rest}\n" for word in ("forward", "DROP forward")),
    )
    assert found.select("client", "server", "server_port", "action").rows() == [
        ("10.1.2.3", "192.0.2.7", 443, "unknown"), ("10.1.2.3", "192.0.2.7", 443, "blocked"),
    ]  # fmt: skip
