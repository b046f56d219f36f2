"""Azure flow logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sensor.sources.logs.formats.azure_flow import AzureFlowFormat
from sensor.sources.logs.text.reasons import UNREADABLE
from tests.sensor.sources.logs.formats.reading import read

NSG = {
    "time": "2026-10-06T10:01:00Z", "category": "NetworkSecurityGroupFlowEvent", "properties": {"Version": 2, "flows": [{"rule": "r", "flows": [{
        "mac": "000D3A", "flowTuples": [
            "1791280800,10.1.2.3,192.0.2.7,40000,443,T,O,A,B,,,,",
            "1791280860,10.1.2.3,192.0.2.7,40000,443,T,O,A,C,9,900,7,70",
            "1791280900,10.1.2.3,192.0.2.7,40000,443,T,O,A,E,1,10,1,20",
            "1791280900,198.51.100.1,10.1.2.3,5,22,T,I,D",
        ]}]}]},
}  # fmt: skip


def test_each_tuple_is_a_row_and_counts_are_since_the_last() -> None:
    rows = read(AzureFlowFormat, json.dumps(NSG))
    assert rows["phase"].to_list() == ["begin", "delta", "end-delta", "begin"]
    assert (rows["bytes_up"].to_list(), rows["bytes_down"].to_list()) == (
        [None, 900, 10, None],
        [None, 70, 20, None],
    )
    assert rows["action"].to_list() == ["allowed"] * 3 + ["blocked"]
    assert rows["session"][:3].n_unique() == 1
    assert rows["seen_at"].to_list()[0] == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_virtual_network_tuples() -> None:
    record = {"flowLogVersion": 4, "category": "FlowLogFlowEvent", "flowRecords": {"flows": [{"flowGroups": [{"rule": "r", "flowTuples": [
        "1791280800123,10.1.2.3,192.0.2.7,40000,443,17,O,E,NX,9,900,7,70", "1791280800123,198.51.100.1,10.1.2.3,5,22,6,I,D,NX,0,0,0,0"]}]}]}}  # fmt: skip
    rows = read(AzureFlowFormat, json.dumps(record))
    assert (rows["bytes_up"][0], rows["bytes_down"][0], rows["transport"][0]) == (900, 70, "udp")
    assert rows["action"].to_list() == ["allowed", "blocked"]


def test_a_record_without_tuples_is_counted() -> None:
    rows = read(AzureFlowFormat, '{"category": "NetworkSecurityGroupFlowEvent", "properties": {"flows": []}}')
    assert rows["reason"].to_list() == [UNREADABLE]
