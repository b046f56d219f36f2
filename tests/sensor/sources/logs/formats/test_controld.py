"""Control D's streamed lookups."""

from __future__ import annotations

from sensor.sources.logs.formats.controld import ControldFormat
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    '{{"time":"2026-10-06T10:00:00.5Z","query":"www.example.org","query_type":"{}","src_ip":"198.51.100.7","answers":'
    '[{{"ips":["192.0.2.7","192.0.2.8"]}}],"device":{{"id":"d1","name":"pc7"}},"controld_action":{}}}'
)


def test_lookups_with_verdict() -> None:
    found = read(ControldFormat, "\n".join([LINE.format("A", 1), LINE.format("A", 0), LINE.format("PTR", 1)]))
    assert found.select("kind", "client", "device", "host", "action").rows()[:2] == [
        ("dns", "198.51.100.7", "pc7", "www.example.org", "allowed"),
        ("dns", "198.51.100.7", "pc7", "www.example.org", "blocked"),
    ]
    assert found["seen_at"][0].isoformat() == "2026-10-06T10:00:00.500000+00:00"
    assert found["reason"][2] == "set aside: reverse lookup (PTR)"


def test_a_name_that_does_not_exist_is_blocked() -> None:
    text = LINE.format("A", 1).replace('"answers"', '"reply_code_id":3,"answers"')
    assert read(ControldFormat, text)["action"].to_list() == ["blocked"]
