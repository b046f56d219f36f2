"""Hillstone's sessions."""

from __future__ import annotations

from sensor.sources.logs.formats.hillstone import HillstoneFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import NO_PORTS, TRANSLATION
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


def test_later_layouts_are_one_connection_and_its_translation_is_set_aside() -> None:
    lines = (
        "Oct  6 10:00:00 13012(root) 46083623 Traffic@FLOW: NAT: 10.1.2.3:40000->192.0.2.7:443(TCP), snat to "
        "203.0.113.1:40000, vr trust-vr, user -@UNKNOWN, host -, rule 4",
        "Oct  6 10:00:00 13012(root) 4424363e HillstoneNetworks#Traffic@FLOW: SESSION: 10.1.2.3:40000(ethernet0/1)->"
        "192.0.2.7:443(ethernet0/0), Protocol TCP, vr trust-vr, policy 11, user -@-, host -, mac 0000.0000.0000, zone from "
        "trust to untrust, session start",
        "Oct  6 10:00:05 13012(root) 44243630 Traffic@FLOW: SESSION: 10.1.2.3:40000->192.0.2.7:443(TCP), application HTTPS, "
        "interface ethernet0/8, vr trust-vr, policy 1, user -@- host - mac 0000.0000.0000, send packets 7, send bytes 900, "
        "receive packets 5, receive bytes 70, start time 2026-10-06 10:00:00. close time 2026-10-06 10:00:05. session end. "
        "TCP FIN",
    )
    found = read(HillstoneFormat, "\n".join(lines))
    assert found["reason"].to_list() == [TRANSLATION, None, None]
    found = Sessions().take(found.filter(found["reason"].is_null()))
    assert found["user_name"].null_count() == found["device"].null_count() == 2
    assert found["slice"].to_list() == [0, 1]
    assert found.select("server", "server_port", "transport").unique().rows() == [("192.0.2.7", 443, "tcp")]
    assert (found["bytes_up"].sum(), found["bytes_down"].sum()) == (900, 70)
