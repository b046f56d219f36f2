"""vFlow's messages."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.vflow import VflowFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read


def message(header: dict[str, int], *records: dict[str, object]) -> str:
    sets = [[{"I": int(number), "V": value} for number, value in record.items()] for record in records]
    return json.dumps({"AgentID": "10.0.0.1", "Header": header, "DataSets": sets}) + "\n"


def test_each_record_of_a_message_is_a_row() -> None:
    flow = {"8": "10.1.2.3", "12": "192.0.2.7", "7": 40000, "11": 443, "4": 6, "1": 900, "2": 9}
    text = message(
        {"Version": 10, "ExportTime": 1791280811},
        flow | {"152": 1791280800000, "153": 1791280810000},
        flow | {"8": "10.1.2.4", "152": 1791280801000, "153": 1791280802000},
    )
    of_vendor = '[{"I": 1, "E": 25506, "V": 7}, {"I": 8,'
    uptime = message({"Version": 9, "UNIXSecs": 1791280811}, flow | {"22": 169620000, "21": 169630000})
    nothing = message({"Version": 9, "UNIXSecs": 1791280811})
    found = read(VflowFormat, text + uptime.replace('[{"I": 8,', of_vendor) + nothing)
    assert found["offset"].to_list() == [0, 0, 1, 2]
    assert found["reason"].to_list() == [None, None, None, NO_CONNECTION]
    assert found["client"].to_list() == ["10.1.2.3", "10.1.2.4", "10.1.2.3", None]
    assert found["bytes_up"].to_list() == [900, 900, 900, None]
    assert found["observer"].to_list()[:3] == ["10.0.0.1"] * 3
    assert [at.isoformat()[11:19] for at in found["seen_at"][:3]] == ["10:00:00", "10:00:01", "10:00:11"]
    assert found["duration_s"].to_list()[:3] == [10, 1, 10]
