"""Names and lookup bursts: counted the same wherever batches are cut."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from sensor import schema
from sensor.match.rollup import LookupBursts, NamesRollup

START = datetime(2026, 11, 11, 9, 0, tzinfo=UTC)


def _rows(rows: list[tuple[int, str, str, str, int | None]]) -> pl.DataFrame:
    frame = pl.DataFrame(
        [
            {
                "seen_at": START + timedelta(seconds=s),
                "kind": kind,
                "client": client,
                "host": host,
                "bytes_up": up,
            }
            for s, kind, client, host, up in rows
        ],
        schema_overrides={"seen_at": schema.TIME, "bytes_up": pl.Int64},
    )
    return schema.OBSERVATIONS.conform(frame)


ROWS = [
    (0, "dns", "c1", "chatgpt.com", None),
    (1, "dns", "c1", "chatgpt.com", None),
    (2, "tls", "c1", "chatgpt.com", 500),
    (61, "dns", "c1", "chatgpt.com", None),
    (62, "dns", "c2", "chatgpt.com", None),
    (1000, "tls", "c2", "example.org", None),
    (5000, "tls", "c3", "chatgpt.com", 7),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_names_do_not_depend_on_batches(size: int) -> None:
    rollup, taken = NamesRollup(), []
    for at in range(0, len(ROWS), size):
        rollup.add(_rows(ROWS[at : at + size]), pl.lit(True))
        taken.append(rollup.take())
    taken.append(rollup.take(all_of_it=True))
    out = pl.concat([t for t in taken if t.height]).sort("bucket", "host")
    assert out.select("host", "lookups", "connections", "bytes_up", "clients").rows() == [
        ("chatgpt.com", 4, 1, 500, 2),
        ("example.org", 0, 1, None, 1),
        ("chatgpt.com", 0, 1, 7, 1),
    ]


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_bursts_do_not_depend_on_batches(size: int) -> None:
    bursts, taken = LookupBursts(), []
    for at in range(0, len(ROWS), size):
        taken.append(bursts.take(_rows(ROWS[at : at + size]), last=at + size >= len(ROWS)))
    out = pl.concat(taken).filter(pl.col("kind") == "dns").sort("seen_at", "client")
    assert out.select("client", "lookups").rows() == [("c1", 2), ("c1", 1), ("c2", 1)]
    assert out.get_column("duration_s").to_list() == [1.0, 0.0, 0.0]


def test_other_kinds_pass_through_with_unknown_lookups() -> None:
    out = LookupBursts().take(_rows(ROWS), last=True).filter(pl.col("kind") == "tls")
    assert out.height == 3
    assert out.get_column("lookups").null_count() == 3
