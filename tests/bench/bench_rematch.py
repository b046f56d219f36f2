"""Stored sightings called by today's catalog: how many rows a second, without reading or writing files.

    python tests/bench/bench_rematch.py [rows]

The rows are of 3,000 hosts with four agents and 250 servers, in connections of three slices. One row in
fifty was another service when it was stored, so that there is something to restate.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[2]))

from sensor import schema
from sensor.catalog.load import load
from sensor.match.grade import grade
from sensor.match.index import Index
from sensor.match.match import match
from sensor.match.reclassify import reclassify, totals
from tests.bench import measure

ROWS = 500_000
SEED = 7
HOSTS = 3_000
ROUNDS = 3
NOTHING_BEFORE = {"key": pl.UInt64(), "before_bytes_up": pl.Int64(), "before_bytes_down": pl.Int64()}


def stored(index: Index, rows: int) -> pl.DataFrame:
    """`rows` sightings as a lake keeps them."""
    is_name = pl.col("kind").is_in(["domain", "suffix"]) & (pl.col("role") == "use")
    hosts = pl.Series(random.Random(SEED).choices(index.rows.filter(is_name)["value"].to_list(), k=HOSTS))
    number = pl.int_range(rows, eager=True)
    agents = pl.Series([None, "claude-cli/", "curl/", "Mozilla/"])
    seen = schema.OBSERVATIONS.conform(
        pl.DataFrame(
            {
                "host": hosts.gather(number.hash(SEED) % HOSTS),
                "user_agent": agents.gather(number.hash(SEED + 1) % 4),
                "server": "198.51.100." + (number.hash(SEED + 2) % 250).cast(pl.String),
                "server_port": pl.repeat(443, rows, eager=True),
                "kind": pl.repeat("tls", rows, eager=True),
                "name_from": pl.repeat("sni", rows, eager=True),
            }
        )
    )
    hits = match(seen, index).with_columns(
        bytes_up=(pl.int_range(pl.len()).hash(SEED + 3) % 100_000).cast(pl.Int64),
        bytes_down=(pl.int_range(pl.len()).hash(SEED + 4) % 1_000_000).cast(pl.Int64),
        connection=pl.int_range(pl.len()) // 3,
        slice=pl.int_range(pl.len()) % 3,
        sensor=pl.lit("bench"),
    )
    called = pl.when(pl.int_range(pl.len()) % 50 == 0).then(pl.lit("old/name")).otherwise("app")
    weighed = hits.with_columns(
        total_bytes_up=pl.col("bytes_up").cum_sum().over("connection"),
        total_bytes_down=pl.col("bytes_down").cum_sum().over("connection"),
    )
    signature = pl.concat_str(called, pl.col("signature").str.extract(r"(#.*)$"))
    return schema.SIGHTINGS.conform(hits.with_columns(grade=grade(weighed), app=called, signature=signature))


def main() -> None:
    """Print rows a second and a processor's second, the best of some rounds."""
    index = Index.build(load().indicators)
    sightings = stored(index, int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
    wall_s, cpu_s, changed = [], [], 0
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        changed = reclassify(totals(sightings, pl.DataFrame(schema=NOTHING_BEFORE)), index).height
        wall_s.append(time.perf_counter() - wall)
        cpu_s.append(time.process_time() - cpu)
    rows = sightings.height
    measure.require(changed > 0.9 * rows / 50, changed)
    print(f"{rows:,} sightings, {changed:,} called otherwise")
    print(f"rematch     {rows / min(wall_s) / 1e6:.2f} M/s, {rows / min(cpu_s) / 1e6:.2f} M per CPU second")


if __name__ == "__main__":
    main()
