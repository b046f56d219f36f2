"""Holds the written cases against tshark: names, byte counts, nothing unexplained."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

Row = dict[str, Any]
TOLERANCE = 0.01
MATCH_WINDOW_S = 1.0  # between the first packet and the server's accept
MAX_MEGABYTES = 30
FIELDS = (
    "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport",
    "tcp.seq", "tcp.len", "tcp.flags.syn", "udp.srcport", "udp.dstport", "udp.length",
    "tls.handshake.extensions_server_name", "http.host",
)  # fmt: skip


class Flow:
    """What tshark saw of one five-tuple."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.names: set[str] = set()
        self.up = self.down = 0


def check_cases(out: Path) -> list[str]:
    """All problems found in the folder, one line each."""
    problems = []
    for case in sorted(path.parent for path in out.glob("*/case.yml")):
        captures = sorted(path for path in case.iterdir() if ".pcap" in path.name)
        if captures:
            problems += [f"{case.name}: {problem}" for problem in check_case(case, captures)]
        if (case / "conn.log").exists():
            problems += [f"{case.name}: {problem}" for problem in check_zeek_logs(case)]
    return problems + check_folder(out)


def check_case(case: Path, captures: list[Path]) -> list[str]:
    """Compare every expected connection with tshark's view, and look for connections not expected."""
    expected = read_rows(case / "expected.jsonl")
    flows = [item for capture in captures for item in read_flows(capture).items()]
    if expected and "lookups" in expected[0]:
        return [f"connection to {key[2]} in a case of lookups" for key, _ in flows if key[3] in (80, 443)]
    ports = {80, 443} | {row["server_port"] for row in expected}
    by_key: dict[tuple[Any, ...], list[Flow]] = defaultdict(list)
    for key, flow in flows:
        if key[3] in ports:
            by_key[key].append(flow)
    problems = []
    for row in expected:
        found = take(by_key, row)
        problems += ["not captured: " + describe(row)] if found is None else compare(row, found)
    for key, rest in by_key.items():
        problems += [f"captured but not expected: {key} {flow.up}+{flow.down} bytes" for flow in rest]
    return problems


def check_zeek_logs(case: Path) -> list[str]:
    """Every expected connection is a line of conn.log with its bytes, named by the log its uid leads to."""
    logs = {name: read_zeek_log(case / f"{name}.log") for name in ("conn", "ssl", "quic", "http")}
    names = {
        row["uid"]: row.get("server_name") or row["host"] for n in logs if n != "conn" for row in logs[n]
    }
    by_key = {
        (row["id.orig_h"], int(row["id.orig_p"]), row["id.resp_h"], int(row["id.resp_p"]), row["proto"]): row
        for row in logs["conn"]
    }
    problems = []
    for expected in read_rows(case / "expected.jsonl"):
        row = by_key.get(key_of(expected))
        if row is None:
            problems.append(f"not in conn.log: {describe(expected)}")
            continue
        flow = Flow(float(row["ts"]))
        flow.up, flow.down = int(row["orig_bytes"]), int(row["resp_bytes"])
        flow.names.update({names[row["uid"]]} if row["uid"] in names else ())
        problems += compare(expected, flow)
    return problems


def read_zeek_log(path: Path) -> list[dict[str, str]]:
    """The rows of a tab-separated Zeek log."""
    lines = path.read_text().splitlines()
    columns = next(line for line in lines if line.startswith("#fields")).split("\t")[1:]
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def key_of(row: Row) -> tuple[Any, ...]:
    """The five-tuple of an expected row."""
    return tuple(row[name] for name in ("client", "client_port", "server", "server_port", "transport"))


def take(flows: dict[tuple[Any, ...], list[Flow]], row: Row) -> Flow | None:
    """The flow of the row, removed from those still to be explained."""
    key = key_of(row)
    started = datetime.fromisoformat(row["started_at"]).timestamp()
    for flow in flows.get(key, []):
        if abs(flow.started - started) < MATCH_WINDOW_S:
            flows[key].remove(flow)
            return flow
    return None


def compare(row: Row, flow: Flow) -> list[str]:
    """Differences between what the servers counted and what tshark sees."""
    problems = []
    # Two kinds of connections carry no name: a socket opened ahead and closed unused, and Chromium's
    # probe of a QUIC path from a new port (short headers only), which these servers never answer.
    # And some protocols have none.
    unanswered = row["transport"] == "udp" and row["bytes_down"] == 0
    nameless = row["bytes_up"] == 0 or unanswered or row["host"] is None
    if flow.names != {row["host"]} and (flow.names or not nameless):
        problems.append(f"name {sorted(flow.names)}: {describe(row)}")
    for side, seen in (("bytes_up", flow.up), ("bytes_down", flow.down)):
        if abs(seen - row[side]) > TOLERANCE * max(row[side], 1):
            problems.append(f"{side} {seen} on the wire: {describe(row)}")
    return problems


def describe(row: Row) -> str:
    """A row in a few words."""
    return (
        f"{row['started_at']} {row['client']}:{row['client_port']} {row['transport']} {row['host']} "
        f"{row['bytes_up']}+{row['bytes_down']} bytes"
    )


def read_flows(capture: Path) -> dict[tuple[Any, ...], Flow]:
    """Flows by (client, port, server, port, transport); the client is who sent first."""
    flows: dict[tuple[Any, ...], Flow] = {}
    for packet in read_packets(capture):
        transport = "tcp" if packet["tcp.srcport"] else "udp"
        if not packet[f"{transport}.srcport"]:
            continue
        source = (packet["ip.src"] or packet["ipv6.src"], int(packet[f"{transport}.srcport"]))
        target = (packet["ip.dst"] or packet["ipv6.dst"], int(packet[f"{transport}.dstport"]))
        up = (*source, *target, transport) in flows or (*target, *source, transport) not in flows
        key = (*source, *target, transport) if up else (*target, *source, transport)
        flow = flows.setdefault(key, Flow(float(packet["frame.time_epoch"])))
        count(flow, packet, transport, up)
        names = packet["tls.handshake.extensions_server_name"].split(",") + packet["http.host"].split(",")
        flow.names.update(name.partition(":")[0] for name in names if name)  # no host here is IPv6
    return flows


def count(flow: Flow, packet: dict[str, str], transport: str, up: bool) -> None:
    """Add a packet's payload: TCP by the furthest sequence number, so that nothing counts twice."""
    side = "up" if up else "down"
    if transport == "udp":
        setattr(flow, side, getattr(flow, side) + int(packet["udp.length"]) - 8)
    elif packet["tcp.len"] != "0":
        reached = int(packet["tcp.seq"]) + int(packet["tcp.len"]) - 1
        setattr(flow, side, max(getattr(flow, side), reached))


def read_packets(capture: Path) -> list[dict[str, str]]:
    """The chosen fields of every packet, by tshark (which reads .zst itself)."""
    command = ["tshark", "-r", str(capture), "-n", "-T", "fields", "-E", "separator=/t"]
    command += [part for name in FIELDS for part in ("-e", name)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in text.splitlines()]


def check_folder(out: Path) -> list[str]:
    """No private key in any file, and not too big to commit."""
    files = [path for path in out.rglob("*") if path.is_file()]
    keys = [path for path in files if b"PRIVATE KEY" in path.read_bytes()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    problems = [f"{path}: a private key" for path in keys]
    if megabytes > MAX_MEGABYTES:
        problems.append(f"{megabytes:.1f} MB is more than {MAX_MEGABYTES}")
    return problems
