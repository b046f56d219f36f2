"""Versa's logs."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.versa import VersaFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

HEAD = "2026-10-06T10:01:00+0000 {}, applianceName=b1, tenantName=t1, "
FLOW = (
    "flowId=7, flowCookie=1, flowStartMilliseconds=1791280800000, flowEndMilliseconds=1791280860000, {}"
    "sourceIPv4Address=10.1.2.3, destinationIPv4Address=192.0.2.7, sourceTransportPort=40000, destinationTransportPort=443, "
    "protocolIdentifier=6, fromUser=ada"
)
LINES = (
    HEAD.format("urlfLog") + FLOW.format("httpUrl=https://www.example.org/x, urlAction=allow, "),
    HEAD.format("accessLog") + FLOW.format("sentOctets=900, recvdOctets=70, eventType=end, action=allow, "),
    HEAD.format("secAccUserConnEventLog")
    + "userName=ada@example.org, deviceName=pc7, racTunnelIP=10.9.8.7, racEventType=create, uptime=0",
    HEAD.format("alarmLog") + "alarmType=cpu",
)


def test_flows_share_an_id_and_tunnels_are_leases() -> None:
    found = read(VersaFormat, "\n".join(LINES))
    assert found["reason"].to_list() == [None, None, None, NO_CONNECTION]
    assert found.select("kind", "client", "user_name", "host", "bytes_up", "bytes_down").rows()[:3] == [
        ("http", "10.1.2.3", "ada", "www.example.org", None, None),
        ("flow", "10.1.2.3", "ada", None, 900, 70),
        ("lease", "10.9.8.7", "ada@example.org", None, None, None),
    ]
    assert found["session"][0] == found["session"][1]
    assert (found["seen_at"][1].minute, found["duration_s"][1], found["device"][2]) == (0, 60, "pc7")


def test_a_clock_that_runs_since_the_boot_tells_how_long_not_when() -> None:
    line = HEAD.format("accessLog") + FLOW.replace("1791280800000", "832257571").replace(
        "1791280860000", "832317571"
    )
    found = read(VersaFormat, line.format("sentOctets=900, recvdOctets=70, eventType=end, "))
    assert found["seen_at"][0] == datetime(2026, 10, 6, 10, 0, tzinfo=UTC)
    assert found["duration_s"][0] == 60
