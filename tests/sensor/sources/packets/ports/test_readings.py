"""Readings become one row a minute, also for silence; parts of several decoders add up to one row."""

from datetime import UTC, datetime

import polars as pl

from sensor.schema import COVERAGE
from sensor.sources.packets.ports.readings import Counters, Readings, merged

MINUTE_US = 60_000_000
START = 1_794_200_040 * 1_000_000
assert START % MINUTE_US == 0


def rows(**columns: object) -> pl.DataFrame:
    minute = {"minute": datetime.fromtimestamp(START / 1e6, UTC)}
    return COVERAGE.conform(pl.DataFrame([minute | columns]))


def test_increases_count_in_the_minute_of_the_reading() -> None:
    readings = Readings()
    readings.add(START, Counters(kernel_drops=3, excluded=10), offset_ms=2, vlans=[])
    readings.add(START + 59 * 1_000_000, Counters(kernel_drops=5, excluded=10), offset_ms=-40, vlans=[7])
    readings.add(
        START + MINUTE_US, Counters(kernel_drops=5, excluded=11, link_down_s=1), offset_ms=None, vlans=[7, 3]
    )
    taken = readings.take().select(
        "packets", "kernel_drops", "excluded", "link_down_s", "clock_offset_ms", "vlans"
    )
    assert taken.rows() == [(0, 5, 10, 0, 40, "7,3"), (0, 0, 1, 1, None, "7,3")]
    assert readings.take().is_empty()
    readings.add(
        START + MINUTE_US, Counters(kernel_drops=6, excluded=11, link_down_s=1), offset_ms=1, vlans=[]
    )
    assert readings.take().select("kernel_drops", "excluded", "vlans").rows() == [(1, 0, None)]


def test_a_reset_counter_adds_nothing() -> None:
    readings = Readings()
    for missed in (9, 2, 4):
        readings.add(START, Counters(nic_missed=missed), offset_ms=None, vlans=[])
    assert readings.take()["nic_missed"].to_list() == [11]


def test_parts_of_a_minute_add_up() -> None:
    early, late = (datetime.fromtimestamp(START / 1e6 + s, UTC) for s in (1, 50))
    whole = merged(
        [
            rows(packets=5, decoded=4, clock_offset_ms=9, vlans="7", first_seen=late, last_seen=late),
            rows(packets=6, decoded=6, first_seen=early, last_seen=early, clock_offset_ms=3),
            rows(packets=0, kernel_drops=2, vlans="7,8"),
        ],
        features_off="record sizes",
    )
    assert whole.height == 1
    (row,) = whole.to_dicts()
    assert (row["packets"], row["decoded"], row["kernel_drops"], row["clock_offset_ms"]) == (11, 10, 2, 9)
    assert (row["vlans"], row["features_off"]) == ("7,8", "record sizes")
    assert (row["first_seen"], row["last_seen"]) == (early, late)
    assert row["records"] is None  # nobody counted any


def test_merging_empty_frames_gives_no_rows() -> None:
    assert merged([COVERAGE.empty(), Readings().take()]).is_empty()


def test_features_off_are_in_minutes_without_a_reading_too() -> None:
    """A capture that begins in the last second of a minute."""
    readings = Readings()
    readings.add(START + MINUTE_US, Counters(), offset_ms=None, vlans=[])
    both = merged([rows(packets=5), readings.take()], features_off="record sizes")
    assert both.select("packets", "features_off").rows() == [(5, "record sizes"), (0, "record sizes")]


def test_every_counter_is_a_column_of_coverage() -> None:
    assert set(Counters.__dataclass_fields__) <= set(COVERAGE.dtypes)
