"""Tinyproxy."""

from __future__ import annotations

from sensor.sources.formats.tinyproxy import NO_REQUEST, TinyproxyFamily
from tests.sensor.sources.formats.reading import read

LINES = (
    "CONNECT   Oct 06 10:00:00.123 [7]: Connect (file descriptor 7): pc7.lan [10.1.2.3]",
    "CONNECT   Oct 06 10:00:00.124 [7]: Connect (file descriptor 8): pc8.lan [10.1.2.4]",
    "CONNECT   Oct 06 10:00:00.125 [7]: Request (file descriptor 7): CONNECT www.example.org:443 HTTP/1.1",
    "CONNECT   Oct 06 10:00:00.126 [7]: Request (file descriptor 8): GET http://www.example.org/x?q=1 HTTP/1.1",
)


def test_a_request_has_the_client_of_its_descriptor() -> None:
    found = read(TinyproxyFamily, "\n".join(LINES))
    assert found["reason"].to_list() == [NO_REQUEST, NO_REQUEST, None, None]
    assert found.select("client", "host", "server_port", "path", "method").rows()[2:] == [
        ("10.1.2.3", "www.example.org", 443, None, "CONNECT"),
        ("10.1.2.4", "www.example.org", 80, "/x", "GET"),
    ]
