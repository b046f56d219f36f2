"""DansGuardian and e2guardian, in the layouts they write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sensor.sources.logs.formats.dansguardian import DansguardianFormat
from tests.sensor.sources.logs.formats.reading import read

TEN = datetime(2026, 10, 6, 10, tzinfo=UTC)
NATIVE = (
    "2026.10.6 10:00:00 {} 10.1.2.3 https://chat.example.com:443  CONNECT 23214 0  1 0  10.1.2.3 group1   - - ",
    "2026.10.6 10:00:00 {} 10.1.2.3 http://www.example.org/a?q=1 *DENIED* Blocked site: www.example.org GET 0 0 Banned "
    "Sites 1 403  10.1.2.3 group1   - - ",
    "2026.10.6 10:00:00 {} 10.1.2.3 http://www.example.org:81/b *NETERROR* The site requested is not responding GET 0 0  1 "
    "403  10.1.2.3 group1   - - ",
)
TABBED = (
    "2026.10.6 10:00:00\t{}\t10.1.2.3\thttps://chat.example.com:443\t\tCONNECT\t23214\t0\t\t1\t0\t\t10.1.2.3\tgroup1\t\t\t-\t-\t",
    "2026.10.6 10:00:00\t{}\t10.1.2.3\thttp://www.example.org/a?q=1\t*DENIED* Blocked site: www.example.org\tGET\t0\t0\t\t1\t"
    "403\t\t10.1.2.3\tgroup1\t\t\t-\t-\t",
    "2026.10.6 10:00:00\t{}\t10.1.2.3\thttp://www.example.org:81/b\t*NETERROR* Not responding\tGET\t0\t0\t\t1\t403\t\t10.1.2.3\t",
)
PROTEX = (
    "1791280801.250\tgw1\t{}\t10.1.2.3\thttps://chat.example.com:443\tCONNECT\t0\t23214\t\t\t\t1250\t\t0\t\t0\t\tgroup1\t1\t\t8398:PS",
    "1791280800.000\t\t{}\t10.1.2.3\thttp://www.example.org/a?q=1\tGET\t403\t0\t\t\t\t0\t\t560\t*DENIED* Blocked site\t0\t\tgroup1\t",
    "1791280800.000\t\t{}\t10.1.2.3\thttp://www.example.org:81/b\tGET\t403\t0\t\t\t\t0\t\t203\t*NETERROR* Not responding\t0\t\t",
)


@pytest.mark.parametrize("user", ["ada", "-", ""])
@pytest.mark.parametrize("layout", [NATIVE, TABBED, PROTEX])
def test_layouts(layout: tuple[str, ...], user: str) -> None:
    found = read(DansguardianFormat, "\n".join(layout).format(user, user, user))
    assert found["seen_at"].to_list() == [TEN] * 3
    assert found["user_name"].to_list() == [user if user == "ada" else None] * 3
    assert found["duration_s"].to_list()[0] == (1.25 if layout is PROTEX else None)
    columns = ("client", "host", "path", "server_port", "status", "bytes_down", "action")
    assert found.select(columns).rows() == [
        ("10.1.2.3", "chat.example.com", None, 443, None, 23214, "allowed"),
        ("10.1.2.3", "www.example.org", "/a", 80, 403, 0, "blocked"),
        ("10.1.2.3", "www.example.org", "/b", 81, 403, 0, "reset"),
    ]
