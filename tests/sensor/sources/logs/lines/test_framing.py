"""Records of several lines become one record a line, whatever the pieces they are read in."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.families import framing_of, head_lines
from sensor.sources.logs.formats import windows_security
from sensor.sources.logs.formats.windows_security import XML
from sensor.sources.logs.lines import framing
from sensor.sources.logs.lines.framing import JOINT, JSON, QUOTED, TABLE, WHOLE_JSON, Blocks
from tests.sensor.sources.logs.formats.reading import rows


def records(how: framing.Framing, text: str) -> list[str]:
    return framing.framed(io.BytesIO(text.encode()), how).read().decode().splitlines()


OBJECTS = [{"a": 1, "b": {"c": "} {"}}, {"a": 2, "text": 'quote " and \\ slash'}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OBJECTS),
        json.dumps(OBJECTS, indent=4),
        "\n".join(json.dumps(one, indent=2) for one in OBJECTS),
        json.dumps({"records": OBJECTS}),
        json.dumps({"meta": 1, "value": OBJECTS}),
        json.dumps({"hits": {"total": 2, "hits": OBJECTS}}),
        json.dumps({"log": {"version": "1.2", "pages": [], "entries": OBJECTS}}),
    ],
)
def test_json_documents(text: str) -> None:
    assert JSON.fits(text.encode())
    assert [json.loads(line) for line in records(JSON, text)] == OBJECTS


def test_json_lines_need_no_framing() -> None:
    lines = "\n".join(json.dumps(one) for one in OBJECTS).encode()
    assert not JSON.fits(lines)
    assert not JSON.fits(b"{broken\n" + lines)
    assert not JSON.fits(json.dumps({"event": 1, "data": [{"x": 1}], "tags": ["y"]}).encode() + b"\n")


def test_a_long_document_gives_its_records_one_by_one() -> None:
    many = [{"n": n, "text": "x" * 2000} for n in range(3000)]
    found = records(JSON, json.dumps({"creator": "x", "entries": many}))
    assert [json.loads(line)["n"] for line in found] == list(range(3000))


def test_a_document_cut_short_keeps_what_it_holds() -> None:
    text = json.dumps({"records": [{"n": n, "pad": "y" * 100} for n in range(50)]})[:-500]
    found = [json.loads(line)["n"] for line in records(JSON, text) if line.startswith('{"n"')]
    assert found == list(range(len(found)))
    assert len(found) > 40


def test_blocks_by_begin_and_blank_line_or_end() -> None:
    text = "Mon 1\n\tA = 1\n\tB = 2\n\nMon 2\n\tA = 3\n"
    assert records(Blocks(r"^Mon "), text) == [f"Mon 1{JOINT}\tA = 1{JOINT}\tB = 2", f"Mon 2{JOINT}\tA = 3"]
    leases = "# head\nlease 10.0.0.1 {\n  a;\n}\nlease 10.0.0.2 {\n  b;\n}\n"
    assert records(Blocks(r"^lease ", r"^\}"), leases)[1:] == [
        f"lease 10.0.0.1 {{{JOINT}  a;{JOINT}}}",
        f"lease 10.0.0.2 {{{JOINT}  b;{JOINT}}}",
    ]


def test_a_line_of_another_log_is_no_part_of_a_block() -> None:
    text = "Mon 1\na\n\nb\n<13>other\nstray\nMon 2\nc\n"
    how = Blocks(r"^Mon ", ends=r"^never", apart=r"^<\d+>")
    assert records(how, text) == [f"Mon 1{JOINT}a{JOINT}b", "<13>other", "stray", f"Mon 2{JOINT}c"]


def test_quotes_hold_line_breaks_together() -> None:
    text = 'a,"b\nc",d\ne,"f",g\nh,"i\nj\nk",l\n'
    assert records(QUOTED, text) == [f'a,"b{JOINT}c",d', 'e,"f",g', f'h,"i{JOINT}j{JOINT}k",l']


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_table_of_lines_becomes_objects(separator: str) -> None:
    rows = (("_time", "_raw", "x [UTC]"), ("1", '"a ""b""\nc"', ""), ("2", "d", "e"))
    text = "".join(separator.join(row) + "\n" for row in rows)
    assert TABLE.fits(text.encode())
    assert not TABLE.fits(text.replace("_raw", "raw").encode())
    assert TABLE.fits(b"_raw\na\n")
    assert not TABLE.fits(b"a line of text, and more of it\na\n")
    assert [json.loads(record) for record in records(TABLE, text)] == [
        {"_time": "1", "_raw": f'a "b"{JOINT}c'},
        {"_time": "2", "_raw": "d", "x": "e"},
    ]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_that_a_spreadsheet_saved_again(separator: str) -> None:
    text = (
        "_time,src_ip,dest,user,bytes_out,bytes_in,action\n"
        '2026-10-06T10:00:00.000+00:00,10.1.2.3,claude.ai,"Lovelace; Ada",900,7000,allowed\n'
    )
    saved = text.replace('"Lovelace; Ada"', "ada").replace(",", separator)
    saved = saved.replace("ada", '"Lovelace; Ada"')
    assert rows(saved).drop("offset").equals(rows(text).drop("offset"))
    assert rows(saved)["host"].to_list()[-1] == "claude.ai"


def test_lines_that_are_known_as_they_are_keep_their_separators() -> None:
    query = "client @0x1 10.1.2.3#53 (claude.ai): query: claude.ai IN A + (10.0.0.53)\n"
    assert framing_of(f"6-Oct-2026;10:00:00;x {query}".encode()) is None


def test_hits_that_were_asked_for_fields() -> None:
    fields = {"@timestamp": ["2026-10-06T10:00:00.000Z"], "source.ip": ["10.1.2.3"], "dns.question.name": ["claude.ai"],
              "event.dataset": ["zeek.dns"], "tags": ["a", "b"]}  # fmt: skip
    hit = {"_index": "logs-1", "_id": "x1", "_score": None, "fields": fields}
    answer = {"took": 3, "timed_out": False, "hits": {"total": {"value": 1}, "hits": [hit]}}
    (found,) = records(JSON, json.dumps(answer))
    source = json.loads(found)["_source"]
    assert (source["source.ip"], source["tags"]) == ("10.1.2.3", ["a", "b"])
    assert rows(json.dumps(answer)).select("client", "host").rows() == [("10.1.2.3", "claude.ai")]


def test_a_quote_that_never_closes_does_not_swallow_the_file() -> None:
    text = 'a,"open\n' + "row,1\n" * 1000
    assert len(records(QUOTED, text)) > 700


@given(st.text(alphabet='{}[]":,ab\n\\ 1', max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_framed_without_harm(text: str) -> None:
    for how in (JSON, QUOTED, Blocks("^a", "^b")):
        how.fits(text.encode())
        records(how, text)


def test_a_deeply_nested_document_is_no_harm() -> None:
    records(JSON, "[" * 20_000 + '{"a":' * 10_000)


def test_objects_one_after_the_other_on_a_line() -> None:
    text = b'{"a": 1}{"a": {"b": 2}} {"a": 3}'
    assert framing.JSON.fits(text)
    assert [json.loads(one)["a"] for one in framing.JSON.records([text.decode()])] == [1, {"b": 2}, 3]


def test_lines_after_a_document_are_not_lost() -> None:
    document = json.dumps([{"a": 1, "b": [1, "x"]}, {"a": 2}], indent=1)
    text = f'{document}\nOct  6 10:00:00 gw dnsmasq[7]: query[A] claude.ai from 10.1.2.3\r\n{{\n "a": 3\n}}\nlast line of another\n'
    for size in (7, 50, 10_000):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        found = list(framing.JSON.records(pieces))
        assert [json.loads(one)["a"] for one in found if one.startswith("{")] == [1, 2, 3]
        assert [one for one in found if not one.startswith("{")] == [
            "Oct  6 10:00:00 gw dnsmasq[7]: query[A] claude.ai from 10.1.2.3", "last line of another",
        ]  # fmt: skip


@pytest.mark.parametrize("size", [7, 50, 100_000])
def test_a_line_with_a_brace_comes_whole_and_in_its_place(size: int) -> None:
    stray = "Oct  6 10:00:00 gw app[7]: set {x} " + "y" * 2000 + " }"
    text = f'{{\n "a": 1\n}}\n{stray}\n{{\n "a": 2\n}}\n{stray}'
    found = list(framing.JSON.records(text[at : at + size] for at in range(0, len(text), size)))
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
    found = list(framing.JSON.records(padded[at : at + size] for at in range(0, len(padded), size)))
    assert [one if one == wrong else json.loads(one) for one in found] == [{"a": 1}, wrong, {"a": 2}]


@pytest.mark.parametrize(
    ("how", "record"),
    [(JSON, '{"a": 1}'), (XML, "<Event a='1'><EventID>1</EventID></Event>")],
    ids=["json", "xml"],
)
def test_a_line_without_an_end_behind_a_record_is_cut(
    how: framing.Framing, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held of it is bounded: nobody has to read all of it to be given something."""
    for module in (framing, windows_security):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", 1000)
    read = 0

    def pieces() -> Iterator[str]:
        nonlocal read
        yield f"{record}\n"
        while True:
            read += 1
            yield "x" * 100

    found = how.records(pieces())
    assert next(found) == record
    assert next(found).startswith("xxx")
    assert read < 20


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
