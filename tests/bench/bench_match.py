"""Matching 10 M rows with 200 k distinct names, against the walk everybody writes first.

    python tests/bench/bench_match.py [rows]

The peer looks up every suffix of every row's name in a dictionary. It runs on the first tenth of
the rows, and both must agree there on every hit.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[2]))

from sensor.catalog.load import load
from sensor.match.index import Index
from sensor.match.match import match

ROWS = 10_000_000
NAMES = 200_000
SEED = 7
#: Share of names that lie below one of the catalog's.
KNOWN_SHARE = 0.05


def names(indicators: pl.DataFrame) -> list[str]:
    """Distinct host names: mostly unknown, some below the catalog's, with look-alikes, dots and capitals."""
    rng = random.Random(SEED)
    known = indicators.filter(pl.col("kind").is_in(["domain", "suffix"]))["value"].to_list()
    made: list[str] = []
    for number in range(NAMES):
        host = f"h{number}.site{number % 40_000}.example.{rng.choice(['com', 'net', 'org', 'co.uk'])}"
        if rng.random() < KNOWN_SHARE:
            host = f"{rng.choice(['', 'www.', f'x{number}.', 'not'])}{rng.choice(known)}"
        made.append(rng.choice([host, host, host, f"{host}.", host.upper()]))
    return made


def observations(hosts: list[str], rows: int) -> pl.DataFrame:
    """`rows` observations whose names follow a Zipf-like law over `hosts`."""
    uniform = pl.Series(range(1, rows + 1), dtype=pl.Int64).hash(SEED).cast(pl.Float64) / 2**64
    rank = (uniform * pl.Series([float(len(hosts))]).log()[0]).exp().cast(pl.Int64) - 1
    return pl.DataFrame({"host": pl.Series(hosts)[rank.clip(0, len(hosts) - 1)]})


def walk(hosts: list[str], indicators: pl.DataFrame) -> int:
    """Number of hits found by looking up every suffix of every name, one row after the other."""
    named = indicators.filter(pl.col("kind").is_in(["domain", "suffix"]))
    exact = set(named.filter(pl.col("kind") == "domain")["value"])
    suffixes = set(named.filter(pl.col("kind") == "suffix")["value"])
    hits = 0
    for raw in hosts:
        host = raw.lower().removesuffix(".")
        rest = host
        found = host in exact
        while not found and rest:
            found = rest in suffixes
            rest = rest.partition(".")[2]
        hits += found
    return hits


def main() -> None:
    """Print the speed of both (per CPU second too, because machines are shared), and the peak memory."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    indicators = load().indicators.filter(pl.col("kind") != "pattern")
    index = Index.build(indicators)
    frame = observations(names(indicators), rows)
    match(frame.head(1000), index)

    start, start_cpu = time.perf_counter(), time.process_time()
    hits = match(frame, index).height
    ours_s, ours_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu

    sample = frame.head(rows // 10)
    hosts = sample["host"].to_list()
    start, start_cpu = time.perf_counter(), time.process_time()
    walked = walk(hosts, indicators)
    peer_s, peer_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    agreed = match(sample, index).height
    if agreed != walked:
        raise SystemExit(f"disagreement: {agreed} hits, the walk finds {walked}")

    distinct = frame["host"].n_unique()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{rows:,} rows, {distinct:,} distinct names, {indicators.height:,} indicators, {hits:,} hits")
    for name, count, wall_s, cpu_s in (
        ("match", rows, ours_s, ours_cpu_s),
        ("dict walk", len(hosts), peer_s, peer_cpu_s),
    ):
        rates = f"{count / wall_s / 1e6:6.2f} M rows/s, {count / cpu_s / 1e6:6.2f} M rows per CPU second"
        print(f"{name:<10} {count:>12,} rows {wall_s:6.2f} s {rates}")
    print(f"peak memory {peak_mb:,.0f} MB")


if __name__ == "__main__":
    main()
