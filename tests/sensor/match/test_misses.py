"""Remembering what hits nothing saves time and changes no answer."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.match.index import Index
from sensor.match.match import match
from sensor.match.misses import Misses
from tests.sensor.match.conftest import Observe

HOSTS = [
    "chat.example", "a.chat.example", "other.example", "192.0.2.7", "198.51.100.1", "EU.Chat.Example.", None,
]  # fmt: skip
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "host": st.sampled_from(HOSTS),
            "cname": st.sampled_from([None, "api.open.example", "cdn.example"]),
            "user_agent": st.sampled_from([None, "open-cli/1", "curl/8"]),
            "server": st.sampled_from([None, "192.0.2.200", "203.0.113.1"]),
            "path": st.sampled_from([None, "/", "/backend/code/1"]),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=15)
@given(st.lists(ROWS, min_size=1, max_size=4))
def test_a_second_look_gives_the_same_hits(index: Index, batches: list[list[dict[str, str | None]]]) -> None:
    names = ("host", "cname", "user_agent", "server", "path")
    fresh = Index(**{**vars_of(index), "misses": Misses(min_rows=1)})
    forgetful = Index(**{**vars_of(index), "misses": Misses(min_rows=1, max_values=2)})
    for rows in [*batches, *batches]:
        frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String))
        expected = match(frame, index)
        assert match(frame, fresh).equals(expected)
        assert match(frame, forgetful).equals(expected)


def vars_of(index: Index) -> dict[str, object]:
    return {name: getattr(index, name) for name in Index.__dataclass_fields__}


def test_known_misses_are_not_looked_up_again(
    index: Index, observe: Observe, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Index(**{**vars_of(index), "misses": Misses(min_rows=2)})
    frame = observe(host=["a.example", "b.example", "chat.example"])
    match(frame, fresh)
    asked: list[str] = []
    row_of = fresh.lookup.row_of
    monkeypatch.setattr(fresh.lookup, "row_of", lambda name: asked.append(name) or row_of(name))
    assert match(frame, fresh).height == 1
    assert asked == ["chat.example"]


def test_few_rows_are_not_remembered() -> None:
    misses = Misses(min_rows=10)
    misses.learn("host", pl.Series(["a"]), rows=9)
    frame = pl.DataFrame({"host": ["a"] * 10})
    assert frame.filter(misses.may_hit(frame, ("host",))).height == 10
    misses.learn("host", pl.Series(["a"]), rows=10)
    assert frame.filter(misses.may_hit(frame, ("host",))).height == 0
