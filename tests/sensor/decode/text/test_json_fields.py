"""The scanner of JSON lines says what a complete reader says, or leaves the line to it."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.text import json_fields
from sensor.sources.logs.text import objects

PATHS = ("a", "b", "t.a", "t.b", "t.u.a")
LISTS = ("l", "m[].a")

_TEXT = st.text(st.sampled_from('ab1 :,{}[]/\\"é\t\n\x01'), max_size=6)
_SCALAR = st.one_of(_TEXT, st.integers(-(10**12), 10**12), st.booleans(), st.none())
_KEY = st.sampled_from(["a", "b", "t", "u", "l", "m", "t.a", 'q"q', "é"])
_VALUE = st.recursive(
    _SCALAR,
    lambda inner: st.dictionaries(_KEY, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)
_EVENT = st.dictionaries(_KEY, _VALUE, max_size=5)


def scanned(lines: list[str], **key: int) -> tuple[list[dict[str, Any]], list[int]]:
    found, odd = json_fields.read(pl.Series(lines, dtype=pl.String), [*PATHS, "l[]", "m[].a"], **key)
    return found.to_dicts(), odd.to_list()


@settings(max_examples=120, deadline=None)
@given(st.lists(_EVENT, min_size=1, max_size=5), st.booleans())
def test_what_is_not_odd_is_what_a_complete_reader_finds(events: list[dict[str, Any]], tight: bool) -> None:
    separators = (",", ":") if tight else (" , ", " : ")
    lines = [json.dumps(event, ensure_ascii=False, separators=separators) for event in events]
    found, odd = scanned(lines)
    for place, (event, row) in enumerate(zip(events, found, strict=True)):
        if place in odd:
            assert set(row.values()) == {None}
            continue
        for path in PATHS:
            told = _told(event, path)
            assert row[path] in told or (not told and row[path] is None), (lines[place], path)


def _told(event: Any, path: str) -> list[str | None]:
    """The values under a path as text, whatever mixture of dots and nesting leads to it."""
    found: list[str | None] = []
    if not isinstance(event, dict):
        return found
    for key, value in event.items():
        if key == path:
            found.append(value if value is None or isinstance(value, str) else json.dumps(value))
        elif path.startswith(f"{key}."):
            found += _told(value, path.removeprefix(f"{key}."))
    return found


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), _EVENT, st.integers(0, 60))
def test_broken_lines_are_odd_and_harm_no_other(rubbish: bytes, event: dict[str, Any], cut: int) -> None:
    whole = json.dumps(event)
    broken = rubbish.decode("latin-1").replace("\n", " ").replace("\x01", " ")
    found, odd = scanned(['{"a":"first"}', broken, whole[: min(cut, len(whole) - 1)] or "-", '{"b":2}'])
    assert (found[0]["a"], found[3]["b"]) == ("first", "2")
    assert 2 in odd
    if not objects.is_object(broken):
        assert 1 in odd


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"a":{"b":1}}', "a container where a value is wanted"),
        ('{"a":"\\u0041"}', "an escape that needs decoding"),
        ('{"a":1,"a":2}', "a key twice"),
        ('{"a":1e3}', "a number that can be written otherwise"),
        ('{"a":1} x', "something behind"),
        ('{"a":1,}', "a comma too many"),
        ("[" * 50 + "]" * 50, "no object"),
        ('{"l":' + "[" * 50 + "]" * 50 + "}", "too deep"),
        ('{"l":[' + "1," * 200 + "1]}", "too many values"),
        ('{"a":"' + "x" * 10, "cut off"),
    ],
)
def test_what_is_left_to_the_complete_reader(line: str, why: str) -> None:
    assert scanned([line])[1] == [0], why


def test_lists_empty_values_and_both_spellings_of_a_path() -> None:
    found, odd = scanned(
        [
            '{"t":{"a":"x\\/y","u":{"a":true}},"m":[{"a":1},{"b":2},{"a":"z"}],"l":["p","q"],"b":""}',
            '{"t.a":-1.5}',
        ]
    )
    assert not odd
    assert found[0] == {
        "a": None,
        "b": "",
        "t.a": "x/y",
        "t.b": None,
        "t.u.a": "true",
        "l[]": "p\x02q",
        "m[].a": "1\x02z",
    }
    assert found[1]["t.a"] == "-1.5"


def test_the_key_of_another_process_finds_the_same() -> None:
    """Kept machine code outlives the process that compiled it: nothing random may be compiled in."""
    for key in (1, 2**61):
        found, odd = scanned(['{"a":"x","t":{"b":"y"}}'], key=key)
        assert (found[0]["a"], found[0]["t.b"], list(odd)) == ("x", "y", [])


def test_a_missing_line_and_one_with_line_ends_are_a_row_each() -> None:
    lines = pl.Series([None, '{"a": 1}', '{"a":\n"x",\n"b": 2}', "", None], dtype=pl.String)
    assert objects.read(lines, ["a"])["a"].to_list() == [None, "1", "x", None, None]
    assert objects.read(lines.clear(), ["a"]).shape == (0, 1)


def test_many_lines_are_scanned_and_read_the_same() -> None:
    lines = pl.Series([f'{{"t":{{"a":"v{n}"}},"m":[{{"a":"{n}"}}],"pad":"{"x" * 40}"}}' for n in range(2500)])
    lines[7] = '{"t":{"a":"v\\u0041"}, "pad": [1, 2'
    lines[9] = '{"t":{"a":"v\\u0041"}}'
    fast = objects.read(lines, {"name": "t.a|a"}, lists=["m[].a"])
    complete = objects._complete(lines, {"name": "t.a|a"}, ["m[].a"])
    assert fast["name"].equals(complete["name"]) and fast["name"][9] == "vA"
    assert fast["m[].a"].fill_null([]).equals(complete["m[].a"].fill_null([]))
