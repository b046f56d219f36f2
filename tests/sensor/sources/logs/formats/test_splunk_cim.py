"""Splunk CIM: a question and its response are one lookup, however the product tells the response."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.formats.splunk_cim import SplunkCimFormat
from sensor.sources.logs.text.reasons import ANSWERED
from tests.sensor.sources.logs.formats.reading import read

ASKED = {
    "_time": "2026-10-06T10:00:00.000Z", "src": "10.1.2.3", "src_port": "50000", "dest": "10.0.0.53",
    "dest_port": "53", "query": "chat.example.com", "record_type": "A", "transaction_id": "4711",
}  # fmt: skip
TURNED = {"src": "10.0.0.53", "src_port": "53", "dest": "10.1.2.3", "dest_port": "50000"}


@pytest.mark.parametrize("ends", [{}, TURNED])
@pytest.mark.parametrize("code", [{"reply_code": "NXDomain"}, {"reply_code_id": "5"}])
def test_a_response_tells_what_became_of_the_question(ends: dict[str, str], code: dict[str, str]) -> None:
    events = (ASKED | {"message_type": "Query"}, ASKED | ends | code | {"message_type": "Response"})
    found = read(SplunkCimFormat, "".join(json.dumps(event) + "\n" for event in events))
    assert found.select("client", "server", "action", "reason").rows() == [
        ("10.1.2.3", "10.0.0.53", "blocked", None),
        ("10.1.2.3", "10.0.0.53", "blocked", ANSWERED),
    ]
