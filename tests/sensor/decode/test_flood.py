"""A SYN flood beside real connections: every name is still found, memory stays bounded, Ctrl-C works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.traffic import syn_flood
from tests.sensor.decode.craft import ROOT

SYNS, NAMED = 1_000_000, 100

_READ = """
import json, resource, sys
from pathlib import Path
from sensor.decode import warming
from tests.sensor.decode.craft import REASONS, totals
from sensor.sources.interface import HEAD_BYTES, File, Input
from sensor.sources.packets.pcap import PcapSource
path = Path(sys.argv[1])
head = path.open("rb").read(HEAD_BYTES)
warming.warm()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
names, packets, told = set(), 0, 0
print("ready", flush=True)
file = File(path.name, "x", head, None, lambda: path.open("rb"))
for batch in PcapSource(connections=1 << 16).read(Input((file,), "x")):
    names.update(batch.frames["observations"]["host"].drop_nulls())
    counted = totals(batch.frames["coverage"])
    packets += counted["packets"]
    told += sum(counted[reason] for reason in REASONS)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
grown = (after - before) / 1024
print(json.dumps({"names": sorted(names), "packets": packets, "told": told, "grown_mb": grown}))
"""


@pytest.fixture(scope="module")
def flood(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The capture and its number of packets."""
    path = tmp_path_factory.mktemp("flood") / "flood.pcap"
    return path, syn_flood(path, SYNS, NAMED)


def reader(path: Path) -> subprocess.Popen[str]:
    """A process that reads the capture; it says when it begins."""
    child = subprocess.Popen(
        [sys.executable, "-c", _READ, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_a_flood_hides_no_name_and_takes_no_memory(flood: tuple[Path, int]) -> None:
    path, packets = flood
    output, errors = reader(path).communicate(timeout=120)
    told = json.loads(output or errors)
    assert told["names"] == [f"r{n:03d}.example" for n in range(NAMED)]
    assert told["packets"] == told["told"] == packets
    assert told["grown_mb"] < 400


def test_ctrl_c_stops_it_before_the_end(flood: tuple[Path, int]) -> None:
    child = reader(flood[0])
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=20)
    assert output == "" and child.returncode != 0
    assert "KeyboardInterrupt" in errors
