"""Dante's connections."""

from __future__ import annotations

from sensor.sources.formats.dante import CLOSED, DanteFamily
from tests.sensor.sources.formats.reading import read

HEAD = "Oct  6 10:00:00 gw sockd[7]: info: "
LINES = (
    "pass(2): tcp/connect [: username%ada@10.1.2.3.40000 10.1.2.1.1080 -> 198.51.100.1.50000 192.0.2.7.443",
    "block(1): tcp/connect [: 10.1.2.3.40001 10.1.2.1.1080 -> www.example.org.443",
    "pass(2): tcp/connect ]: 9 -> username%ada@10.1.2.3.40000 10.1.2.1.1080 -> 7, 7 -> 198.51.100.1.50000 192.0.2.7.443 -> 9",
)


def test_what_is_opened_counts() -> None:
    found = read(DanteFamily, "\n".join(HEAD + line for line in LINES))
    assert found["reason"].to_list() == [None, None, CLOSED]
    assert found.select("client", "user_name", "host", "server", "server_port", "action").rows()[:2] == [
        ("10.1.2.3", "ada", None, "192.0.2.7", 443, "allowed"),
        ("10.1.2.3", None, "www.example.org", None, 443, "blocked"),
    ]
