"""Akamai Secure Internet Access."""

from __future__ import annotations

from sensor.sources.logs.formats.akamai_sia import AkamaiSiaFormat
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    '{{"id":"0","configId":1,"l7Protocol":"DNS","query":{{"time":"2026-10-06T10:00:00Z","clientIp":"10.1.2.3","domain":'
    '"www.example.org.","queryType":"A"}},"event":{{"actionName":"{}"}}}}'
)


def test_lookups_with_what_was_done() -> None:
    found = read(AkamaiSiaFormat, LINE.format("Monitor") + "\n" + LINE.format("Block - Error Page"))
    assert found.select("kind", "client", "host", "action").rows() == [
        ("dns", "10.1.2.3", "www.example.org", "allowed"),
        ("dns", "10.1.2.3", "www.example.org", "blocked"),
    ]


def test_answers_and_the_client_inside() -> None:
    line = (
        '{"id":"1","configId":"1","query":{"time":"2026-10-06T10:00:00Z","clientIp":"198.51.100.2","domain":'
        '"www.example.org.","queryType":"A","resolved":[{"type":"A","response":"192.0.2.7"},{"type":"CNAME",'
        '"response":"N/A"}]},"event":{"actionName":"Classify","internalClientIP":"%s"}}'
    )
    found = read(AkamaiSiaFormat, line % "10.1.2.3" + "\n" + line % "N/A")
    assert found.select("client", "answers").rows() == [
        ("10.1.2.3", ["192.0.2.7"]),
        ("198.51.100.2", ["192.0.2.7"]),
    ]
