"""Kaspersky's proxy: a response let through is no second request, a refused one counts."""

from __future__ import annotations

from sensor.sources.logs.formats.kaspersky import KasperskyFormat
from sensor.sources.logs.text.reasons import REPEATED
from tests.sensor.sources.logs.formats.reading import read


def _line(kind: str, action: str) -> str:
    return (
        f'<134>Oct  6 10:00:00 proxy KWTS: type="{kind}": method="GET": action="{action}": workspace="a b": '
        'http_user_name="ACME\\ada": http_user_agent="Mozilla/5.0 (X11; x: y)": http_user_ip="10.1.2.3": '
        'url="https://chat.example.com/a": nofile: rules="access_rules"\n'
    )


def test_requests_and_responses() -> None:
    text = _line("Request", "Allow") + _line("Response", "Allow") + _line("Response", "Deny")
    found = read(KasperskyFormat, text)
    assert found.select("action", "reason").rows() == [
        ("allowed", None),
        ("allowed", REPEATED),
        ("blocked", None),
    ]
    assert found["user_name"][0] == "ACME\\ada"
    assert found["host"].unique().to_list() == ["chat.example.com"]
