"""Twingate."""

from __future__ import annotations

from sensor.sources.logs.formats.twingate import TwingateFormat
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    'ANALYTICS {{"event_type":"{}","user":{{"email":"ada@example.org"}},"resource":{{"address":"git.example.org"}},"timestamp":'
    '1791280805000,"connection":{{"id":"c1","protocol":"tcp","duration":5000,"tx":1,"rx":2,"client_ip":"198.51.100.7",'
    '"resource_ip":"10.0.0.9","resource_port":443}}}}'
)


def test_connections_end_after_their_duration() -> None:
    found = read(
        TwingateFormat, LINE.format("established_connection") + "\n" + LINE.format("closed_connection")
    )
    assert (
        found.select("client", "user_name", "host", "server", "server_port", "bytes_up").rows()
        == [("198.51.100.7", "ada@example.org", "git.example.org", "10.0.0.9", 443, None)] * 2
    )
    assert found["seen_at"][1].isoformat() == "2026-10-06T10:00:00+00:00"
    assert found["session"].n_unique() == 1
