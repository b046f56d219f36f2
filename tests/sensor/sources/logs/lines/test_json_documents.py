"""JSON in documents, arrays and objects over many lines becomes one object a line."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.known_formats import framing_of, head_lines
from sensor.sources.logs.lines.framing import JOINT
from sensor.sources.logs.lines.json_documents import JSON, WHOLE_JSON
from tests.sensor.sources.logs.formats.reading import rows
from tests.sensor.sources.logs.lines.framed import records

OBJECTS = [{"a": 1, "b": {"c": "} {"}}, {"a": 2, "text": 'quote " and \\ slash'}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OBJECTS),
        json.dumps(OBJECTS, indent=4),
        "\n".join(json.dumps(one, indent=2) for one in OBJECTS),
        json.dumps({"records": OBJECTS}),
        json.dumps({"meta": 1, "value": OBJECTS}),
        json.dumps({"pageInfo": {"pageNumber": 1, "pageSize": 5}, "dataRows": OBJECTS}),
        json.dumps({"hits": {"total": 2, "hits": OBJECTS}}),
        json.dumps({"log": {"version": "1.2", "pages": [], "entries": OBJECTS}}),
        json.dumps({"jsonrpc": "2.0", "id": "1", "result": {"total-count": 2, "data": OBJECTS}}),
        json.dumps({"reply": {"status": "SUCCESS", "results": {"data": OBJECTS}}}),
        json.dumps({"jsonrpc": "2.0", "method": "addEvents", "params": {"events": OBJECTS}, "id": 7}),
        json.dumps({"_links": {"self": {"href": "x"}}, "_embedded": {"activities": OBJECTS}, "count": 2}),
    ],
)
def test_json_documents(text: str) -> None:
    assert JSON.fits(text.encode())
    assert [json.loads(line) for line in records(JSON, text)] == OBJECTS


def test_lines_of_cef_in_a_document() -> None:
    lines = ["CEF:0|a|b|1|2|c|3|act=x", "CEF:0|a|b|1|2|c|3|act=y"]
    text = json.dumps({"cef": "0", "events": lines})
    assert JSON.fits(text.encode())
    assert [json.loads(line)["message"] for line in records(JSON, text)] == lines


def test_json_lines_need_no_framing() -> None:
    lines = "\n".join(json.dumps(one) for one in OBJECTS).encode()
    assert not JSON.fits(lines)
    assert not JSON.fits(b"{broken\n" + lines)
    assert not JSON.fits(json.dumps({"event": 1, "data": [{"x": 1}], "tags": ["y"]}).encode() + b"\n")
    call = {"method": "tools/call", "params": {"items": [{"x": 1}]}}
    assert not JSON.fits(json.dumps(call).encode() + b"\n")


def test_a_long_document_gives_its_records_one_by_one() -> None:
    many = [{"n": n, "text": "x" * 2000} for n in range(3000)]
    linked = {"_links": {"self": {"href": "x"}}, "_embedded": {"activities": many}}
    for page in (
        {"creator": "x", "entries": many},
        {"pageInfo": {"pageNumber": 1}, "dataRows": many},
        linked,
    ):
        text = json.dumps(page)
        assert JSON.fits(text[:65536].encode())
        assert [json.loads(line)["n"] for line in records(JSON, text)] == list(range(3000))


@pytest.mark.parametrize("indent", [None, 1])
def test_a_long_answer_of_log_analytics_gives_its_rows_one_by_one(indent: int | None) -> None:
    rows = [[n, "x" * 3000] for n in range(200)]
    table = {"name": "PrimaryResult", "columns": [{"name": "n"}, {"name": "text"}], "rows": rows}
    text = json.dumps({"tables": [table]}, indent=indent)
    assert JSON.fits(text[:65_536].encode())
    assert [json.loads(line)["n"] for line in records(JSON, text)] == list(range(200))
    cut = [line for line in records(JSON, text[:65_536]) if line.startswith("{")]
    assert [json.loads(line)["n"] for line in cut] == list(range(len(cut)))
    assert len(cut) > 15


def test_a_document_cut_short_keeps_what_it_holds() -> None:
    text = json.dumps({"records": [{"n": n, "pad": "y" * 100} for n in range(50)]})[:-500]
    found = [json.loads(line)["n"] for line in records(JSON, text) if line.startswith('{"n"')]
    assert found == list(range(len(found)))
    assert len(found) > 40


def test_hits_that_were_asked_for_fields() -> None:
    fields = {"@timestamp": ["2026-10-06T10:00:00.000Z"], "source.ip": ["10.1.2.3"], "dns.question.name": ["claude.ai"],
              "event.dataset": ["zeek.dns"], "tags": ["a", "b"]}  # fmt: skip
    hit = {"_index": "logs-1", "_id": "x1", "_score": None, "fields": fields}
    answer = {"took": 3, "timed_out": False, "hits": {"total": {"value": 1}, "hits": [hit]}}
    (found,) = records(JSON, json.dumps(answer))
    source = json.loads(found)["_source"]
    assert (source["source.ip"], source["tags"]) == ("10.1.2.3", ["a", "b"])
    assert rows(json.dumps(answer)).select("client", "host").rows() == [("10.1.2.3", "claude.ai")]


def test_a_deeply_nested_document_is_no_harm() -> None:
    records(JSON, "[" * 20_000 + '{"a":' * 10_000)
    table = '{"tables": [{"name": "P", "columns": '
    records(JSON, table + "[" * 100_000)
    found = records(JSON, table + '[{"name": "n"}], "rows": [[1], [2], ' + "[" * 100_000)
    assert [json.loads(line) for line in found if line.startswith("{")] == [{"n": 1}, {"n": 2}]


def test_objects_one_after_the_other_on_a_line() -> None:
    text = b'{"a": 1}{"a": {"b": 2}} {"a": 3}'
    assert JSON.fits(text)
    assert [json.loads(one)["a"] for one in JSON.records([text.decode()])] == [1, {"b": 2}, 3]


def test_lines_after_a_document_are_not_lost() -> None:
    document = json.dumps([{"a": 1, "b": [1, "x"]}, {"a": 2}], indent=1)
    text = f'{document}\nOct  6 10:00:00 gw dnsmasq[7]: query[A] claude.ai from 10.1.2.3\r\n{{\n "a": 3\n}}\nlast line of another\n'
    for size in (7, 50, 10_000):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        found = list(JSON.records(pieces))
        assert [json.loads(one)["a"] for one in found if one.startswith("{")] == [1, 2, 3]
        assert [one for one in found if not one.startswith("{")] == [
            "Oct  6 10:00:00 gw dnsmasq[7]: query[A] claude.ai from 10.1.2.3", "last line of another",
        ]  # fmt: skip


@pytest.mark.parametrize("size", [7, 50, 100_000])
def test_a_line_with_a_brace_comes_whole_and_in_its_place(size: int) -> None:
    stray = "Oct  6 10:00:00 gw app[7]: set {x} " + "y" * 2000 + " }"
    text = f'{{\n "a": 1\n}}\n{stray}\n{{\n "a": 2\n}}\n{stray}'
    found = list(JSON.records(text[at : at + size] for at in range(0, len(text), size)))
    assert [one if one == stray else json.loads(one)["a"] for one in found] == [1, stray, 2, stray]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"records": [{"a": 1}, {"a": oops, "b": [1]}, {"a": 2}]}', '{"a": oops, "b": [1]},'),
        ('[\n{\n"a": 1\n},\n{\n"b": 1,\n"c": oops\n},\n{\n"a": 2\n}\n]', f'{{{JOINT}"b": 1,'),
        ('{"a": 1}\n{"b": "cut\n{"a": 2}\n', '{"b": "cut'),
        ('{"a": 1}\n{"b": 3,\n{"a": 2}\n', '{"b": 3,'),
    ],
    ids=["list", "spread", "cut in a text", "cut after a comma"],
)
@pytest.mark.parametrize("size", [7, 100_000])
def test_a_broken_object_is_told_and_the_ones_after_it_are_read(text: str, wrong: str, size: int) -> None:
    padded = text + "\n" + " " * 50
    found = list(JSON.records(padded[at : at + size] for at in range(0, len(padded), size)))
    assert [one if one == wrong else json.loads(one) for one in found] == [{"a": 1}, wrong, {"a": 2}]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_record_that_holds_a_list_called_events_stays_whole(indent: int | None) -> None:
    activity = {
        "kind": "admin#reports#activity",
        "id": {"time": "2026-10-06T10:00:00Z", "applicationName": "login"},
        "actor": {"email": "ada@example.com"},
        "ipAddress": "10.1.2.3",
        "events": [{"type": "login", "name": "login_success"}],
    }
    text = "\n".join([json.dumps(activity, indent=indent)] * 2).encode()
    assert framing_of(text) is WHOLE_JSON
    assert [json.loads(line) for line in head_lines(text)] == [activity] * 2
