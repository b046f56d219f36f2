"""Sockets in osquery's results."""

from __future__ import annotations

from sensor.sources.logs.formats.osquery import OsqueryFormat
from sensor.sources.logs.text.reasons import LOOPBACK, NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    '{{"name":"pack_net","hostIdentifier":"pc7","unixTime":1791280800,"columns":{{"action":"connect","local_address":"10.1.2.3",'
    '"local_port":"40000","remote_address":"{}","remote_port":"443","protocol":"6"}},"action":"{}"}}'
)


def test_connections_that_came() -> None:
    lines = (
        LINE.format("192.0.2.7", "added"),
        LINE.format("192.0.2.7", "removed"),
        LINE.format("127.0.0.1", "added"),
    )
    found = read(OsqueryFormat, "\n".join(lines))
    assert found["reason"].to_list() == [None, NO_CONNECTION, LOOPBACK]
    assert found.select("client", "device", "server", "server_port").row(0) == (
        "10.1.2.3",
        "pc7",
        "192.0.2.7",
        443,
    )
