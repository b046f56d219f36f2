"""How fast logs are read: Zeek ssl and conn, Squid, Suricata EVE, beside DuckDB's readers and ripgrep.

    python tests/bench/bench_logs.py [--megabytes 64]

DuckDB does the lesser job: it splits columns (and for Squid runs one regular expression per line)
and materialises them; naming, checking, joining, coverage and rejects are ours alone. `rg -F -f` with
a hundred names prints matching lines and knows neither users nor bytes. CPU seconds stand beside
the wall clock, because a busy machine slows both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from sensor.sources import detect
from sensor.sources.open import find

HOSTS = [f"h{number}.example{number % 300}.com" for number in range(5000)]
T0 = 1_700_000_000


def host(rng: random.Random) -> str:
    """A few names are asked for most of the time."""
    return HOSTS[int(rng.paretovariate(0.6)) % len(HOSTS)]


def zeek(log: str, fields: str, rng: random.Random) -> Iterator[str]:
    names = fields.split()
    yield from ("#separator \\x09", f"#path\t{log}", "#fields\t" + "\t".join(names))
    number = 0
    while True:
        number += 1
        head = f"{T0 + number / 1000:.6f}\tC{number:017x}\t10.1.{number % 50}.{number % 49}"
        ends = f"{head}\t{40000 + number % 20000}\t104.18.{number % 97}.{number % 251}\t443"
        if log == "ssl":
            yield f"{ends}\tTLSv13\tTLS_AES_128_GCM_SHA256\tx25519\t{host(rng)}\tF\t-\th2\tT\tCsiI\t-\t-\t-"
        else:
            size = rng.randint(100, 99999)
            yield (
                f"{ends}\ttcp\tssl\t{number % 97}.5\t{size}\t{size * 7}\tSF\tT\tF\t0\tShADadFf"
                f"\t{size // 900 + 3}\t{size + 600}\t{size // 300 + 3}\t{size * 7 + 900}\t-"
            )


ID = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p"
SSL = f"{ID} version cipher curve server_name resumed last_alert next_protocol established ssl_history"
SSL += " cert_chain_fps client_cert_chain_fps sni_matches_cert"
CONN = f"{ID} proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes"
CONN += " history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"


def squid(rng: random.Random, *, ours: bool) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        client, server = f"10.1.{number % 50}.{number % 49}", f"104.18.{number % 251}.7"
        at = f"{T0 + number // 100}.{rng.randint(0, 999):03d} {rng.randint(1, 99999):6d} {client}"
        name, size = host(rng), rng.randint(100, 99999)
        if ours:
            yield (
                f"{at} user{number % 500} CONNECT {name}:443 200 TCP_TUNNEL:HIER_DIRECT {size // 9} {size} "
                f'{name} "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/{number % 50}.0"'
            )
        elif number % 2:
            yield f"{at} TCP_TUNNEL/200 {size} CONNECT {name}:443 user{number % 500} HIER_DIRECT/{server} -"
        else:
            yield f"{at} TCP_MISS/200 {size} GET http://{name}/c{number}?x=1 - HIER_DIRECT/{server} text/html"


def eve(rng: random.Random) -> Iterator[str]:
    """A lookup, a TLS hello and the flow of each connection."""
    number = 0
    while True:
        number += 1
        at = f"2026-10-06T{10 + number // 3600000 % 10}:{number // 60000 % 60:02}:{number // 1000 % 60:02}"
        name, size = host(rng), rng.randint(100, 99999)
        ends = {
            "timestamp": f"{at}.{number % 1000:03}123+0000",
            "flow_id": 10**15 + number * 7919,
            "in_iface": "eth1",
            "src_ip": f"10.1.{number % 50}.{number % 49}",
            "src_port": 40000 + number % 20000,
        }
        asked = {
            "type": "query",
            "id": number % 65536,
            "rrname": name,
            "rrtype": "A",
            "tx_id": 0,
            "opcode": 0,
        }
        there = {"dest_ip": f"104.18.{number % 97}.{number % 251}", "dest_port": 443, "proto": "TCP"}
        hello = {"sni": name, "version": "TLS 1.3", "ja4": "t13d1516h2_8daaf6152771_b0da82dd1658"}
        counts = {
            "bytes_toserver": size,
            "bytes_toclient": size * 7,
            "start": ends["timestamp"],
            "state": "closed",
        }
        yield json.dumps(
            ends
            | {"event_type": "dns", "dest_ip": "10.0.0.53", "dest_port": 53, "proto": "UDP", "dns": asked}
        )
        yield json.dumps(ends | there | {"event_type": "tls", "tls": hello})
        yield json.dumps(ends | there | {"event_type": "flow", "app_proto": "tls", "flow": counts})


EVE = (
    "select event_type, src_ip, dest_ip, coalesce(tls.sni, dns.rrname) as host, flow "
    "from read_json('{path}', "
    "format='newline_delimited', columns={{event_type: 'VARCHAR', src_ip: 'VARCHAR', dest_ip: 'VARCHAR', "
    "tls: 'STRUCT(sni VARCHAR)', dns: 'STRUCT(rrname VARCHAR)', "
    "flow: 'STRUCT(bytes_toserver BIGINT, bytes_toclient BIGINT)'}})"
)


def ripgrep(path: Path) -> int:
    """Lines that hold one of a hundred names."""
    names = path.with_suffix(".names")
    names.write_text("\n".join(HOSTS[::50]) + "\n")
    done = subprocess.run(["rg", "-c", "-F", "-f", names, path], capture_output=True, text=True, check=False)
    return int(done.stdout or 0)


def write(path: Path, lines: Iterator[str], size: int) -> None:
    with path.open("w") as out:
        while out.tell() < size:
            out.writelines(f"{next(lines)}\n" for _ in range(1000))


def ours(path: Path) -> int:
    """Read a file as `shadowai scan` does, up to the observations."""
    rows = 0
    for kind, source_input in detect.plan(find([path]).files).inputs:
        for batch in kind().read(source_input):
            rows += batch.frames["observations"].height
    return rows


def duck(query: str) -> Callable[[Path], int]:
    def run(path: Path) -> int:
        with duckdb.connect() as con:
            con.execute(f"create temp table t as {query.format(path=path)}")
            return int(con.execute("select count(*) from t").fetchall()[0][0])

    return run


TSV = (
    "select * from read_csv('{path}', delim='\t', header=false, comment='#', quote='', "
    "auto_detect=false, columns={columns})"
)
NATIVE = r"^(\d+\.\d+) +(\d+) (\S+) ([A-Z_]+)/(\d+) (\d+) (\S+) (\S+) (\S+) ([A-Z_]+)/(\S+) (\S+)"
OURS = r'^(\d+\.\d+) +(\d+) (\S+) (\S+) (\S+) (\S+) (\d+) ([A-Z_]+):([A-Z_]+) (\d+) (\d+) (\S+) "([^"]*)"'


def columns(fields: str) -> str:
    """The query that splits a Zeek log, with `{path}` still open."""
    types = ", ".join(f"'{name}': 'VARCHAR'" for name in fields.split())
    return TSV.replace("{columns}", "{{" + types + "}}")


def lines(pattern: str, count: int) -> str:
    """The query that takes a Squid log apart, with `{path}` still open."""
    names = ", ".join(f"'c{number}'" for number in range(count))
    return (
        f"select unnest(regexp_extract(line, '{pattern}', [{names}])) from "
        "read_csv('{path}', delim='\x01', header=false, quote='', auto_detect=false, "
        "columns={{'line': 'VARCHAR'}})"
    )


def best(run: Callable[[Path], int], path: Path, repeats: int = 3) -> tuple[float, float, int]:
    """The shortest wall clock, the least CPU time (ours and children's), and the rows."""
    wall, cpu, rows = [], [], 0
    for _ in range(repeats):
        begin, used = time.perf_counter(), _cpu()
        rows = run(path)
        wall.append(time.perf_counter() - begin)
        cpu.append(_cpu() - used)
    return min(wall), min(cpu), rows


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--megabytes", type=int, default=64)
    size = options.parse_args().megabytes * 1_000_000
    rng = random.Random(1)
    cases = {
        "zeek ssl": (zeek("ssl", SSL, rng), columns(SSL)),
        "zeek conn": (zeek("conn", CONN, rng), columns(CONN)),
        "squid native": (squid(rng, ours=False), lines(NATIVE, 12)),
        "squid ours": (squid(rng, ours=True), lines(OURS, 13)),
        "suricata eve": (eve(rng), EVE),
    }
    heads = ("input", "MB", "M rows/s", "GB/s", "GB/cpu s", "duckdb", "cpu", "rg", "cpu")
    print("{:14} {:>5} {:>9} {:>7} {:>9} {:>7} {:>7} {:>7} {:>7}".format(*heads))
    with tempfile.TemporaryDirectory() as folder:
        for name, (text, query) in cases.items():
            path = Path(folder) / f"{name.replace(' ', '-')}.log"
            write(path, text, size)
            gb = path.stat().st_size / 1e9
            wall, cpu, rows = best(ours, path)
            line = f"{name:14} {gb * 1000:5.0f} {rows / wall / 1e6:9.2f} {gb / wall:7.3f} {gb / cpu:9.3f}"
            others = [duck(query), *([ripgrep] if shutil.which("rg") else [])]
            for other in others:
                wall, cpu, _ = best(other, path)
                line += f" {gb / wall:7.3f} {gb / cpu:7.3f}"
            print(line)


if __name__ == "__main__":
    main()
