import polars as pl
import pytest

from sensor import coded
from sensor.coded import Coded, Remembered, Vocabulary, by_value


class _Reader:
    """Tells the length of texts, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def __call__(self, texts: pl.Series) -> pl.DataFrame:
        self.asked += texts.to_list()
        return pl.DataFrame({"text": texts, "chars": texts.str.len_chars().cast(pl.Int64)})


def _categorical(texts: list[str | None]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String).cast(pl.Categorical(pl.Categories.random()))


def test_a_value_is_read_once_in_whatever_column_it_comes() -> None:
    reader = _Reader()
    remembered = Remembered(reader)
    texts = ["a", "bb", None, "a", "a", "bb", "a", "a"]
    first = remembered(pl.Series(texts))
    assert first["text"].to_list() == texts
    assert first["chars"].to_list() == [1, 2, None, 1, 1, 2, 1, 1]
    again = remembered(_categorical(["ccc", "bb", "ccc", None]))
    assert again["chars"].to_list() == [3, 2, 3, None]
    assert reader.asked == ["a", "bb", "ccc"]


def test_a_column_of_nothing_has_the_same_columns() -> None:
    told = Remembered(_Reader())(pl.Series([None, None], dtype=pl.String))
    assert told.schema == {"text": pl.String, "chars": pl.Int64}
    assert told["chars"].to_list() == [None, None]
    assert Remembered(_Reader())(pl.Series([], dtype=pl.String)).height == 0


def test_what_hardly_comes_again_is_read_and_not_remembered() -> None:
    reader = _Reader()
    remembered = Remembered(reader)
    texts = [str(number) for number in range(100)]
    for _ in range(2):
        assert remembered(pl.Series(texts))["text"].to_list() == texts
    assert reader.asked == texts * 2


def test_beyond_its_bytes_it_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coded, "MAX_REMEMBERED_BYTES", 3 * 101)
    reader = _Reader()
    remembered = Remembered(reader)
    for values in ("abcd", "ae", "ab"):
        assert remembered(_categorical(list(values * 2)))["text"].to_list() == list(values * 2)
    assert reader.asked == list("abcd") + list("ae") + ["b"]


def test_a_vocabulary_is_asked_for_what_is_new_and_tells_texts_by_number() -> None:
    reader, vocabulary = _Reader(), Vocabulary()

    def numbered(texts: list[str | None]) -> pl.Series:
        return pl.Series(texts, dtype=pl.String).cast(vocabulary.dtype)

    assert by_value(numbered([None]), reader)["text"].to_list() == [None]
    for texts in (["a", "bb", None, "a"], ["bb", "ccc", "a"], ["a"]):
        told = by_value(numbered(texts), reader)
        assert isinstance(told.schema["text"], pl.Categorical)
        assert told["text"].cast(pl.String).to_list() == texts
        assert told["chars"].to_list() == [text and len(text) for text in texts]
    assert reader.asked == ["a", "bb", "ccc"]
    assert Remembered(reader)(numbered(["ccc", "a"]))["text"].to_list() == ["ccc", "a"]  # texts as they are
    assert by_value(pl.Series(["d", "d"]), reader)["text"].to_list() == ["d", "d"]
    assert reader.asked[-2:] == ["d", "d"]  # of a column of text everything is asked


def test_what_is_told_of_a_recoded_column_is_kept_as_well() -> None:
    reader, vocabulary = _Reader(), Vocabulary()

    def first(texts: pl.Series) -> pl.DataFrame:
        return pl.DataFrame({"first": texts.str.head(1)})

    for texts in (["ab", "ac", "b"], ["ac", "ad", "c"]):
        firsts = by_value(pl.Series(texts).cast(vocabulary.dtype), first)["first"]
        assert by_value(firsts, reader)["text"].cast(pl.String).to_list() == [text[:1] for text in texts]
    assert reader.asked == ["a", "b", "c"]


def test_rows_follow_their_values() -> None:
    column = Coded.of(pl.Series(["x", None, "y", "x"]))
    assert column.each(pl.Series([1, 2])).to_list() == [1, None, 2, 1]
