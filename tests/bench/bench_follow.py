"""`shadowai follow` of a log that grows steadily: lines a second it keeps up with, and from line to lake.

    python tests/bench/bench_follow.py [--rates 50000 100000 200000] [--seconds 20]

Lines are written ten times a second, for clients and names as in `logs.py`; each second has those of the
first with its own time. Scanners of lines are compiled before: where they are not, it is slower until a child
process has compiled them. A line has arrived when the segment that holds it has been renamed into the lake,
where SQL reads it. `behind` is how long that took for what was written last: a few seconds where the rate is
kept up with, growing with `--seconds` where not.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[2]))

from sensor.sources.inputs.tail import Tails
from tests.bench import logs, measure

_TICKS = 10


def reached(lake: Path, log: str) -> int:
    """How many bytes of the input `log` (its identity) the committed segments hold."""
    segments = (lake / "restricted" / "sightings" / "hot").glob("part=2*/*.parquet")
    told = map(pl.read_parquet_metadata, segments)
    return max((int(one["to"]) for one in told if one["input"] == log), default=0)


def run(log: str, rate: int, seconds: int, folder: Path) -> None:
    """Follow one log written at `rate` lines a second, and print a row."""
    lines, header, _ = logs.LOGS[log]
    traffic = logs.Traffic(worst=False, per_s=float(rate))
    path, lake = folder / f"{rate}.log", folder / f"lake-{rate}"
    # A connection is several lines in some logs.
    made = (lines(traffic.chunk(rate // _TICKS))["line"].head(rate // _TICKS) for _ in range(_TICKS))
    second = [(text.str.join("\n")[0] + "\n").encode() for text in made]
    path.write_bytes(header.encode() + second[0])
    (tail,) = Tails([str(path)]).look(0)
    words = [measure.shadowai(), "follow", str(path), "--lake", str(lake), "--state", str(folder / "state")]
    ours = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        while reached(lake, tail.identity) < path.stat().st_size:
            if ours.poll() is not None:
                sys.exit(f"{' '.join(words)}: ended with {ours.returncode}")
            time.sleep(0.1)
        begin = time.monotonic()
        used = _processor_s(ours.pid)
        with path.open("ab") as out:
            for tick in range(seconds * _TICKS):
                out.write(_later(second[tick % _TICKS], tick // _TICKS))
                out.flush()
                time.sleep(max(0.0, begin + (tick + 1) / _TICKS - time.monotonic()))
        wrote, written = path.stat().st_size, time.monotonic()
        while reached(lake, tail.identity) < wrote:
            time.sleep(0.05)
        behind = time.monotonic() - written
        used = _processor_s(ours.pid) - used
    finally:
        ours.send_signal(signal.SIGTERM)
        ours.wait(60)
    real = seconds * rate / (written - begin)
    text = f"{log:12} {rate:8,} lines/s asked, {real:8,.0f} written; behind {behind:5.1f} s; "
    print(text + f"{seconds * rate / used:8,.0f} lines/cpu-s", flush=True)


def _later(lines: bytes, seconds: int) -> bytes:
    """`lines` of the traffic's first second, so many seconds later, of other flows."""
    lines = lines.replace(b'"flow_id":', b'"flow_id":%d' % (seconds + 1))
    for form in ("%s.", "%Y-%m-%dT%H:%M:%S."):
        first, then = (_stamp(logs.T0 + s, form) for s in (0, seconds))
        lines = lines.replace(first, then)
    return lines


def _stamp(at: int, form: str) -> bytes:
    return datetime.fromtimestamp(at, UTC).strftime(form.replace("%s", str(at))).encode()


def _processor_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Each rate in turn."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rates", type=int, nargs="*", default=[50_000, 100_000, 200_000])
    options.add_argument("--seconds", type=int, default=20)
    options.add_argument("--log", default="squid-ours", choices=[n for n in logs.LOGS if n[:4] != "zeek"])
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        words = [measure.shadowai(), "warm", "--state", f"{name}/state"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        for rate in chosen.rates:
            run(chosen.log, rate, chosen.seconds, Path(name))


if __name__ == "__main__":
    main()
