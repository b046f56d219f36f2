"""dnscrypt-proxy's query log."""

from __future__ import annotations

from sensor.sources.logs.formats.dnscrypt_proxy import DnscryptProxyFormat
from tests.sensor.sources.logs.formats.reading import read

LINES = (
    "[2026-10-06 10:00:00]\t10.1.2.3\twww.example.org\tA\tPASS\t12ms\tresolver",
    "[2026-10-06 10:00:01]\t10.1.2.3\tads.example.org\tA\tREJECT\t0ms\t-",
    "[2026-10-06 10:00:02]\t10.1.2.3\tads.example.org\tads.*",
    "time:1791280803\thost:10.1.2.3\tmessage:www.example.org\ttype:AAAA\treturn:PASS\tcached:0\tduration:20\tserver:x",
    "time:1791280804\thost:10.1.2.3\tqname:ads.example.org\tmessage:ads.*",
    "[2026-10-06 10:00:05]\t10.1.2.3\tno.example.org\tA\tNXDOMAIN\t12ms\tresolver",
)


def test_both_layouts_and_the_names_that_were_blocked() -> None:
    found = read(DnscryptProxyFormat, "\n".join(LINES))
    assert found.select("client", "host", "action").rows() == [
        ("10.1.2.3", "www.example.org", "allowed"),
        ("10.1.2.3", "ads.example.org", "blocked"),
        ("10.1.2.3", "ads.example.org", "blocked"),
        ("10.1.2.3", "www.example.org", "allowed"),
        ("10.1.2.3", "ads.example.org", "blocked"),
        ("10.1.2.3", "no.example.org", "blocked"),
    ]
    assert [stamp.second for stamp in found["seen_at"]] == [0, 1, 2, 3, 4, 5]
