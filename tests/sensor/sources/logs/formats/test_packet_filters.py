"""Packet filters of BSD, Solaris and old Linux."""

from __future__ import annotations

from sensor.sources.logs.formats.packet_filters import PacketFiltersFormat
from sensor.sources.logs.text.reasons import NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

HEAD = "Oct  6 10:00:00 gw "
LINES = (
    "/kernel: ipfw: 65000 Deny UDP 10.1.2.3:40000 192.0.2.7:443 in via tun0",
    "kernel: ipfw: 100 Accept TCP 192.0.2.7:443 10.1.2.3:40000 out via em0",
    "ipmon[7]: 10:00:00.123456 em0 @0:10 b 10.1.2.3,40000 -> 192.0.2.7,https PR tcp len 20 48 -S IN",
    "rule 5/0(match): block in on em0: 10.1.2.3.40000 > 192.0.2.7.443: Flags [S], seq 1",
    "kernel: Packet log: input ACCEPT eth1 PROTO=6 10.1.2.3:40000 192.0.2.7:443 L=48 S=0x00 I=1 F=0x4000 T=126 SYN (#1)",
    "kernel: ipfw: 140 Deny ICMP:11.0 10.1.2.3 192.0.2.7 in via vx3",
)


def test_packets_and_their_answers() -> None:
    found = read(PacketFiltersFormat, "\n".join(HEAD + line for line in LINES))
    one = ("10.1.2.3", "192.0.2.7", 443)
    assert found.select("client", "server", "server_port").rows()[:5] == [one] * 5
    assert found["action"].to_list()[:5] == ["blocked", "allowed", "blocked", "blocked", "allowed"]
    assert found["reason"].to_list() == [None] * 5 + [NO_PORTS]
