"""Sophos Web Appliance."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.sophos_swa import SophosSwaFormat
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    'h=10.1.2.3 u="jdoe" s=200 X=- t=1791280800 T=120 Ts=0 act={} cat="0x22" in=900 out=1000 meth=GET ref="-" '
    'ua="Mozilla/5.0" req="GET http://www.example.org/x?q=1 HTTP/1.1" dom="example.org" target_ip="192.0.2.7"'
)


def test_requests_with_verdicts_and_without_volumes() -> None:
    found = read(SophosSwaFormat, LINE.format(1) + "\n" + LINE.format(-1))
    there = ("10.1.2.3", "jdoe", "www.example.org", "/x", "192.0.2.7", None)
    assert found.select("client", "user_name", "host", "path", "server", "bytes_up").rows() == [there, there]
    assert found["duration_s"].to_list() == [0.00012] * 2


@pytest.mark.parametrize(
    ("act", "action"),
    [
        ("1", "allowed"),
        ("2", "allowed"),
        ("5", "allowed"),
        ("-1", "blocked"),
        ("-7", "blocked"),
        ("-", "unknown"),
    ],
)
def test_who_goes_on_behind_a_warning_uses_it(act: str, action: str) -> None:
    assert read(SophosSwaFormat, LINE.format(act))["action"].to_list() == [action]
