"""dnstap messages as text: YAML of two programs, Vector's JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sensor.sources.logs.formats.dnstap_text import DnstapTextFormat
from sensor.sources.logs.text.reasons import ANSWERED, NO_LOOKUP, RESOLVERS_OWN
from tests.sensor.sources.logs.formats.reading import read

BIND = """type: MESSAGE
identity: ns1
message:
  type: {what}
  query_time: !!timestamp 2026-10-06T10:00:00.123Z
  socket_protocol: UDP
  query_address: "10.1.2.3"
  response_address: "10.0.0.53"
  query_port: {port}
  response_port: 53
  {side}_message_data:
    opcode: QUERY
    status: {status}
    QUESTION_SECTION:
      - chat.example.com. IN A
{answer}---
"""
GO = """type: MESSAGE
version: "dnsdist 1.6.1"
message:
  type: CLIENT_RESPONSE
  query_time: !!timestamp 2026-10-06 10:00:00.5
  response_time: !!timestamp 2026-10-06 10:00:00.75
  socket_protocol: TCP
  query_address: 10.1.2.4
  query_port: 50001
  response_message: |
    ;; opcode: QUERY, status: NOERROR, id: 50897

    ;; QUESTION SECTION:
    ;api.example.com.\tIN\t AAAA

    ;; ANSWER SECTION:
    api.example.com.\t5\tIN\tAAAA\t2001:db8::7

---
"""
VECTOR: dict[str, Any] = {
    "messageType": "ClientQuery", "sourceAddress": "10.1.2.3", "sourcePort": 50000, "responseAddress": "10.0.0.53",
    "socketProtocol": "UDP", "time": 1791280800123456789,
    "requestData": {"question": [{"domainName": "chat.example.com.", "questionType": "A"}], "rcodeName": "NoError"},
}  # fmt: skip
VECTOR_ANSWER = VECTOR | {
    "messageType": "ClientResponse",
    "requestData": None,
    "responseData": {
        "question": [{"domainName": "chat.example.com.", "questionType": "A"}],
        "rcodeName": "NXDomain",
        "answers": [],
    },
}


def test_yaml_of_dnstap_read() -> None:
    text = (
        BIND.format(what="CLIENT_QUERY", side="query", status="NOERROR", port=50000, answer="")
        + BIND.format(what="RESOLVER_QUERY", side="query", status="NOERROR", port=50009, answer="")
        + BIND.format(
            what="CLIENT_RESPONSE",
            side="response",
            status="NOERROR",
            port=50000,
            answer="    ANSWER_SECTION:\n      - chat.example.com. 60 IN A 192.0.2.7\n",
        )
    )
    found = read(DnstapTextFormat, text)
    assert found["reason"].to_list() == [None, RESOLVERS_OWN, ANSWERED]
    (row,) = found.head(1).rows(named=True)
    assert (
        row["client"],
        row["client_port"],
        row["host"],
        row["server"],
        row["action"],
        row["transport"],
    ) == (
        "10.1.2.3",
        50000,
        "chat.example.com",
        "10.0.0.53",
        "allowed",
        "udp",
    )
    assert row["seen_at"] == datetime(2026, 10, 6, 10, 0, 0, 123000, tzinfo=UTC)
    assert found["answers"][2].to_list() == ["192.0.2.7"]


def test_yaml_of_the_go_program_is_in_utc() -> None:
    (row,) = read(DnstapTextFormat, GO).rows(named=True)
    assert (row["client"], row["host"], row["qtype"], row["action"]) == (
        "10.1.2.4",
        "api.example.com",
        "AAAA",
        "allowed",
    )
    assert row["seen_at"] == datetime(2026, 10, 6, 10, 0, 0, 500000, tzinfo=UTC)
    assert row["answers"] == ["2001:db8::7"]


def test_vector() -> None:
    update = {
        "messageType": "UpdateQuery",
        "sourceAddress": "10.1.2.3",
        "requestData": {},
        "time": 1791280800,
    }
    found = read(DnstapTextFormat, "\n".join(map(json.dumps, (VECTOR, VECTOR_ANSWER, update))))
    assert found["reason"].to_list() == [None, ANSWERED, RESOLVERS_OWN]
    (row,) = found.head(1).rows(named=True)
    assert (row["client"], row["host"], row["qtype"], row["server"], row["action"]) == (
        "10.1.2.3",
        "chat.example.com",
        "A",
        "10.0.0.53",
        "blocked",
    )
    assert row["seen_at"] == datetime(2026, 10, 6, 10, 0, 0, 123456, tzinfo=UTC)
    nothing = VECTOR | {"requestData": {"question": []}}
    assert read(DnstapTextFormat, json.dumps(nothing))["reason"].to_list() == [NO_LOOKUP]
