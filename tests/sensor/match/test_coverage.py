"""What naming adds to a source's coverage, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from sensor import schema
from sensor.match.coverage import added, connection_counts, naming_counts

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def coverage(*rows: tuple[int, int | None]) -> pl.DataFrame:
    """Coverage from (minute, named_flows)."""
    frame = pl.DataFrame(
        [(T0 + timedelta(minutes=minute), named) for minute, named in rows],
        schema={"minute": schema.TIME, "named_flows": pl.Int64},
        orient="row",
    )
    return schema.COVERAGE.conform(frame.with_columns(packets=pl.lit(5), input=pl.lit("in")))


def of_input(counts: pl.DataFrame, name: str = "in") -> pl.DataFrame:
    return counts.with_columns(pl.lit(name).alias("input"), pl.col("minute").cast(schema.TIME))


def test_counts_are_added_once_a_minute_and_the_rest_is_left_alone() -> None:
    counts = [
        pl.DataFrame({"minute": [T0, T0 + timedelta(minutes=2)], "named_flows": [-1, 1], "ech": [1, 0]}),
        pl.DataFrame({"minute": [T0], "vpn_relay": [4]}),
    ]
    got = added(coverage((0, 3), (0, 2), (1, None)), [of_input(frame) for frame in counts])
    assert got.select("named_flows", "ech", "vpn_relay", "packets").rows() == [
        (2, 1, 4, 5),
        (2, None, None, 5),
        (None, None, None, 5),
        (1, 0, 0, None),
    ]
    assert dict(got.schema) == schema.COVERAGE.dtypes


def test_nothing_to_add_changes_nothing() -> None:
    rows = coverage((0, 3), (1, None))
    none = naming_counts(schema.OBSERVATIONS.empty(), schema.OBSERVATIONS.empty())
    assert added(rows, [of_input(none)]).equals(rows)


def test_counts_of_another_input_are_not_added() -> None:
    counts = pl.DataFrame({"minute": [T0], "named_flows": [2]})
    got = added(coverage((0, 3)), [of_input(counts, "other"), of_input(counts)])
    assert got.select("input", "named_flows").rows() == [("in", 5), ("other", 2)]


def test_only_connections_count_and_only_where_they_begin() -> None:
    began = [T0, T0, T0 + timedelta(seconds=90), T0, None]
    before = schema.OBSERVATIONS.conform(
        pl.DataFrame(
            {
                "started_at": began, "slice": [0, 0, 0, 1, None],
                "host": [None, "cover.example", "a.example", None, None],
            },
            schema_overrides={"started_at": schema.TIME},
        )
    )  # fmt: skip
    after = before.with_columns(
        host=pl.Series(["b.example", None, "a.example", "c.example", "d.example"]),
        ech=pl.Series([None, True, None, None, None]),
    )
    counts = naming_counts(before, after).sort("minute")
    minutes = [T0, T0 + timedelta(minutes=1)]
    assert counts.select("minute", "named_flows", "ech").rows() == [(minutes[0], 0, 1), (minutes[1], 0, 0)]


def test_servers_inside_and_requests_that_were_read_are_counted_where_they_begin() -> None:
    late = T0 + timedelta(seconds=90)
    rows = [
        ("tls", "tcp", "10.0.0.9", None, 0, None, T0),
        ("http", "tcp", "10.0.0.9", None, 1, None, T0),  # the next slice of a connection
        ("http", "tcp", "10.0.0.9", "/v1", 1, True, T0),  # a later request in it
        ("flow", "udp", "10.0.0.1", None, 0, None, T0),  # a gateway's NTP
        ("dns", "tcp", "10.0.0.1", None, None, None, T0),
        ("proxy", None, "wiki", "/", None, None, late),
        ("tls", "tcp", None, None, 0, None, late),
    ]
    columns = ("kind", "transport", "server", "path", "slice", "asks", "seen_at")
    frame = pl.DataFrame(rows, schema=columns, orient="row", schema_overrides={"seen_at": schema.TIME})
    observed = schema.OBSERVATIONS.conform(frame).with_columns(input=pl.lit("in"))
    counts = connection_counts(observed, lambda values: values.is_in(["10.0.0.9", "10.0.0.1", "wiki"]))
    assert counts.sort("minute").rows() == [
        ("in", T0, 2, 1), ("in", T0 + timedelta(minutes=1), 1, 1),
    ]  # fmt: skip
    assert connection_counts(observed.clear(), lambda values: values.is_null()).is_empty()
