"""Holds our decoder against tshark on every capture below a folder: names, connections and bytes.

    python tests/conformance.py DIR [--json] [--jobs 2] [--seconds 60] [--no-bytes]

One line per capture and a total; exit code 1 if anything differs. What is compared:

- names: (client, its port, server, its port, transport) -> hosts. Ours: rows named by SNI (TLS, QUIC),
  HTTP Host or DNS question. tshark's: tls.handshake.extensions_server_name, gquic.tag.sni, http.host,
  http2.headers.authority, dns.qry.name, of the innermost layer, with tcp.reassemble_out_of_order.
  A connection we name by one of several names that tshark sees (further requests) is no difference.
- bytes: per TCP connection, payload of both directions less what was acknowledged but never seen, against
  the union of the sequence ranges [tcp.seq_raw, + tcp.len) that tshark prints, without resets.

Our side runs in a child of its own for each capture, so a crash or an endless loop is one loud line.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

#: client, its port, server, its port, transport
Flow = tuple[str, int, str, int, str]
Names = dict[Flow, set[str]]
Volumes = dict[frozenset[tuple[str, int]], int]

CAPTURE_NAME = re.compile(r"\.(pcap|pcapng|cap|ntar|dmp|trc|snoop|erf)\d*(\.gz|\.zst)?$", re.IGNORECASE)
OWN_NAMES = ("sni", "quic_sni", "http_host", "qname")
#: how much a connection's payload may differ, as a share or in bytes, before it is told
SHARE, BYTES = 0.01, 1
SHOWN = 5
UNRECOGNISED = "not recognised as a capture"

FIELDS = (
    "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport",
    "udp.srcport", "udp.dstport", "tcp.stream", "tcp.seq_raw", "tcp.len", "tcp.flags.reset",
    "tls.handshake.type", "tls.handshake.extensions_server_name", "http.host", "http2.headers.authority",
    "dns.qry.name", "dns.flags.response", "gquic.tag.sni",
)  # fmt: skip
_MANY = "\x1f"
ADDRESS = re.compile(r"[0-9.]+|[0-9a-fA-F]*:[0-9a-fA-F:.]*|")


@dataclass
class Seen:
    """What one side saw of a capture."""

    packets: int = 0
    names: Names = field(default_factory=lambda: defaultdict(set))
    volumes: Volumes = field(default_factory=dict)
    #: why it could not read (all of) the capture; empty if it could
    trouble: str = ""


@dataclass
class Result:
    """The comparison of one capture."""

    capture: str
    packets: int = 0
    ours: int = 0
    tshark: int = 0
    both: int = 0
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    #: a crash, a fault or frames unaccounted for on our side
    failure: str = ""
    #: what tshark said about a capture it could not read to its end
    remark: str = ""

    @property
    def differs(self) -> bool:
        """True if there is anything to explain."""
        return bool(self.missing or self.extra or self.volumes or self.failure)


def captures(folder: Path) -> Iterator[Path]:
    """Files below `folder` that are captures by content or call themselves so."""
    from sensor.decode.capture import formats
    from sensor.sources.inputs.unpack import packing

    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        with path.open("rb") as stream:
            head = stream.read(64)
        known = formats.recognise(head) or CAPTURE_NAME.search(path.name)
        if known or (packing(head[:8]) and _is_packed_capture(path)):
            yield path


def _is_packed_capture(path: Path) -> bool:
    from sensor.decode.capture import formats
    from sensor.errors import InputError
    from sensor.sources.inputs import open as opening

    try:
        return bool(formats.recognise(opening.find([path]).files[0].head))
    except InputError:
        return False


def canonical(name: str, *, port: bool = False) -> str:
    """A name as both sides can be compared: lower case, no final dot, no port, no unprintable byte."""
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in name.strip())
    plain = re.sub(r"(\\x[0-9a-f]{2}|\\[0-7]{3}|\?)+", "?", plain).rstrip(".").lower()
    return re.sub(r":\d*$", "", plain) if port else plain


def see_ours(path: Path) -> dict[str, Any]:
    """Our reading of a capture, as JSON can carry it; runs in the child."""
    import polars as pl

    from sensor.decode.capture import formats
    from sensor.errors import InputError
    from sensor.sources.inputs import open as opening
    from sensor.sources.interface import Input
    from sensor.sources.packets.pcap import PcapSource

    try:
        files = opening.find([path]).files
    except InputError:  # empty
        return {"trouble": UNRECOGNISED}
    if not formats.recognise(files[0].head):
        return {"trouble": UNRECOGNISED}
    rows, counted = [], []
    for batch in PcapSource().read(Input(tuple(files), "conformance")):
        rows.append(batch.frames["observations"])
        counted.append(batch.frames["coverage"])
    frame, coverage = pl.concat(rows), pl.concat(counted)
    named = frame.filter(pl.col("name_from").is_in(OWN_NAMES))
    keys = ("client", "client_port", "server", "server_port", "transport")
    tcp = frame.filter((pl.col("transport") == "tcp") & (pl.col("kind") != "dns"))
    ends = ("client", "client_port", "server", "server_port")
    volumes = tcp.group_by(ends).agg(
        (pl.col("bytes_up") + pl.col("bytes_down") - pl.col("lost_bytes")).sum().alias("n")
    )
    return {
        "trouble": _uncounted(coverage),
        "packets": int(coverage["packets"].sum()),
        "names": named.select(*keys, "host").unique().rows(),
        "volumes": volumes.rows(),
    }


def _uncounted(coverage: Any) -> str:
    """What is wrong with the counters: faults, or frames under no reason or under two."""
    from tests.sensor.decode.craft import REASONS, totals

    if coverage.is_empty():
        return ""
    counted = totals(coverage)
    if counted["decoder_faults"]:
        return f"{counted['decoder_faults']} decoder faults"
    told = sum(counted[reason] for reason in REASONS)
    return "" if told == counted["packets"] else f"{counted['packets']} packets, {told} accounted for"


def ours(path: Path, seconds: float) -> Seen:
    """What our decoder sees, from a child process."""
    words = [sys.executable, str(Path(__file__)), "--child", str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(words, capture_output=True, timeout=seconds, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return Seen(trouble=f"more than {seconds:.0f} s")
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return Seen(trouble=f"exit code {done.returncode}: {' '.join(last)}")
    return _told(json.loads(done.stdout))


def _told(told: dict[str, Any]) -> Seen:
    seen = Seen(packets=told.get("packets", 0), trouble=told["trouble"])
    for *flow, host in told.get("names", []):
        # bytes of a label as RFC 1035 §5.1 writes them; tshark shows them as they are
        plain = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1])), host)
        seen.names[tuple(flow)].add(canonical(plain, port=True))
    for client, client_port, server, server_port, count in told.get("volumes", []):
        ends = frozenset(((client, client_port), (server, server_port)))
        seen.volumes[ends] = seen.volumes.get(ends, 0) + count
    return seen


def tshark(path: Path, seconds: float, *, volumes: bool = True) -> Seen:
    """What tshark sees."""
    words = ["tshark", "-n", "-r", str(path), "-o", "tcp.reassemble_out_of_order:TRUE", "-T", "fields"]
    words += ["-E", "occurrence=a", "-E", f"aggregator={_MANY}", "-E", "separator=/t"]
    words += [word for name in FIELDS for word in ("-e", name)]
    try:
        done = subprocess.run(words, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return Seen(trouble=f"more than {seconds:.0f} s")
    seen, segments = Seen(), defaultdict(list)
    for line in done.stdout.decode(errors="replace").splitlines():
        seen.packets += 1
        values = dict(zip(FIELDS, (value.split(_MANY) for value in line.split("\t")), strict=False))
        _read_frame(values, seen.names, segments if volumes else None)
    for (ends, _), ranges in segments.items():
        seen.volumes[ends] = seen.volumes.get(ends, 0) + _union(ranges)
    if done.returncode:
        complaints = [x for x in done.stderr.decode(errors="replace").splitlines() if x.startswith("tshark:")]
        seen.trouble = " ".join(complaints[:1]) or f"exit code {done.returncode}"
    return seen


def _read_frame(values: dict[str, list[str]], names: Names, segments: Any) -> None:
    """Add what one frame says: its names, and the range of sequence numbers its payload covers."""
    layers = values["frame.protocols"][0].split(":")
    inner = [layer for layer in layers if layer in ("ip", "ipv6")]
    transport = [layer for layer in layers if layer in ("tcp", "udp")]
    if not inner or not transport or "icmp" in layers or "icmpv6" in layers:
        return
    ip, over = inner[-1], transport[-1]
    try:
        source = (values[f"{ip}.src"][-1], int(values[f"{over}.srcport"][-1]))
        target = (values[f"{ip}.dst"][-1], int(values[f"{over}.dstport"][-1]))
    except ValueError:  # a header cut short
        return
    _take_names(values, layers, source, target, over, names)
    if segments is None or over != "tcp" or values["tcp.flags.reset"][-1] in ("1", "True"):
        return
    if values["tcp.len"][-1] and values["tcp.seq_raw"][-1]:
        begin, length = int(values["tcp.seq_raw"][-1]), int(values["tcp.len"][-1])
        stream = values["tcp.stream"][-1], source
        segments[frozenset((source, target)), stream].append((begin, length))


def _take_names(
    values: dict[str, list[str]],
    layers: list[str],
    source: tuple[str, int],
    target: tuple[str, int],
    over: str,
    names: Names,
) -> None:
    forward, back = (*source, *target, over), (*target, *source, over)
    if "dns" in layers:
        answer = values["dns.flags.response"][0] in ("1", "True")
        _add(names, back if answer else forward, values["dns.qry.name"][:1])
    if "tls" in layers and "1" in values["tls.handshake.type"]:
        # addresses are no names there (RFC 6066 §3), and say no more than the packet's own
        named = values["tls.handshake.extensions_server_name"]
        _add(names, forward, [host for host in named if not ADDRESS.fullmatch(host)])
    if "gquic" in layers or "quic" in layers:
        _add(names, forward, values["gquic.tag.sni"])
    # inside TLS only with the keys, which we never have
    shielded = layers.index("tls") if "tls" in layers else len(layers)
    if "http" in layers[:shielded]:
        _add(names, forward, values["http.host"])
    if "http2" in layers[:shielded]:
        _add(names, forward, values["http2.headers.authority"])


def _add(names: Names, flow: Flow, hosts: Iterable[str]) -> None:
    for host in hosts:
        # <Root> and what tshark says of a name that it cannot read are in angle brackets
        if (name := canonical(host, port=True)) and not name.startswith("<"):
            names[flow].add(name)


def _union(ranges: list[tuple[int, int]]) -> int:
    """Bytes covered by (begin, length) ranges of 32-bit sequence numbers, which may wrap."""
    base, at, placed = ranges[0][0], 0, []
    for begin, length in ranges:
        at += (begin - (base + at) + (1 << 31)) % (1 << 32) - (1 << 31)
        placed.append((at, at + length))
    total, reached = 0, min(begin for begin, _ in placed)
    for begin, end in sorted(placed):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def compare(path: Path, seconds: float, *, volumes: bool = True, apart: bool = True) -> Result:
    """Both readings of one capture and what differs; `apart`: ours in a child, which may come to harm."""
    mine = ours(path, seconds) if apart else _told(see_ours(path))
    theirs = tshark(path, seconds, volumes=volumes)
    result = Result(str(path), mine.packets, len(mine.names), len(theirs.names), remark=theirs.trouble)
    # tshark takes almost any file for one packet of something
    if mine.trouble and (mine.trouble != UNRECOGNISED or theirs.names or theirs.volumes):
        result.failure = mine.trouble + (f" ({theirs.packets} packets for tshark)" if theirs.packets else "")
    if theirs.trouble.startswith("more than"):
        return result
    for flow in sorted(mine.names.keys() | theirs.names.keys(), key=str):
        we, they = mine.names.get(flow, set()), theirs.names.get(flow, set())
        if we & they and not we - they:
            result.both += 1
            continue
        result.missing += [f"{_text(flow)} {name}" for name in sorted(they - we)]
        result.extra += [f"{_text(flow)} {name}" for name in sorted(we - they)]
    if volumes:
        result.volumes = list(_unequal(mine.volumes, theirs.volumes))
    return result


def _unequal(mine: Volumes, theirs: Volumes) -> Iterator[str]:
    """Connections whose payload differs, with both figures."""
    for ends in sorted(mine.keys() | theirs.keys(), key=_ends):
        we, they = mine.get(ends, 0), theirs.get(ends, 0)
        if abs(we - they) > max(BYTES, SHARE * they):
            yield f"{_ends(ends)} ours {we} tshark {they}"


def _ends(ends: frozenset[tuple[str, int]]) -> str:
    """Both ends of a connection, whose addresses and ports a frame cut short may lack."""
    return " - ".join(sorted(f"{address}:{port}" for address, port in ends))


def _text(flow: Flow) -> str:
    client, client_port, server, server_port, transport = flow
    return f"{client}:{client_port} > {server}:{server_port}/{transport}"


def line(result: Result, folder: Path) -> str:
    """One line for a capture, and indented ones for what differs."""
    name = str(Path(result.capture).relative_to(folder))
    text = f"{name}: {result.packets} packets, flows named by us {result.ours}, tshark {result.tshark}"
    text += f", alike {result.both}"
    if result.failure:
        text += f"\n    FAILED: {result.failure}"
    if result.remark:
        text += f"\n    tshark says: {result.remark.replace(result.capture, name)}"
    for what in ("missing", "extra", "volumes"):
        found: list[str] = getattr(result, what)
        text += "".join(f"\n    {what}: {item}" for item in found[:SHOWN])
        text += f"\n    {what}: {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return text


def summary(results: list[Result]) -> str:
    """The total of all captures."""
    figures = {
        "captures": len(results),
        "packets": sum(r.packets for r in results),
        "named by us": sum(r.ours for r in results),
        "by tshark": sum(r.tshark for r in results),
        "alike": sum(r.both for r in results),
        "missing": sum(len(r.missing) for r in results),
        "extra": sum(len(r.extra) for r in results),
        "other bytes": sum(len(r.volumes) for r in results),
        "failed": sum(bool(r.failure) for r in results),
    }
    return "total: " + ", ".join(f"{count:,} {name}" for name, count in figures.items())


def main() -> int:
    """Print the comparison; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON list instead of lines")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="captures compared at a time")
    parser.add_argument("--seconds", type=float, default=60, help="limit per capture and side")
    parser.add_argument("--no-bytes", action="store_true", help="compare names only")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        json.dump(see_ours(options.folder), sys.stdout)
        return 0
    folder = options.folder if options.folder.is_dir() else options.folder.parent
    paths = captures(folder) if options.folder.is_dir() else [options.folder]
    results = []
    with ThreadPoolExecutor(options.jobs) as pool:  # threads: the work is done in children
        for result in pool.map(
            lambda path: compare(path, options.seconds, volumes=not options.no_bytes), paths
        ):
            results.append(result)
            if not options.json:
                print(line(result, folder), flush=True)
    print(json.dumps([asdict(r) for r in results], indent=1) if options.json else summary(results))
    return int(any(result.differs for result in results))


if __name__ == "__main__":
    sys.exit(main())
