"""How long a day of sightings takes to become marts, against a plain GROUP BY of the same rows.

    python -m tests.bench.bench_marts [rows]

One core, one day, three vantages: slices of connections seen by packets, the same sessions once more
by a proxy, and lookups. The ratio says more than the seconds, because it travels between machines. Then
every open view that the weekly report reads is asked for all its rows, three times, in new connections.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from analytics.definitions import load_views
from analytics.lake import connect, literal, open_views
from analytics.refresh import refresh
from sensor import schema
from tests.analytics.handmade import CATALOG, SENSORS, ZONE, HandmadeLake, at
from tests.bench import measure

PLAIN = """
SELECT date_trunc('hour', seen_at), user_name, app, access,
       SUM(bytes_up), SUM(bytes_down), COUNT(DISTINCT connection)
FROM read_parquet({files}) GROUP BY ALL
"""
REPORT = Path(__file__).parents[2] / "analytics" / "reports" / "weekly"


def day(rows: int, seed: int = 1) -> pl.DataFrame:
    """A day of about `rows` sightings: 60 % slices, 25 % proxy lines of the same sessions, 15 % lookups."""
    random = np.random.default_rng(seed)
    slices = int(rows * 0.6)
    session = np.sort(random.integers(0, slices // 4, slices))
    first = np.searchsorted(session, session)
    started = random.integers(0, 86_000, slices // 4)
    packets = pl.DataFrame({"session": session, "slice": np.arange(slices) - first}).with_columns(
        kind=pl.lit("tls"), vantage=pl.lit("packets"), sensor=pl.lit("span"), grade=pl.lit(4),
        duration_s=pl.lit(60.0), flow=pl.col("session") + 1, connection=pl.col("session") + 1,
        connections=(pl.col("slice") == 0).cast(pl.Int64),
    )  # fmt: skip
    sessions = np.unique(session)
    lines = pl.DataFrame({"session": random.choice(sessions, int(rows * 0.25))}).with_columns(
        kind=pl.lit("proxy"), vantage=pl.lit("proxy"), sensor=pl.lit("squid"), grade=pl.lit(5),
        duration_s=pl.lit(30.0), connections=pl.lit(1), requests=pl.lit(1),
    )  # fmt: skip
    asked = pl.DataFrame({"session": random.choice(sessions, int(rows * 0.15))}).with_columns(
        kind=pl.lit("dns"),
        vantage=pl.lit("dns"),
        sensor=pl.lit("resolver"),
        grade=pl.lit(1),
        lookups=pl.lit(1),
    )
    both = pl.concat([packets, lines, asked], how="diagonal_relaxed")
    begin = pl.lit(at("2026-11-17 00:00")) + pl.duration(seconds=pl.Series(started)[both["session"]])
    number = pl.col("session")
    return both.with_columns(
        event_id=pl.int_range(pl.len()), started_at=pl.when(pl.col("flow").is_not_null()).then(begin),
        seen_at=(begin + pl.duration(seconds=pl.col("slice").fill_null(0) * 60)).clip(
            None, at("2026-11-18 00:00") - timedelta(seconds=1)
        ),
        user_name=pl.format("u{}", number % 20_000), client=pl.format("a{}", number % 20_000),
        app=pl.format("vendor/app{}", number % 60), host=pl.format("host{}.test", number % 60),
        bytes_up=pl.when(pl.col("kind") != "dns").then(1000),
        bytes_down=pl.when(pl.col("kind") != "dns").then(9000),
        site=pl.lit("hq"), role=pl.lit("use"), action=pl.lit("allowed"), access=pl.lit("web"),
        client_scope=pl.lit("internal"), catalog_version=pl.lit("1"), source=pl.lit("x"), input=pl.lit("i"),
    )  # fmt: skip


def report_views() -> list[str]:
    """Open views that the weekly report's SQL reads."""
    text = " ".join(path.read_text("utf-8") for path in sorted(REPORT.glob("*.sql")))
    read = set(re.findall(r"\b(?:FROM|JOIN)\s+([a-z_]+)", text))
    return [view.name for view in load_views() if view.zone == "open" and view.name in read]


def latency(lake: Path, view: str) -> tuple[float, int]:
    """Median seconds of three readings of a whole view, opening the views file each time; and its rows."""
    took, rows = [], 0
    for _ in range(3):
        begin = time.perf_counter()
        with open_views(lake) as connection:
            rows = len(connection.execute(f"SELECT * FROM {view}").fetchall())
        took.append(time.perf_counter() - begin)
    return statistics.median(took), rows


def counted(lake: Path) -> tuple[int, int]:
    """Connections and lookups that the published weeks add up to."""
    with open_views(lake) as connection:
        totals = (
            "SELECT SUM(connections), SUM(lookups) FROM usage_weekly WHERE department = 'all' AND app = 'all'"
        )
        connections, lookups = connection.execute(totals).fetchall()[0]
    return int(connections), int(lookups)


def main(rows: int = 2_000_000) -> None:
    """Builds the lake, runs both, prints seconds and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        lake = HandmadeLake(Path(folder))
        lake.cold("sensors", SENSORS)
        lake.cold("catalog", CATALOG)
        file = Path(folder) / "restricted/sightings/cold/day=2026-11-17/00000009.parquet"
        file.parent.mkdir(parents=True)
        sightings = schema.SIGHTINGS.conform(day(rows))
        sightings.write_parquet(file)
        lake.files["sightings"]["2026-11-17"] = [str(file.relative_to(folder))]
        lake.write_manifest()
        with connect() as connection:
            connection.execute("SET threads = 1")
            begin = time.perf_counter()
            connection.execute(PLAIN.format(files=literal(file))).fetchall()
            plain = time.perf_counter() - begin
        begin = time.perf_counter()
        built = refresh(lake.path, zone=ZONE)
        took = time.perf_counter() - begin
        made = (
            int(sightings["connections"].filter(sightings["kind"] == "tls").sum()),
            sightings["lookups"].sum(),
        )
        measure.require((found := counted(lake.path)) == made, (found, made))
        asked = {view: latency(lake.path, view) for view in report_views()}
    print(f"{rows:,} sightings: marts {took:.1f} s, plain GROUP BY {plain:.2f} s, ratio {took / plain:.1f}")
    print(f"{rows / took:,.0f} sightings/s into marts, all steps of refresh() together")
    print(f"days {len(built.days)}, weeks {len(built.weeks)}")
    for view, (seconds, count) in asked.items():
        print(f"  {view:20} {seconds * 1000:7.1f} ms  {count:,} rows")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
