"""One name after the other gets the same answers as all at once."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from sensor.match.hostname import normal
from sensor.match.index import Index
from sensor.match.lookup import PATH_ONLY, Lookup, _end
from tests.sensor.match.conftest import indicators

#: Few letters and labels, so that names, suffixes and patterns meet often.
LABEL = st.sampled_from(["a", "b", "ab", "a-b", "x", "xn--a"])
NAME = st.lists(LABEL, min_size=2, max_size=5).map(".".join)
PATTERN = st.tuples(
    st.sampled_from(["*", "a-*", "*-b", "a*b", "*.*", "a.*"]), st.lists(LABEL, min_size=2, max_size=3)
).map(lambda parts: ".".join([parts[0], *parts[1]]))
INDICATOR = st.one_of(
    st.tuples(st.just("domain"), NAME),
    st.tuples(st.just("suffix"), NAME),
    st.tuples(st.just("pattern"), PATTERN),
    st.tuples(st.just("url"), st.one_of(NAME, PATTERN).map(lambda host: f"{host}/p")),
)


def best_of_all(index: Index, name: str) -> int | None:
    """The answer from every indicator that fits: the most specific without a path, the first of equals."""
    fits = index.candidates(pl.Series([name]))
    if fits.is_empty():
        return None
    told = fits.filter(pl.col("prefix").is_null()).sort(["specificity", "row"], descending=[True, False])
    return PATH_ONLY if told.is_empty() else int(told["row"][0])


@given(st.lists(INDICATOR, max_size=12), st.lists(NAME, min_size=1, max_size=8))
def test_the_walk_agrees_with_the_join(found: list[tuple[str, str]], names: list[str]) -> None:
    index = Index.build(indicators(*(("v/s", kind, value, "web", "use") for kind, value in found)))
    expected = [best_of_all(index, name) for name in names]
    assert [index.lookup.row_of(name) for name in names] == expected
    assert index.lookup.rows(pl.Series(names)).to_list() == expected
    assert [index.lookup.find(name) for name in names] == [None if e == PATH_ONLY else e for e in expected]


@given(st.text(max_size=40))
def test_any_text_is_brought_to_the_same_form(text: str) -> None:
    name = normal(pl.Series([text])).item()
    lookup = Lookup(Index.build(indicators()).names.table)
    lookup._whole[name], lookup._tails[_end(name)] = 7, None
    assert lookup.find(text) == 7


@given(st.lists(st.text(alphabet="aA.b。ü:[] -1", max_size=14), max_size=12))
def test_what_was_asked_before_changes_no_answer(texts: list[str]) -> None:
    found = (("v/s", "suffix", "a.b", "web", "use"), ("v/t", "domain", "b.a", "web", "use"))
    index = Index.build(indicators(*found))
    for text in texts:
        assert index.lookup.find(text) == Lookup(index.names.table).find(text)


def test_capitals_dots_ports_and_letters_of_other_scripts() -> None:
    index = Index.build(indicators(("a/b", "suffix", "xn--bcher-kva.example", "web", "use")))
    for host in ("WWW.xn--bcher-kva.Example.", "bücher.example:8443", " BÜCHER.example "):
        assert index.lookup.find(host) == 0
    assert index.lookup.find("bucher.example") is None
