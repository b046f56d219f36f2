"""V2Ray's and Xray's access log."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.v2ray import V2rayFormat
from sensor.sources.logs.text.reasons import NO_DESTINATION
from tests.sensor.sources.logs.formats.reading import read

TEXT = """\
2026/10/06 10:00:00 10.1.2.3:40000 accepted tcp:chat.example.com:443 [in -> direct] email: ada@example.com
2026/10/06 10:00:00 tcp:10.1.2.3:40000 accepted udp:quic.example.com:443 [direct]
2026/10/06 10:00:00 10.1.2.3:40000 accepted http://a.example.com:8080/p?q=s [direct]
2026/10/06 10:00:00.123456 from tcp:[2001:db8::7]:40000 accepted //chat.example.com:443 [in >> block]
2026/10/06 10:00:00 10.1.2.3:40000 rejected  proxy/vmess/encoding: invalid user
"""


def test_what_was_accepted_and_where_it_went() -> None:
    found = read(V2rayFormat, TEXT)
    assert found["host"].to_list() == [
        "chat.example.com", "quic.example.com", "a.example.com", "chat.example.com", None,
    ]  # fmt: skip
    assert found["server_port"].to_list() == [443, 443, 8080, 443, None]
    assert found["transport"].to_list() == ["tcp", "udp", "tcp", "tcp", "tcp"]
    assert found["action"].to_list() == ["allowed", "allowed", "allowed", "blocked", "blocked"]
    assert found["reason"].to_list() == [None, None, None, None, NO_DESTINATION]
    assert found["client"].to_list()[2:4] == ["10.1.2.3", "2001:db8::7"]
    assert (found["user_name"][0], found["path"][2]) == ("ada@example.com", "/p")
    assert found["seen_at"][3] == datetime(2026, 10, 6, 10, 0, 0, 123_456, UTC)
    assert found["bytes_up"].null_count() == 5
