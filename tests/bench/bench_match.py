"""Matching 50 M rows with 200 k distinct names, one name at a time, with ever more indicators, and loading.

    python tests/bench/bench_match.py [rows]

The rows come in batches, as a source gives them. The peer is the walk everybody writes first: look up
every suffix of every row's name in a dictionary. It runs on the first batch, and both must agree
there on every hit.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[2]))

from sensor.catalog import cache
from sensor.catalog.load import BUILT_IN, compiled, load
from sensor.match.index import Index
from sensor.match.lookup import Lookup
from sensor.match.match import match

ROWS = 50_000_000
BATCH = 1_000_000
NAMES = 200_000
SEED = 7
#: Share of names that lie below one of the catalog's.
KNOWN_SHARE = 0.05
#: Sizes of the catalog between which the cost of a row should not change.
SIZES = (2_000, 10_000, 50_000)


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


def batches(hosts: list[str], rows: int) -> Iterator[pl.DataFrame]:
    """`rows` observations whose names follow a Zipf-like law over `hosts`."""
    all_hosts = pl.Series(hosts)
    scale = pl.Series([float(len(hosts))]).log()[0]
    for start in range(0, rows, BATCH):
        numbers = pl.int_range(start, min(start + BATCH, rows), eager=True)
        rank = (numbers.hash(SEED).cast(pl.Float64) / 2**64 * scale).exp().cast(pl.Int64) - 1
        yield pl.DataFrame({"host": all_hosts[rank.clip(0, len(hosts) - 1)]})


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


class Watch:
    """Wall and processor seconds, added up over the stretches that are measured."""

    wall_s = cpu_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu

    def rate(self, count: int) -> str:
        return f"{count / self.wall_s / 1e6:6.2f} M/s, {count / self.cpu_s / 1e6:6.2f} M per CPU second"


def streamed(index: Index, hosts: list[str], rows: int) -> tuple[Watch, int]:
    """Time and number of hits of `rows` rows; making the rows is not measured."""
    watch, hits = Watch(), 0
    for frame in batches(hosts, rows):
        with watch.running():
            hits += match(frame, index).height
    return watch, hits


def one_by_one(index: Index, hosts: list[str]) -> Watch:
    """Time of asking for one name after the other, nothing remembered before the first."""
    find, watch = Lookup(index.names.table).find, Watch()
    with watch.running():
        for host in hosts:
            find(host)
    return watch


def grown(indicators: pl.DataFrame, size: int) -> pl.DataFrame:
    """`size` indicators: the catalog's, then made-up domains."""
    missing = max(0, size - indicators.height)
    row = indicators.filter(pl.col("kind") == "suffix").head(1)
    more = pl.concat([row] * missing) if missing else row.clear()
    value = pl.concat_str(pl.lit("made-up-"), pl.int_range(more.height).cast(pl.String), pl.lit(".example"))
    return pl.concat([indicators, more.with_columns(value=value)]).head(size)


def loading() -> Iterator[tuple[str, Watch]]:
    """Compiling the catalog from its files, and loading what was compiled (the second time)."""
    watch = Watch()
    with watch.running():
        compiled([BUILT_IN])
    yield "cold compile", watch
    with tempfile.TemporaryDirectory() as folder:
        cache.SETTLED_NS = 0
        load(cache=Path(folder))
        load(cache=Path(folder))
        watch = Watch()
        with watch.running():
            Index.build(load(cache=Path(folder)).indicators)
        yield "load and index", watch


def main() -> None:
    """Print the speed of all (per CPU second too, because machines are shared), and the peak memory."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    catalog = load()
    indicators = catalog.indicators.filter(~pl.col("kind").is_in(["pattern", "url", "label"]))
    index = Index.build(indicators)
    hosts = names(indicators)
    first = next(batches(hosts, BATCH))
    walking = Watch()
    with walking.running():
        walked = walk(first["host"].to_list(), indicators)
    if (agreed := match(first, Index.build(indicators)).height) != walked:
        raise SystemExit(f"disagreement: {agreed} hits, the walk finds {walked}")

    watch, hits = streamed(index, hosts, rows)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{rows:,} rows, {len(set(hosts)):,} names, {indicators.height:,} indicators, {hits:,} hits")
    print(f"match       {watch.rate(rows)}; peak memory {peak_mb:,.0f} MB")
    print(f"dict walk   {walking.rate(first.height)}")
    print(f"single      {one_by_one(index, first['host'].to_list()).rate(first.height)}")
    distinct = list(dict.fromkeys(hosts))
    print(f"single, new {one_by_one(index, distinct).rate(len(distinct))}")
    of_all_sizes = names(grown(indicators, SIZES[0]))
    for size in SIZES:
        grown_index = Index.build(grown(indicators, size))
        streamed(grown_index, of_all_sizes, BATCH * 3)
        watch, _ = streamed(grown_index, of_all_sizes, BATCH * 10)
        print(f"{size:>6,} indicators {watch.rate(BATCH * 10)}")
    for name, watch in loading():
        print(f"{name}: {catalog.services.height:,} services, {catalog.indicators.height:,} indicators, "
              f"{watch.wall_s * 1000:,.0f} ms, {watch.cpu_s * 1000:,.0f} ms of a processor")  # fmt: skip


if __name__ == "__main__":
    main()
