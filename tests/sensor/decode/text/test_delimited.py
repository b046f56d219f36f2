"""The scanner of fields says what splitting says, or leaves the line."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensor.decode.text import delimited
from sensor.decode.text.credentials import PREFIXES
from sensor.decode.text.delimited import CODE, COPY, COUNT, MICROS, SKIP, URL, Field, Layout

TABS = Layout(
    (Field(CODE, "code"), Field(COUNT, "count"), Field(SKIP), Field(MICROS, "at"), Field(COPY, "copy")),
    nothing=("-", "(empty)"), comment="#", stop="#fields",
)  # fmt: skip
SPACES = Layout(
    (Field(CODE, "code"), Field(COUNT, "count"), Field(URL, "url"), Field(CODE, "tail")),
    separator=" ", empty=False, tail=True,
)  # fmt: skip


def told(text: bytes, layout: Layout) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    found = delimited.Cutter(layout).cut(text)
    return found.rows.to_dicts(), found.odd.to_dicts()


def test_fields_of_each_kind() -> None:
    text = b"# no line\nann\t12\tx\t1.5\tu1\n\n-\t-\t\t2\t\nann\t0\t\t0.000001\tu2  \nann\tx\t\t1\tu3"
    rows, odd = told(text, TABS)
    assert rows == [
        {"offset": 10, "bytes": 16, "code": "ann", "count": 12, "at": 1_500_000, "copy": "u1"},
        {"offset": 27, "bytes": 8, "code": None, "count": None, "at": 2_000_000, "copy": None},
        {"offset": 35, "bytes": 21, "code": "ann", "count": 0, "at": 1, "copy": "u2"},
    ]
    assert odd == [{"line": "ann\tx\t\t1\tu3", "offset": 56, "bytes": 12}]


def test_a_cut_ends_at_a_new_header_and_goes_on_behind_it() -> None:
    text = b"a\t1\t\t1\tb\n#fields\tx\nc\t2\t\t1\td\n"
    first = delimited.Cutter(TABS).cut(text)
    assert (first.rows["code"].to_list(), first.end) == (["a"], 9)
    second = delimited.Cutter(TABS).cut(text, at=text.index(b"c\t"))
    assert (second.rows["code"].to_list(), second.end) == (["c"], len(text))


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 40])
def test_texts_that_begin_alike_are_told_apart(size: int) -> None:
    values = ["x" * size + str(n % 900) for n in range(3000)]
    text = "".join(f"{value}\t1\t\t1\tc\n" for value in values).encode()
    assert delimited.Cutter(TABS).cut(text).rows["code"].cast(pl.String).to_list() == values


def test_a_text_keeps_its_number_until_much_is_known() -> None:
    cutter = delimited.Cutter(TABS, most_texts=3)
    columns = []
    for values in ("ab", "bca", "cde", "ea"):
        text = "".join(f"{value}\t1\t\t1\tc\n" for value in values).encode()
        columns.append(cutter.cut(text).rows["code"])
        assert columns[-1].cast(pl.String).to_list() == list(values)
    assert [column.to_physical().to_list() for column in columns] == [[0, 1], [1, 2, 0], [2, 3, 4], [0, 1]]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_may_be_a_key_is_left(prefix: str) -> None:
    key = prefix + "a1B2" * 30
    rows, odd = told(f"a 1 https://h.example/p?k={key} -\na 1 https://h.example/p?k=1 -\n".encode(), SPACES)
    assert (len(odd), [row["url_path"] for row in rows]) == (1, ["/p"])


@pytest.mark.parametrize(
    ("url", "start", "path"),
    [
        ("http://h.example/a/b?c=d#e", "http://h.example", "/a/b"),
        ("http://h.example?x=/y", "http://h.example", None),
        ("h.example:443", "h.example:443", None),
        ("h.example/p?u=http:/x", "h.example", "/p"),
        ("http://u:p@[2001:db8::1]:8080/", "http://u:p@[2001:db8::1]:8080", "/"),
    ],
)
def test_urls_are_cut_behind_the_authority(url: str, start: str, path: str | None) -> None:
    rows, odd = told(f"a 1 {url} -\n".encode(), SPACES)
    assert not odd
    assert (rows[0]["url"], rows[0]["url_path"]) == (start, path)


@pytest.mark.parametrize("url", ["/p", "h/p?u=http://x", "://x", 'h"x', "h\\/x", "?", "h.example/\u00a0"])
def test_urls_that_are_not_plain_are_left(url: str) -> None:
    rows, odd = told(f"a 1 {url} -\n".encode(), SPACES)
    assert (rows, len(odd)) == ([], 1)


_FIELD = st.one_of(
    st.text(st.sampled_from("ab#-.0é 9"), max_size=10), st.integers(-9, 10**19).map(str),
    st.sampled_from(["-", "(empty)", "1.25", "0.0000001", "12345678901.5", "1e3", "+1", " 1"]),
)  # fmt: skip
_LINE = st.lists(_FIELD, max_size=7).map("\t".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINE, max_size=8), st.booleans())
@example(["a\t1\t\t1\t#"], True)
def test_a_row_is_what_splitting_gives_and_no_line_is_lost(lines: list[str], ends: bool) -> None:
    text = "\n".join(lines) + ("\n" if ends else "")
    rows, odd = told(text.encode(), TABS)
    if "#fields" in text:
        return
    places = {}
    at = 0
    for line in text.split("\n"):
        bare = line.rstrip(" ")
        if bare and not bare.startswith("#"):
            places[at] = bare
        at += len(line.encode()) + 1
    assert sorted([*(row["offset"] for row in rows), *(row["offset"] for row in odd)]) == sorted(places)  # type: ignore[type-var]
    for row in odd:
        assert row["line"] == places[row["offset"]]  # type: ignore[index]
    for row in rows:
        parts = places[row["offset"]].split("\t")  # type: ignore[index]
        code, count, _, at_s, copied = (None if part in ("", *TABS.nothing) else part for part in parts)
        assert (row["code"], row["copy"]) == (code, copied)
        assert row["count"] == (None if count is None else int(count))
        assert row["at"] == (None if at_s is None else round(float(at_s) * 1_000_000))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_text_is_taken(rubbish: bytes) -> None:
    text = rubbish.decode("utf-8", "replace").encode()
    for layout in (TABS, SPACES):
        found = delimited.Cutter(layout).cut(text)
        assert found.rows.height + found.odd.height <= text.count(b"\n") + 1
