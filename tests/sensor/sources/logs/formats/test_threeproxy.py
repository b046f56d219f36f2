"""3proxy."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sensor.sources.logs.formats.threeproxy import ThreeproxyFormat
from sensor.sources.logs.text.reasons import CHALLENGE
from tests.sensor.sources.logs.formats.reading import read

AT = datetime(2026, 10, 6, 10, tzinfo=UTC)
REST = "- 10.1.2.3:40000 192.0.2.7:443 900 7000 0 CONNECT"


@pytest.mark.parametrize(
    "line",
    [
        f"261006100000.000 3128 00000 {REST} chat.example.com:443",
        f"1791280800.000  PROXY.3128 00000 {REST}_chat.example.com:443_HTTP/1.1",
        f"1791280800.000 [06/Oct/2026:12:00:00 +0200]  PROXY.3128 00000 {REST}_chat.example.com:443_HTTP/1.1",
        f"06-10-2026 12:00:00 +0200 PROXY.3128 00000 {REST} chat.example.com:443 HTTP/1.1",
        f"06-10-2026 12:00:00 +0200 SOCKS5.1080 00094 {REST} chat.example.com:443",
    ],
)
def test_a_tunnel_in_every_layout(line: str) -> None:
    (row,) = read(ThreeproxyFormat, line).iter_rows(named=True)
    assert row["seen_at"] == AT
    wanted = (
        "client",
        "client_port",
        "host",
        "server",
        "server_port",
        "bytes_up",
        "bytes_down",
        "action",
        "path",
    )
    assert [row[name] for name in wanted] == [
        "10.1.2.3", 40000, "chat.example.com", "192.0.2.7", 443, 900, 7000, "allowed", None,
    ]  # fmt: skip


def test_refusals_and_challenges() -> None:
    url = "0.0.0.0:0 0 0 0 GET http://chat.example.com/a?q=1 HTTP/1.1"
    found = read(
        ThreeproxyFormat,
        f"261006100000.000 3128 00004 - 10.1.2.3:40000 {url}\n"
        f"261006100000.000 3128 00003 jane 10.1.2.3:40000 {url}\n"
        f"261006100000.000 3128 00013 jane [2001:db8::3]:40000 {url}\n",
    )
    wanted = ("reason", "client", "user_name", "server", "host", "path", "action")
    assert found.select(wanted).rows() == [
        (CHALLENGE, "10.1.2.3", None, None, "chat.example.com", "/a", "blocked"),
        (None, "10.1.2.3", "jane", None, "chat.example.com", "/a", "blocked"),
        (None, "2001:db8::3", "jane", None, "chat.example.com", "/a", "allowed"),
    ]
