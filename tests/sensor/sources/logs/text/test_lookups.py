"""What an answer says of its question."""

from __future__ import annotations

import polars as pl
import pytest

from sensor.sources.logs.text import lookups
from sensor.sources.logs.text.reasons import ANSWERED


@pytest.mark.parametrize(
    ("answers", "action"),
    [
        (["0.0.0.0"], "blocked"),
        (["::ffff:0.0.0.0", "::"], "blocked"),
        (["127.0.0.1"], "blocked"),
        (["0.0.0.0", "192.0.2.7"], "allowed"),
        (["2001:db8::"], "allowed"),
        ([], "allowed"),
        (None, "allowed"),
    ],
)
def test_answers_that_lead_nowhere_are_a_filters(answers: list[str] | None, action: str) -> None:
    rows = pl.DataFrame(
        {
            "host": ["claude.ai"] * 2,
            "answers": pl.Series([None, answers], dtype=pl.List(pl.String)),
            "answer": [False, True],
            "action": [None, "allowed"],
            "reason": pl.Series([None, None], dtype=pl.String),
        }
    )
    told = lookups.paired(rows, ["host"])
    assert told["action"].to_list() == [action] * 2
    assert told["reason"].to_list() == [None, ANSWERED]
