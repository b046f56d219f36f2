"""Calico's flow logs: two ends of a flow."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.formats.calico import CalicoFormat
from sensor.sources.logs.text.reasons import OTHER_END
from tests.sensor.sources.logs.formats.reading import read

FLOW = {
    "start_time": 1791280800, "end_time": 1791280860, "source_ip": "10.65.0.3", "source_name": "app-1",
    "source_namespace": "default", "source_type": "wep", "source_port": None, "dest_ip": "10.65.0.9",
    "dest_namespace": "ai", "dest_type": "wep", "dest_port": 11434, "proto": "tcp", "action": "allow",
    "reporter": "src", "bytes_in": 5600, "bytes_out": 1200,
}  # fmt: skip


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ({}, None),
        ({"reporter": "dst"}, OTHER_END),
        ({"reporter": "dst", "action": "deny"}, None),
        ({"reporter": "dst", "source_type": "net", "source_ip": "192.0.2.7"}, None),
    ],
)
def test_what_both_ends_report_counts_once(end: dict[str, str], reason: str | None) -> None:
    assert read(CalicoFormat, json.dumps(FLOW | end) + "\n")["reason"].to_list() == [reason]
