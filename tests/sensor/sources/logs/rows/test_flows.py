"""One-way records of one connection: paired, counted once, wherever they are cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from sensor import schema
from sensor.sources.logs.fields import FIELDS
from sensor.sources.logs.rows.flows import Pairs, oriented
from sensor.sources.logs.text.reasons import TWICE

T0 = datetime(2026, 10, 6, 10, 0, 0, tzinfo=UTC)
CLIENT, SERVER = ("10.1.0.7", 40000), ("192.0.2.7", 443)
TYPES = {name: dtype for name, (dtype, _) in FIELDS.items() if name != "row"} | {
    "seen_at": schema.TIME, "started_at": schema.TIME, "slice": pl.Int64(), "reason": pl.String(),
}  # fmt: skip


def record(
    source: tuple[str, int], to: tuple[str, int], size: int, at: float, observer: str | None = None
) -> dict[str, Any]:
    """What `source` sent in the minute from `at` seconds on."""
    return dict.fromkeys(TYPES) | {
        "client": source[0], "client_port": source[1], "server": to[0], "server_port": to[1],
        "transport": "tcp", "bytes_up": size, "packets_up": 1, "one_way": True, "observer": observer,
        "seen_at": T0 + timedelta(seconds=at), "duration_s": 60.0,
    }  # fmt: skip


def take(lines: list[dict[str, Any]], size: int) -> pl.DataFrame:
    pairs = Pairs()
    frames = [
        pairs.take(oriented(pl.DataFrame(lines[at : at + size], schema=TYPES), ["10.0.0.0/8"]))
        for at in range(0, len(lines), size)
    ]
    return pl.concat(frames)


LINES = [
    record(SERVER, CLIENT, 900, 0),
    record(CLIENT, SERVER, 100, 0),
    record(CLIENT, SERVER, 50, 60),
    record(SERVER, CLIENT, 400, 60),
    record(CLIENT, SERVER, 7, 3600),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_both_directions_are_one_connection(size: int) -> None:
    rows = take(LINES, size)
    assert rows["client"].unique().to_list() == ["10.1.0.7"]
    assert rows["bytes_up"].to_list() == [None, 100, 50, None, 7]
    assert rows["bytes_down"].to_list() == [900, None, None, 400, None]
    assert rows["slice"].to_list() == [0, 1, 2, 3, 0], "silent for an hour: the next connection"
    assert rows["started_at"].to_list() == [T0] * 4 + [T0 + timedelta(hours=1)]
    assert rows["total_bytes_up"].to_list() == [None, 100, 150, 150, 7]
    assert rows["total_bytes_down"].to_list() == [900, 900, 900, 1300, None]


@pytest.mark.parametrize("size", [1, 3, 6])
def test_what_two_interfaces_saw_counts_once(size: int) -> None:
    lines = [
        record(CLIENT, SERVER, 100, 0, "eni-1"),
        record(CLIENT, SERVER, 100, 0, "eni-2"),
        record(SERVER, CLIENT, 900, 0, "eni-2"),
        record(SERVER, CLIENT, 900, 0, "eni-1"),
        record(CLIENT, SERVER, 50, 60, "eni-2"),
        record(CLIENT, SERVER, 50, 60, "eni-1"),
    ]
    rows = take(lines, size)
    used = rows.filter(pl.col("reason").is_null())
    assert (used["bytes_up"].sum(), used["bytes_down"].sum()) == (150, 900)
    assert used["slice"].to_list() == [0, 1, 2]
    assert used["observer"].to_list() == ["eni-1", "eni-2", "eni-1"], (
        "each direction counts by its first observer"
    )
    assert rows["reason"].drop_nulls().to_list() == [TWICE] * 3


@pytest.mark.parametrize("size", [1, 4, 40])
def test_where_one_observer_falls_silent_another_takes_over(size: int) -> None:
    minutes = [(m, name) for m in range(60) for name, until in (("a", 5), ("b", 25), ("c", 60)) if m < until]
    rows = take([record(CLIENT, SERVER, 1, 60 * m, name) for m, name in minutes], size)
    used = rows.filter(pl.col("reason").is_null())
    counted = used.group_by("started_at", "observer", maintain_order=True).len().select("observer", "len")
    assert counted.rows() == [("a", 5), ("b", 4), ("c", 19)]
    assert used.filter(pl.col("slice") == 0)["total_bytes_up"].to_list() == [1, 1, 1]


@pytest.mark.parametrize("size", [1, 2])
def test_where_ports_and_networks_do_not_tell_who_sent_first_is_the_client(size: int) -> None:
    one, other = ("10.1.0.7", 50000), ("10.1.0.8", 50001)
    rows = take([record(other, one, 10, 0), record(one, other, 20, 1)], size)
    assert rows.select("client", "client_port", "server", "bytes_up", "bytes_down").rows() == [
        ("10.1.0.8", 50001, "10.1.0.7", 10, None),
        ("10.1.0.8", 50001, "10.1.0.7", None, 20),
    ]


def test_other_rows_stay_as_they_are() -> None:
    frame = oriented(pl.DataFrame([LINES[1] | {"one_way": None}], schema=TYPES), [])
    assert Pairs().take(frame).equals(frame)
