"""What formats are written in: words by condition, patterns, protocols, reasons."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

import sensor
from sensor.sources.logs import formats
from sensor.sources.logs.formats import ekinops
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

FOLDER = Path(sensor.__file__).parent


def _said(rows: pl.DataFrame, word: pl.Expr) -> list[object]:
    return rows.select(word=word)["word"].to_list()


def test_the_first_word_whose_condition_holds_is_given() -> None:
    rows = pl.DataFrame({"web": [True, True, False, None, None], "tls": [True, False, True, True, None]})
    web, tls = pl.col("web"), pl.col("tls")
    assert _said(rows, one_of({"http": web, "tls": tls}, otherwise="flow")) == [
        "http", "http", "tls", "tls", "flow",
    ]  # fmt: skip
    assert _said(rows, one_of({"tls": tls, "http": web}))[:2] == ["tls", "http"]


def test_where_no_condition_holds_another_expression_speaks_or_nobody() -> None:
    rows = pl.DataFrame({"refused": [True, False, None], "word": ["a", "b", None]})
    refused = pl.col("refused")
    assert _said(rows, one_of({"blocked": refused})) == ["blocked", None, None]
    assert _said(rows, one_of({"blocked": refused}, otherwise=pl.col("word"))) == ["blocked", "b", None]
    assert rows.select(word=one_of({"blocked": pl.lit(False)})).schema == {"word": pl.String}


def test_a_pattern_gives_its_named_groups() -> None:
    lines = pl.Series(["from 10.0.0.1 to", "nothing", None])
    read = patterns.read(lines, r"from (?P<client>\S+) to(?: (?P<server>\S+))?")
    assert read.to_dict(as_series=False) == {"client": ["10.0.0.1", None, None], "server": [None] * 3}


def test_layouts_are_given_the_same_columns() -> None:
    read = pl.DataFrame({"user": ["ada"], "extra": ["x"]})
    same = layouts.conformed(read, {"client": "src", "user": "usr"})
    assert same.schema == {"client": pl.String, "user": pl.String}
    assert same.rows() == [(None, "ada")]


def test_protocols_with_ports_go_by_name_or_number() -> None:
    told = pl.DataFrame({"protocol": ["TCP", "udp", "6", "17", "icmp", "1", "", None]})
    assert _said(told, has_ports(pl.col("protocol"))) == [True] * 4 + [False] * 3 + [None]


def test_the_example_for_new_formats_is_one_that_is_read() -> None:
    text = Path(formats.__file__).with_name("README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert example in Path(ekinops.__file__).read_text(encoding="utf-8")
