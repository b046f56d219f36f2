"""H3C and HPE Comware."""

from __future__ import annotations

from sensor.sources.logs.formats.h3c import H3cFormat
from tests.sensor.sources.logs.formats.reading import read

ENDS = "Protocol(1001)=TCP;SrcIPAddr(1003)=10.1.2.3;SrcPort(1004)=40000;DstIPAddr(1007)=192.0.2.7;DstPort(1008)=443;"
SESSION = (
    "%Oct  6 10:01:00:546 2026 fw1 SESSION/6/SESSION_IPV4_FLOW: {}InitByteCount(1046)={};RplyByteCount(1047)={};"
    "BeginTime_e(1013)=10062026100000;EndTime_e(1014)={};Event(1048)={};"
)


def test_sessions_begin_where_they_say_and_denials_are_blocked() -> None:
    lines = (
        SESSION.format(ENDS, 0, 0, "", "(8)Session created"),
        SESSION.format(ENDS, 900, 70, "10062026100100", "(1)Normal over"),
        f"%Oct  6 10:01:01:000 2026 fw1 FILTER/6/FILTER_ZONE_IPV4_EXECUTION: SrcZoneName(1025)=a;{ENDS}Action(1053)=Deny;",
        f"%Oct  6 10:01:01:000 2026 fw1 FILTER/6/FILTER_ZONE_IPV4_EXECUTION: -Chassis=1-Slot=3.1; {ENDS}Event(1048)=Deny;",
    )
    found = read(H3cFormat, "\n".join(lines))
    assert found["reason"].null_count() == 4
    assert found.select("client", "server_port", "bytes_up", "bytes_down", "action", "phase").rows() == [
        ("10.1.2.3", 443, None, None, "allowed", "begin"),
        ("10.1.2.3", 443, 900, 70, "allowed", "end"),
        ("10.1.2.3", 443, None, None, "blocked", "begin"),
        ("10.1.2.3", 443, None, None, "blocked", "begin"),
    ]
    assert (found["seen_at"][1].isoformat(), found["duration_s"][1]) == ("2026-10-06T10:00:00+00:00", 60)
