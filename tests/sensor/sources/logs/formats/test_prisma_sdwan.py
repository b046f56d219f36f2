"""Prisma SD-WAN: a flow's two lines are one session; what a rule denies is blocked."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.prisma_sdwan import PrismaSdwanFormat
from tests.sensor.sources.logs.formats.reading import read


def _line(event: str, up: int, rule: str) -> str:
    return (
        "<13>1 2026-10-06T10:00:01+00:00 BRANCH1 cgxFlowLogV1 13593 - -2026-10-06T10:00:00,10.1.2.3,50000,192.0.2.7,443,"
        f"tcp,,,9,8,{up},7000,lan1,wan1,1579,openai,{event},{rule}\n"
    )


@pytest.mark.parametrize("end", ["Flow End", "Delete flow (udp flow timeout)"])
def test_flows(end: str) -> None:
    text = _line("New Flow", 0, "Web:allow:1") + _line(end, 900, "Web:allow:1")
    found = read(PrismaSdwanFormat, text + _line("New Flow", 0, "No-AI:lan:internet:deny:2"))
    assert found.select("phase", "bytes_up", "action").rows() == [
        ("begin", 0, "allowed"),
        ("end", 900, "allowed"),
        ("begin", 0, "blocked"),
    ]
    assert found["session"][0] == found["session"][1]
    assert found["session"][2] is None
