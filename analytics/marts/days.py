"""Counts one UTC day: runs counting/*.sql over three days of sightings, once per vantage rank.

In: a connection with the relations `sightings` (three days), `directory`, `sensors`, and what `hold` made
(holders.py).
Out: its temporary tables `counted`, `eyes`, `at_servers`, `rhythm`, `at_models` and `named_whiles`, from
which the day's marts are selected.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from string import Template

import duckdb

from analytics.marts.holders import CROWD

STEPS = Path(__file__).parent / "counting"
#: Two clocks, or two sensors naming one connection's start, may differ by this much.
TOLERANCE_US = 2_000_000
#: A login that nothing vouches for is believed so much after an hour. Of generated networks where addresses
#: change hands within the hour a third of such logins are still right, of others most (test_calibration.py).
STALE = 0.4
#: Paths of AI software that answer everybody even where everything else asks for credentials (signatures/
#: behaviours/, as a regular expression).
PUBLIC_PATHS = (
    "health|heartbeat|login|version|config|setup|status|serviceinfo|telemetry|/(ready|live|metadata|meta|info)$$|"
    "^/[.]well-known|^/(dashboard|lab|tree|chatui|webui|form|rest/settings|public|hub/home)"
)
#: A request that sends less asks nothing: keep-alives, lists of conversations.
ASKED_BYTES = 1000
_DAY_US = 86_400_000_000


def count_day(connection: duckdb.DuckDBPyConnection, day: date, *, zone: str) -> None:
    """Makes `counted` and `eyes` for `day`; hours follow the clock of `zone`."""
    values = _values(day, zone)
    _attribute(connection, values)
    connection.execute(_step("4_records", values))
    ranks = _ranks(connection)
    for better, rank in pairwise(ranks):
        connection.execute(_step("6_cover", values | {"rank": better}))
        connection.execute(_step("5_covered", values | {"rank": rank}))
    connection.execute(_step("7_counted", values))
    connection.execute(_step("8_servers", values))
    connection.execute(_step("9_rhythm", values))
    connection.execute(_step("10_models", values))
    connection.execute(_step("11_named", values))


def attribute_day(connection: duckdb.DuckDBPyConnection, day: date) -> None:
    """Makes `attributed` for `day`: who was behind each event."""
    _attribute(connection, _values(day, "UTC"))


def _attribute(connection: duckdb.DuckDBPyConnection, values: dict[str, int | float | str]) -> None:
    connection.execute(_step("1_events", values))
    while _alike(connection):
        values["salt"] = int(values["salt"]) + 1
        connection.execute(_step("1_events", values))
    for step in ("2_held", "3_attributed"):
        connection.execute(_step(step, values))


def _alike(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether two contexts or targets have the same hash: by another salt they have not."""
    row = connection.execute(
        "SELECT (SELECT COUNT(*) - COUNT(DISTINCT told) FROM contexts) "
        "+ (SELECT COUNT(*) - COUNT(DISTINCT told) FROM targets)"
    ).fetchone()
    return row is not None and bool(row[0])


def _values(day: date, zone: str) -> dict[str, int | float | str]:
    """What the steps are completed with."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
    return {
        "zone": zone,
        "salt": 0,
        "day_start": start,
        "day_end": start + _DAY_US,
        "day_at": f"TIMESTAMPTZ '{day} 00:00:00+00'",
        "next_at": f"TIMESTAMPTZ '{day + timedelta(days=1)} 00:00:00+00'",
        "horizon": start + 2 * _DAY_US,
        "tolerance": TOLERANCE_US,
        "crowd": CROWD,
        "stale": STALE,
        "public": PUBLIC_PATHS,
        "asked": ASKED_BYTES,
    }


def on_day(day: date) -> str:
    """Condition on `directory`: rows that can say who was who on `day`."""
    after = day + timedelta(days=1)
    return (
        f"(valid_from IS NULL OR valid_from < TIMESTAMPTZ '{after} 00:00:00+00') "
        f"AND (valid_to IS NULL OR valid_to > TIMESTAMPTZ '{day} 00:00:00+00')"
    )


def neighbours(day: date) -> tuple[date, date, date]:
    """The days whose rows decide how `day` is counted."""
    return day - timedelta(days=1), day, day + timedelta(days=1)


def _ranks(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """Ranks of the vantages that have records, the best first."""
    found = connection.execute("SELECT DISTINCT vantage_rank FROM records ORDER BY vantage_rank").fetchall()
    return [rank for (rank,) in found]


def _step(name: str, values: dict[str, int | float | str]) -> str:
    return Template((STEPS / f"{name}.sql").read_text("utf-8")).substitute(values)
