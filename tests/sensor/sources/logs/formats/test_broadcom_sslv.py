"""Broadcom SSL Visibility: verdicts, the longer layout, errors."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.broadcom_sslv import BroadcomSslvFormat
from sensor.sources.logs.text.reasons import UNREADABLE
from tests.sensor.sources.logs.formats.reading import read

HEAD = "Oct  6 10:00:05 tls1 ssldata[7]: "
SEEN = "[A:81000064] 1791280800 10.1.2.3:49307 -> 192.0.2.7:443 TLS1.2 TLS_X chat.example.com "
LONGER = (
    "[B:8100006f] 1791280800 2001:db8::5:49308 -> [2001:db8::7]:443 TLS1.3 TLS_X a.example.com "
    "Web Hosting, AI cert fp: 0a:1b:2c "
)


def test_sessions_and_verdicts() -> None:
    lines = (
        HEAD + SEEN + "rule:6 resign Success(0x0)",
        HEAD + HEAD + LONGER + "rule:1 drop Success(0x0)",
        SEEN + "rule:6 cut Alert[C]: fatal (bad certificate)(0x2a)",
        HEAD + SEEN + "without an end",
    )
    found = read(BroadcomSslvFormat, "\n".join(lines))
    told = found.select("client", "client_port", "host", "server", "server_port", "action")
    assert told.rows()[:3] == [
        ("10.1.2.3", 49307, "chat.example.com", "192.0.2.7", 443, "allowed"),
        ("2001:db8::5", 49308, "a.example.com", "2001:db8::7", 443, "blocked"),
        ("10.1.2.3", 49307, "chat.example.com", "192.0.2.7", 443, "reset"),
    ]
    assert found["kind"].to_list()[:3] == ["tls"] * 3
    assert found["seen_at"].to_list()[:3] == [datetime(2026, 10, 6, 10, tzinfo=UTC)] * 3
    assert found["reason"].to_list() == [None, None, None, UNREADABLE]
