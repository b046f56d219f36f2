"""Tinyproxy."""

from __future__ import annotations

import polars as pl
import pytest

from sensor.sources.logs.formats.tinyproxy import TinyproxyFormat
from sensor.sources.logs.text.reasons import CHALLENGE, NO_REQUEST
from tests.sensor.sources.logs.formats.reading import read

LINES = (
    "CONNECT   Oct 06 10:00:00.123 [7]: Connect (file descriptor 7): pc7.lan [10.1.2.3]",
    "CONNECT   Oct 06 10:00:00.124 [7]: Connect (file descriptor 8): pc8.lan [10.1.2.4]",
    "CONNECT   Oct 06 10:00:00.125 [7]: Request (file descriptor 7): CONNECT www.example.org:443 HTTP/1.1",
    "CONNECT   Oct 06 10:00:00.126 [7]: Request (file descriptor 8): GET http://www.example.org/x?q=1 HTTP/1.1",
)


@pytest.mark.parametrize("release", ["1.10", "1.11"])
def test_a_request_has_the_client_of_its_descriptor(release: str) -> None:
    text = "\n".join(LINES)
    if release == "1.11":
        text = text.replace("pc7.lan [10.1.2.3]", "10.1.2.3").replace("pc8.lan [10.1.2.4]", "10.1.2.4")
    found = read(TinyproxyFormat, text)
    assert found["reason"].to_list() == [NO_REQUEST, NO_REQUEST, None, None]
    assert found.select("client", "host", "server_port", "path", "method").rows()[2:] == [
        ("10.1.2.3", "www.example.org", 443, None, "CONNECT"),
        ("10.1.2.4", "www.example.org", 80, "/x", "GET"),
    ]


def test_what_became_of_a_request() -> None:
    said = (
        "Connect (file descriptor 5): 2001:db8::7",
        "Request (file descriptor 5): CONNECT chat.example.com:443 HTTP/1.1",
        'Established connection to host "chat.example.com" using file descriptor 6.',
        "Connect (file descriptor 5): 10.1.2.3",
        "Connect (file descriptor 7): 10.1.2.4",
        "Request (file descriptor 5): CONNECT ads.example.com:443 HTTP/1.1",
        "Request (file descriptor 7): GET http://chat.example.com:81/x HTTP/1.1",
        'Proxying refused on filtered domain "ads.example.com"',
        "opensock: Could not establish a connection to chat.example.com:81",
        "Connect (file descriptor 5): 10.1.2.3",
        "Request (file descriptor 5): GET http://chat.example.com/y HTTP/1.1",
        "Failed auth attempt (file descriptor: 5), ip 10.1.2.3",
        "Connect (file descriptor 5): 10.1.2.5",
        "Request (file descriptor 5): GET http://chat.example.com/z HTTP/1.1",
    )
    text = "\n".join(f"CONNECT   Oct 06 10:00:00.123 [7]: {words}" for words in said)
    asked = read(TinyproxyFormat, text).filter(pl.col("method").is_not_null())
    assert asked.select("client", "host", "action", "reason").rows() == [
        ("2001:db8::7", "chat.example.com", "allowed", None),
        ("10.1.2.3", "ads.example.com", "blocked", None),
        ("10.1.2.4", "chat.example.com", "reset", None),
        ("10.1.2.3", "chat.example.com", None, CHALLENGE),
        ("10.1.2.5", "chat.example.com", None, None),
    ]
