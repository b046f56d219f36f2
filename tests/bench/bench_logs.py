"""`shadowai scan` of logs as a whole process, beside what people do today with the same file.

    python tests/bench/bench_logs.py [--megabytes 1000] [--runs 1] [--only NAME …]

Ours: into a new lake, with names rollup, privacy, Parquet, compaction and marts. Peers do less: `rg -F -f
domains` (`grep` where there is no rg) prints matching lines and knows neither users, bytes nor services;
DuckDB reads the wanted columns, joins the distinct names with the same domains by suffix, and sums by client.
Ratios are of wall clock in the same run: above 1 the peer is faster. The logs are described in `logs.py`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import zstandard

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import logs, measure
from tests.bench.measure import Measured

#: no names stand in them: nothing for the peers to find
_NAMELESS = ("zeek-conn",)
_FILES = {"zeek-ssl": "ssl.log", "zeek-conn": "conn.log", "eve": "eve.json"}
_CSV = (
    "read_csv('{path}', delim='{sign}', header=false, quote='', auto_detect=false, "
    "columns={{{columns}}}{more})"
)
_NATIVE = r"^\S+ +\d+ (\S+) \S+ (\d+) \S+ (?:[a-z]+://)?([^/: ]+)"
_OURS = r"^\S+ +\d+ (\S+) \S+ \S+ ([^/: ]+)(?::\d+)? \S+ \S+ (\d+)"
_EVE = (
    "(select src_ip as client, tls.sni as host, 0 as bytes from read_json('{path}', "
    "format='newline_delimited', columns={{'src_ip': 'VARCHAR', 'tls': 'STRUCT(sni VARCHAR)'}}))"
)
_PEER = """
import sys, duckdb
query, domains = sys.argv[1:]
duckdb.sql("set threads = 2")
duckdb.sql("create table domains as select column0 as domain from read_csv('" + domains + "', header=false)")
summed = "select client, host, sum(bytes) as bytes, count(*) as n from "
duckdb.sql("create table t as " + summed + query + " group by all")
print(duckdb.sql('''
    with names as (select distinct host from t where host is not null),
    endings as (select host, unnest(list_transform(range(1, len(string_split(host, '.')) + 1),
        lambda k: array_to_string(string_split(host, '.')[k:], '.'))) as domain from names),
    hits as (select host, max(domain) as domain from endings join domains using (domain) group by host)
    select domain, count(distinct client), sum(bytes), sum(n) from t join hits using (host) group by domain
''').fetchall()[0])
"""


def table_of(log: str, path: Path) -> str:
    """The SQL that reads client, host and bytes of a log."""
    if log.startswith("zeek"):
        fields = logs.SSL if log == "zeek-ssl" else logs.CONN
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in fields.split())
        host, size = (
            ("server_name", "0") if log == "zeek-ssl" else ('"id.resp_h"', "try_cast(orig_bytes as bigint)")
        )
        whole = _CSV.format(path=path, sign="\t", columns=columns, more=", comment='#'")
        return f'(select "id.orig_h" as client, {host} as host, {size} as bytes from {whole})'
    if log == "eve":
        return _EVE.format(path=path)
    names = "['client', 'bytes', 'host']" if log == "squid" else "['client', 'host', 'bytes']"
    pattern = _NATIVE if log == "squid" else _OURS
    whole = _CSV.format(path=path, sign="\x01", columns="'line': 'VARCHAR'", more="")
    read = f"select regexp_extract(line, '{pattern}', {names}) as f from {whole}"
    return f"(select f.client, f.host, try_cast(f.bytes as bigint) as bytes from ({read}))"


def domains(folder: Path) -> Path:
    """The names of the catalog, one a line."""
    from sensor.catalog.load import load
    from sensor.match.index import Index

    path = folder / "domains.txt"
    tails = Index.build(load(cache=folder / "catalog").indicators).names.table["tail"]
    names = tails.filter(tails.str.contains(".", literal=True)).unique().sort()
    path.write_text("\n".join(names) + "\n")
    return path


def packed(path: Path) -> Path:
    """The same file compressed by zstd at its default level."""
    target = path.with_name(path.name + ".zst")
    with path.open("rb") as plain, target.open("wb") as out:
        zstandard.ZstdCompressor().copy_stream(plain, out)
    return target


def show(name: str, gb: float, result: Measured, ours: Measured | None = None) -> None:
    """One row of the table."""
    text = f"{name:34} {result.seconds:8.2f} s {gb / result.seconds:7.3f} GB/s"
    text += f" {gb / result.processor_s:7.3f} GB/cpu-s {result.peak_mb:6.0f} MB"
    print(text + (f"  {ours.seconds / result.seconds:6.2f} × ours" if ours else ""), flush=True)


def case(log: str, worst: bool, folder: Path, names: Path, megabytes: int, runs: int) -> None:
    """One log: ours, ours packed, and the peers."""
    path = folder / "input" / _FILES.get(log, "access.log")
    path.parent.mkdir(exist_ok=True)
    lines = logs.write(path, log, megabytes * 1_000_000, worst=worst)
    gb, kind = path.stat().st_size / 1e9, "worst" if worst else "zipf"
    ours = measure.measure(measure.scan(path, folder), runs)
    found = measure.held(folder)
    # a hundredth of the connections is of AI services; a connection has five lines at most
    measure.require(found.records == lines and (log in _NAMELESS or found.sightings > lines / 1000), found)
    show(f"{log}, {kind}", gb, ours)
    if not worst:
        small = packed(path)
        show("  the same as .zst", gb, measure.measure(measure.scan(small, folder), runs), ours)
        small.unlink()
    if log in _NAMELESS:
        path.unlink()
        return
    finder = shutil.which("rg") or shutil.which("grep")
    if finder:
        words = [finder, "-c", "-F", "-f", str(names), str(path)]
        show(f"  {Path(finder).name} -F -f domains", gb, measure.measure(words, runs), ours)
    words = [sys.executable, "-c", _PEER, table_of(log, path), str(names)]
    show("  DuckDB, suffix join", gb, measure.measure(words, runs), ours)
    path.unlink()


def main() -> None:
    """Write the logs one after the other, and measure."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--megabytes", type=int, default=1000)
    options.add_argument("--runs", type=int, default=1)
    options.add_argument("--only", nargs="*", default=list(logs.LOGS), choices=list(logs.LOGS))
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = domains(folder)
        first = folder / "first.json"
        logs.write(first, "eve", 6_000_000)
        start = measure.measure(
            measure.scan(first, folder), 1
        )  # compiles the catalog and the scanner of JSON
        print(f"{chosen.megabytes} MB each; 6 MB before anything is compiled: {start.seconds:.1f} s")
        for log in chosen.only:
            for worst in (False, True):
                case(log, worst, folder, names, chosen.megabytes, chosen.runs)


if __name__ == "__main__":
    main()
