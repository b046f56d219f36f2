"""Olfeo logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sensor.sources.logs.formats.olfeo import OlfeoFormat
from tests.sensor.sources.logs.formats.reading import read

ARGUED = [("sekoia-olfeo-saas.jsonl", 1, "path", "a lookup has no path: its parser puts the name there")]


def test_access_lines_have_the_day_first() -> None:
    text = (
        '10.1.2.3 - - [05/10/2026 10:00:00] "PUT https://a.example.com:443 HTTP/1.1" 300 - - 512 Shopping\n'
        '10.1.2.3 - ada [05/10/2026 10:00:01] "GET http://b.example.com/p?q HTTP/1.1" 403 - - 0 Unclassified URL\n'
    )
    rows = read(OlfeoFormat, text)
    assert rows["seen_at"].to_list()[0] == datetime(2026, 10, 5, 10, tzinfo=UTC)
    assert rows["host"].to_list() == ["a.example.com", "b.example.com"]
    assert rows["user_name"].to_list() == [None, "ada"]
    assert rows["action"].to_list() == ["allowed", "blocked"]
    assert (rows["bytes_up"].to_list(), rows["bytes_down"].to_list()) == ([None, None], [512, 0])


def test_live_logs() -> None:
    event = {"display_name": "Ada", "url": "https://a.example.com/p?q", "action": "allow", "domain": "a.example.com", "src_ip": "10.1.2.3",
             "timestamp": 1791280800000, "dest_ip": "192.0.2.7", "http_method": "GET", "user_received_bytes": "46", "user_sent_bytes": "8",
             "user_status_code": "200", "theme_label": "x", "type": "proxy"}  # fmt: skip
    lookup = event | {
        "type": "dns",
        "url": "",
        "user_received_bytes": "",
        "user_sent_bytes": "",
        "dns_answer": "a.example.com.\t60\tIN\tA\t192.0.2.9",
    }
    rows = read(OlfeoFormat, f"{json.dumps(event)}\n{json.dumps(lookup)}")
    assert rows["kind"].to_list() == ["proxy", "dns"]
    assert (rows["bytes_up"].to_list(), rows["bytes_down"].to_list()) == ([8, None], [46, None])
    assert rows["server"].to_list() == ["192.0.2.7", None]
    assert rows["answers"].to_list()[1] == ["192.0.2.9"]
    assert rows["roams"].all()
