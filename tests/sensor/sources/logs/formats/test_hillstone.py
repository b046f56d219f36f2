"""Hillstone's sessions."""

from __future__ import annotations

from sensor.sources.logs.formats.hillstone import HillstoneFormat
from sensor.sources.logs.text.reasons import NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    "Oct  6 10:00:05 1301234567890123(root) 44243622 Traffic@FLOW: SESSION: 10.1.2.3:40000->192.0.2.7:443({}), application "
    "HTTPS, interface ethernet0/1, vr trust-vr, policy 3, user {}, host -, {}"
)
END = (
    "send packets 7,send bytes 900,receive packets 5,receive bytes 70,start time 2026-10-06 10:00:00,close time "
    "2026-10-06 10:00:05,session end,TCP FIN"
)


def test_sessions_at_their_beginning_and_end() -> None:
    lines = (
        LINE.format("TCP", "jdoe@local", "session start"),
        LINE.format("TCP", "-@-", END),
        LINE.format("ICMP", "-@-", "session start"),
    )
    found = read(HillstoneFormat, "\n".join(lines))
    assert found["reason"].to_list() == [None, None, NO_PORTS]
    assert found.select("client", "user_name", "server_port", "bytes_up", "bytes_down", "phase").rows()[
        :2
    ] == [
        ("10.1.2.3", "jdoe@local", 443, None, None, "begin"),
        ("10.1.2.3", None, 443, 900, 70, "end"),
    ]
    assert (found["seen_at"][1].second, found["duration_s"][1]) == (0, 5)
