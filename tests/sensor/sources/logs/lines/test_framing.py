"""Records of several lines become one record a line, whatever the pieces they are read in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.formats import windows_security
from sensor.sources.logs.formats.windows_security import XML
from sensor.sources.logs.lines import framing, json_documents
from sensor.sources.logs.lines.framing import JOINT, QUOTED, MultiLine
from sensor.sources.logs.lines.json_documents import JSON
from tests.sensor.sources.logs.lines.framed import records


def test_blocks_by_begin_and_blank_line_or_end() -> None:
    text = "Mon 1\n\tA = 1\n\tB = 2\n\nMon 2\n\tA = 3\n"
    assert records(MultiLine(r"^Mon "), text) == [
        f"Mon 1{JOINT}\tA = 1{JOINT}\tB = 2",
        f"Mon 2{JOINT}\tA = 3",
    ]
    leases = "# head\nlease 10.0.0.1 {\n  a;\n}\nlease 10.0.0.2 {\n  b;\n}\n"
    assert records(MultiLine(r"^lease ", r"^\}"), leases)[1:] == [
        f"lease 10.0.0.1 {{{JOINT}  a;{JOINT}}}",
        f"lease 10.0.0.2 {{{JOINT}  b;{JOINT}}}",
    ]


def test_a_line_of_another_log_is_no_part_of_a_block() -> None:
    text = "Mon 1\na\n\nb\n<13>other\nstray\nMon 2\nc\n"
    how = MultiLine(r"^Mon ", ends=r"^never", apart=r"^<\d+>")
    assert records(how, text) == [f"Mon 1{JOINT}a{JOINT}b", "<13>other", "stray", f"Mon 2{JOINT}c"]


def test_quotes_hold_line_breaks_together() -> None:
    text = 'a,"b\nc",d\ne,"f",g\nh,"i\nj\nk",l\n'
    assert records(QUOTED, text) == [f'a,"b{JOINT}c",d', 'e,"f",g', f'h,"i{JOINT}j{JOINT}k",l']


def test_a_quote_that_never_closes_does_not_swallow_the_file() -> None:
    text = 'a,"open\n' + "row,1\n" * 1000
    assert len(records(QUOTED, text)) > 700


@given(st.text(alphabet='{}[]":,ab\n\\ 1', max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_framed_without_harm(text: str) -> None:
    for how in (JSON, QUOTED, MultiLine("^a", "^b")):
        how.fits(text.encode())
        records(how, text)


@pytest.mark.parametrize(
    ("how", "record"),
    [(JSON, '{"a": 1}'), (XML, "<Event a='1'><EventID>1</EventID></Event>")],
    ids=["json", "xml"],
)
def test_a_line_without_an_end_behind_a_record_is_cut(
    how: framing.Framing, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held of it is bounded: nobody has to read all of it to be given something."""
    for module in (framing, json_documents, windows_security):
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
