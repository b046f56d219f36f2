"""AlliedWare Plus: a connection opened and ended is one session with its volume; alerts are set aside."""

from __future__ import annotations

from sensor.sources.logs.formats.allied_telesis import AlliedTelesisFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

HEAD = "<142>Oct  6 10:00:00 awplus "
ENDS = "orig_src=10.1.2.3 orig_dst=192.0.2.7 orig_sport=50000 orig_dport=443"


def test_connections_and_alerts() -> None:
    found = read(
        AlliedTelesisFormat,
        f"{HEAD}firewall: NEW proto=TCP {ENDS} reply_src=192.0.2.7 reply_dst=203.0.113.9\n"
        f"{HEAD}firewall: END proto=TCP {ENDS} orig_pkts=9 orig_bytes=900 reply_pkts=8 reply_bytes=7000\n"
        f"{HEAD}firewall: END proto=ICMP orig_src=10.1.2.3 orig_dst=192.0.2.7 orig_pkts=1 orig_bytes=84\n"
        f"{HEAD}IPS[2014]: [Drop] IPREP: DDoSAttacker: IPREP DDoS Source [icmp] 192.0.2.7 -> 10.1.2.3\n",
    )
    assert found.select("phase", "bytes_up", "bytes_down", "reason").rows()[:2] == [
        ("begin", None, None, None),
        ("end", 900, 7000, None),
    ]
    assert found["session"][0] == found["session"][1]
    assert found["reason"].to_list()[2:] == [NO_PORTS, NO_CONNECTION]
