"""Access logs of AWS load balancers."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.aws_elb import AwsElbFormat
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    "{kind}2026-10-06T10:30:00.500000Z app/llm/50dc6c 198.51.100.9:50123 10.20.0.9:8080 0.100 0.200 0.200 101 101 "
    '218 587 "GET https://llm.example.org:443/v1/a HTTP/1.1" "-" ECDHE TLSv1.2{rest}'
)
ENDS = ' arn:aws:x "Root=1" "llm.example.org" "arn"{order} {begun} "forward" "-" "-" "10.20.0.9:8080" "101" "-" "-"'
BEGUN = "2026-10-06T10:00:00.000000Z"


@pytest.mark.parametrize(
    ("kind", "rest", "minute", "duration"),
    [
        # A web socket: its three times are those of the handshake.
        ("wss ", ENDS.format(order=" 0", begun=BEGUN), 0, 1800.5),
        ("wss ", ENDS.format(order="1", begun=BEGUN), 0, 1800.5),
        ("https ", ENDS.format(order=" -1", begun=BEGUN), 0, 1800.5),
        ("", "", 30, 0.5),  # a Classic Load Balancer
    ],
)
def test_when_a_request_began(kind: str, rest: str, minute: int, duration: float) -> None:
    (row,) = read(AwsElbFormat, LINE.format(kind=kind, rest=rest)).iter_rows(named=True)
    assert (row["host"], row["bytes_up"], row["bytes_down"]) == ("llm.example.org", 218, 587)
    assert (row["seen_at"].minute, row["seen_at"].second, row["duration_s"]) == (
        minute,
        0,
        pytest.approx(duration),
    )


@pytest.mark.parametrize(
    ("target", "status", "actions", "action"),
    [
        ("10.20.0.9:8080", "403 403", "waf,forward", "allowed"),  # the target's own answer
        ("-", "403 -", "waf", "blocked"),
        ("-", "405 -", "waf", "blocked"),  # a puzzle to solve first
        ("-", "403 -", "forward", "blocked"),
        ("-", "503 -", "forward", "reset"),
        ("-", "302 -", "redirect", "allowed"),
    ],
)
def test_what_the_balancer_refused_did_not_pass(target: str, status: str, actions: str, action: str) -> None:
    """What AWS WAF had blocked was counted as use."""
    line = LINE.format(kind="https ", rest=ENDS.format(order=" 0", begun=BEGUN)).replace("101 101", status)
    line = line.replace("10.20.0.9:8080 0.100", f"{target} -1").replace('"forward"', f'"{actions}"')
    assert read(AwsElbFormat, line)["action"].to_list() == [action]
