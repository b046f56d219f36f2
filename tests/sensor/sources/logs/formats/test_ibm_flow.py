"""IBM Cloud's flow logs: a connection told window by window."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.ibm_flow import IbmFlowFormat
from tests.sensor.sources.logs.formats.reading import read


def window(start: str, end: str) -> dict[str, object]:
    return {
        "start_time": f"2026-10-06T{start}Z", "end_time": f"2026-10-06T{end}Z",
        "connection_start_time": "2026-10-06T10:00:00Z", "action": "accepted", "initiator_ip": "10.1.2.3",
        "target_ip": "192.0.2.7", "initiator_port": 51000, "target_port": 443, "transport_protocol": 6,
        "bytes_from_initiator": 1200, "bytes_from_target": 5600,
    }  # fmt: skip


def test_bytes_are_of_the_time_of_their_window() -> None:
    found = read(
        IbmFlowFormat,
        json.dumps({"flow_logs": [window("10:00:00", "10:05:00"), window("18:00:00", "18:05:00")]}),
    )
    assert [at.hour for at in found["seen_at"]] == [10, 18]
    assert found["session"].n_unique() == 1
    assert found["duration_s"].to_list() == [300, 300]
