"""`shadowai capture` on a cable between two network namespaces: what was sent is what is accounted for."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import polars as pl
import pytest

from sensor.errors import UsageError
from sensor.sources import live
from sensor.sources.interface import Batch
from tests.bench.traffic import write_capture
from tests.lab.network import connect, inside, remove_namespace, run, run_in
from tests.sensor.decode.craft import Frame, pcap
from tests.sensor.sources import send

ROOT = Path(__file__).parents[3]
SPLIT_HELLO = ROOT / "pcaps" / "split-hello" / "capture.pcap"
Test = TypeVar("Test", bound=Callable[..., None])

PROGRAM = "from sensor.cli.main import run; run()"
STARTED_WITHIN_S = 120  # the kernels may have to be compiled first

_TOOLS = ("ip", "ethtool", "sysctl", "setpriv")
_CAN = sys.platform.startswith("linux") and os.geteuid() == 0 and all(map(shutil.which, _TOOLS))


def root(test: Test) -> Test:
    """Marks a test that builds network namespaces, and skips it where that cannot be done."""
    reason = f"builds network namespaces: needs Linux, root and {', '.join(_TOOLS)}"
    return pytest.mark.root(pytest.mark.skipif(not _CAN, reason=reason)(test))


@dataclass
class Cable:
    """tx0 and tx1 in one namespace are connected to rx0 and rx1 in the other, where the sensor listens."""

    sender: str
    sensor: str
    state: Path

    def send(self, capture: Path, *interfaces: str) -> int:
        """Number of frames sent."""
        program = [sys.executable, send.__file__, str(capture), *(interfaces or ("tx0",))]
        done = subprocess.run(
            inside(self.sender, program), capture_output=True, text=True, check=True, timeout=60
        )
        return int(done.stdout)

    def replay(self, capture: Path) -> int:
        """The same with tcpreplay, as fast as it can."""
        program = ["tcpreplay", "-q", "--topspeed", "-i", "tx0", str(capture)]
        done = subprocess.run(
            inside(self.sender, program), capture_output=True, text=True, check=True, timeout=60
        )
        (sent,) = re.findall(r"Successful packets:\s+(\d+)", done.stdout)
        return int(sent)


@dataclass
class Running:
    """A capture at work."""

    process: subprocess.Popen[str]
    lake: Path
    stderr: Path

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, standard output and error of the capture, stopped now."""
        time.sleep(0.02)  # what was sent reaches the ring, long before a block of it is full or old
        self.process.send_signal(how)
        return self.result()

    def result(self) -> tuple[int, str, str]:
        """The same of a capture that ends by itself."""
        out, _ = self.process.communicate(timeout=60)
        return self.process.returncode, out, self.stderr.read_text()


Start: TypeAlias = Callable[..., Running]


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}


def wait_for_listening(process: subprocess.Popen[str], stderr: Path) -> None:
    """Until the capture listens, or has ended."""
    until = time.monotonic() + STARTED_WITHIN_S
    while "listening to" not in stderr.read_text() and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture(scope="module")
def cable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cable]:
    from sensor.decode import jit

    state = tmp_path_factory.mktemp("state")
    (state / "kernels").symlink_to(jit.use().parent)  # compiled once for all tests
    names = [f"shadowlive{os.getpid()}{end}" for end in "ab"]
    try:
        for name in names:
            run("ip", "netns", "add", name)
            # No address, no neighbour discovery: nothing is on the cable but what a test sends.
            run_in(name, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        for n in (0, 1):
            connect(names[0], f"tx{n}", names[1], f"rx{n}")
        yield Cable(names[0], names[1], state)
    finally:
        for name in names:
            remove_namespace(name)


@pytest.fixture
def capture(cable: Cable, tmp_path: Path) -> Iterator[Start]:
    """Starts `shadowai capture` in the sensor's namespace; ends what a failed test left running."""
    running: list[Running] = []

    def start(*words: str, before: tuple[str, ...] = ()) -> Running:
        lake, stderr = tmp_path / f"lake{len(running)}", tmp_path / f"stderr{len(running)}"
        words = (*before, sys.executable, "-c", PROGRAM, "capture", *words, "--lake", str(lake))
        with stderr.open("w") as file:
            process = subprocess.Popen(
                inside(cable.sensor, [*words, "--state", str(cable.state)]),
                stdout=subprocess.PIPE, stderr=file, text=True, env=environment(tmp_path),
                cwd=tmp_path,
            )  # fmt: skip
        running.append(Running(process, lake, stderr))
        wait_for_listening(process, stderr)
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A capture of 6 MB, and how many packets it has."""
    path = tmp_path_factory.mktemp("traffic") / "office.pcap"
    return path, write_capture(path, 6_000_000)


def table(lake: Path, name: str) -> pl.DataFrame:
    """Every row of a table of the lake: as compacted (after a scan), else as it landed."""
    files = list(lake.glob(f"*/{name}/cold/**/*.parquet")) or list(lake.glob(f"*/{name}/hot/**/*.parquet"))
    return pl.concat([pl.read_parquet(p, hive_partitioning=False) for p in files], how="diagonal_relaxed")


def names(lake: Path) -> dict[str, tuple[int, int, int, int]]:
    """Lookups, connections, bytes up and bytes down of each name seen."""
    counts = ("lookups", "connections", "bytes_up", "bytes_down")
    rows = table(lake, "names").group_by("host").agg(pl.col(name).sum() for name in counts)
    return {host: (lookups, *others) for host, lookups, *others in rows.iter_rows()}


def apps(lake: Path) -> list[tuple[str, str, str]]:
    """What was sighted: service, name, where the name is from."""
    return sorted(table(lake, "sightings").select("app", "host", "name_from").rows())


def total(lake: Path, column: str) -> int:
    """Sum of a column of coverage."""
    return int(table(lake, "coverage").get_column(column).sum())


@pytest.fixture(scope="module")
def scanned(cable: Cable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake that `shadowai scan` makes of the recording."""
    return scan(SPLIT_HELLO, tmp_path_factory.mktemp("scanned"), cable.state)


def scan(path: Path, folder: Path, state: Path) -> Path:
    """The lake that `shadowai scan` makes of a file."""
    words = ["scan", str(path), "--lake", str(folder / "lake"), "--state", str(state), "--quiet"]
    program = [sys.executable, "-c", PROGRAM, *words]
    subprocess.run(program, env=environment(folder), cwd=folder, check=True, timeout=120)
    return folder / "lake"


@root
def test_a_recording_gives_what_scan_gives(cable: Cable, capture: Start, scanned: Path) -> None:
    running = capture("rx0")
    sent = cable.send(SPLIT_HELLO)
    code, out, err = running.stop()
    assert code == 0, err
    assert out.startswith(f"rx0: {sent} packets in ") and ", 0 dropped, " in out
    assert sent == total(running.lake, "packets") == total(scanned, "packets")
    for column in (
        "bytes",
        "decoded",
        "non_ip",
        "other_transport",
        "flows",
        "named_flows",
        "one_sided_flows",
    ):
        assert total(running.lake, column) == total(scanned, column), column
    assert names(running.lake) == names(scanned)
    assert apps(running.lake) == apps(scanned) != []
    assert table(running.lake, "sensors").get_column("sensor").to_list() == ["live"]


@root
def test_the_legs_of_a_tap_are_one_link(cable: Cable, capture: Start, scanned: Path) -> None:
    running = capture("rx0", "rx1", "--sensor", "tap", "--site", "hq")
    sent = cable.send(SPLIT_HELLO, "tx0", "tx1")
    code, out, err = running.stop()
    assert code == 0, err
    assert out.startswith(f"rx0, rx1: {sent} packets")
    assert total(running.lake, "one_sided_flows") == total(scanned, "one_sided_flows")
    assert names(running.lake) == names(scanned)
    rows = table(running.lake, "sightings")
    assert set(rows.select("sensor", "site", "source", "vantage").rows()) == {
        ("tap", "hq", "live", "packets")
    }


@root
def test_tags_the_kernel_took_out_are_counted(
    cable: Cable, capture: Start, scanned: Path, tmp_path: Path
) -> None:
    frames = [f[:12] + b"\x81\x00\x20\x07" + f[12:] for f in send.frames(SPLIT_HELLO.read_bytes())]
    tagged = tmp_path / "tagged.pcap"
    tagged.write_bytes(pcap([Frame(frame) for frame in frames]))
    running = capture("rx0")
    assert cable.send(tagged) == len(frames)
    code, _, err = running.stop()
    assert code == 0, err
    assert total(running.lake, "bytes") == sum(map(len, frames))
    assert total(running.lake, "decoded") == total(scanned, "decoded")
    assert names(running.lake) == names(scanned)


@root
@pytest.mark.skipif(shutil.which("tcpreplay") is None, reason="needs tcpreplay")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_being_stopped_at_full_speed_loses_nothing(
    how: signal.Signals, cable: Cable, capture: Start, generated: tuple[Path, int], tmp_path: Path
) -> None:
    path, packets = generated
    running = capture("rx0")
    assert cable.replay(path) == packets
    code, out, err = running.stop(how)
    assert code == (130 if how == signal.SIGINT else 0), err
    assert out.startswith(f"rx0: {packets:,} packets in ") and ", 0 dropped, " in out
    lake = running.lake
    assert total(lake, "packets") == packets
    assert total(lake, "decoded") == packets
    assert total(lake, "flows") == total(lake, "named_flows") > 100
    assert names(lake) == names(scan(path, tmp_path, cable.state))


@root
def test_a_full_ring_is_told_and_counted(cable: Cable, capture: Start, generated: tuple[Path, int]) -> None:
    path, packets = generated
    running = capture("rx0", "--ring-mb", "1")
    running.process.send_signal(signal.SIGSTOP)
    assert cable.send(path) == packets
    running.process.send_signal(signal.SIGCONT)
    code, out, err = running.stop()
    assert code == 0, err
    drops = total(running.lake, "kernel_drops")
    assert 0 < drops < packets
    assert total(running.lake, "packets") + drops == packets
    assert f", {drops:,} dropped, " in out
    assert f"rx0: DROPS, the kernel dropped {drops:,} packets (ring full " in err


@root
def test_a_time_limit_a_silent_port_and_networks_left_out(cable: Cable, capture: Start) -> None:
    running = capture("rx0", "--seconds", "1.5", "--exclude", "10.0.0.0/8", "--exclude", "2001:db8::/32")
    sent = cable.send(SPLIT_HELLO)
    out, _ = running.process.communicate(timeout=30)
    assert running.process.returncode == 0
    (seen, excluded) = map(int, re.findall(r"(\d+) (?:packets|excluded)", out))
    assert seen + excluded == sent and excluded > sent // 2
    assert total(running.lake, "decoded") == 0
    assert table(running.lake, "sightings").is_empty()


@root
def test_batches_are_cut_while_it_runs_and_silence_is_known(cable: Cable, tmp_path: Path) -> None:
    program = """
import sys
from sensor.sources import live
source = live.LiveSource(flush_s=0.5, seconds=3, tell=lambda line: print(line, file=sys.stderr, flush=True))
batches = list(source.read(live.describe_input(["rx0"], "s")))
positions = [batch.position for batch in batches]
assert positions == sorted(set(positions)), positions
assert [batch.last for batch in batches] == [False] * (len(batches) - 1) + [True]
coverage = [batch.frames["coverage"] for batch in batches]
assert all(rows.height and rows["packets"].null_count() == 0 for rows in coverage), coverage
print([rows["packets"].sum() for rows in coverage])
"""
    with (tmp_path / "err").open("w") as file:
        process = subprocess.Popen(
            inside(cable.sensor, [sys.executable, "-c", program]),
            stdout=subprocess.PIPE, stderr=file, text=True, cwd=ROOT,
            env=environment(tmp_path) | {"SHADOWAI_STATE": str(cable.state)},
        )  # fmt: skip
    wait_for_listening(process, tmp_path / "err")
    sent = cable.send(SPLIT_HELLO)
    out, _ = process.communicate(timeout=30)
    packets = [int(number) for number in re.findall(r"\d+", out)]
    assert 4 <= len(packets) <= 8 and sum(packets) == sent, (out, (tmp_path / "err").read_text())
    assert packets[-1] == 0 and sent in packets


@root
def test_without_the_capability_it_says_what_is_needed(capture: Start) -> None:
    running = capture("rx0", before=("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"))
    code, out, err = running.result()
    assert (code, out) == (2, "")
    assert re.fullmatch(r"shadowai: rx0: needs CAP_NET_RAW; try: setcap cap_net_raw\+ep /\S+\n", err), err
    assert not running.lake.exists()


@root
def test_the_capability_is_enough(cable: Cable, capture: Start) -> None:
    """All other capabilities are gone, but the one to read a test folder that is another user's."""
    few = "-all,+net_raw,+dac_override"
    running = capture("rx0", before=("setpriv", f"--bounding-set={few}", f"--inh-caps={few}"))
    sent = cable.send(SPLIT_HELLO)
    code, out, err = running.stop()
    assert code == 0, err
    assert out.startswith(f"rx0: {sent} packets")


@root
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuch0"], "nosuch0: no such interface"),
        (["rx0", "nosuch0"], "nosuch0: no such interface"),
        (["rx0", "rx0"], "rx0: named twice"),
        (["rx0", "--exclude", "10.0.0.0/64"], "--exclude 10.0.0.0/64: not a network"),
        (["a" * 40], "a" * 40),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, capture: Start) -> None:
    running = capture(*words)
    code, out, err = running.result()
    assert (code, out) == (2, "")
    assert err.startswith(f"shadowai: {message}") and err.count("\n") == 1, err
    assert not running.lake.exists()


def test_two_captures_are_two_inputs() -> None:
    one, other = (live.describe_input(["eth1", "eth2"], "span") for _ in range(2))
    assert [file.name for file in one.files] == ["eth1", "eth2"]
    assert re.fullmatch("[0-9a-f]{16}", one.identity) and one.identity != other.identity


def test_no_file_is_an_interface() -> None:
    assert live.LiveSource.recognise(SPLIT_HELLO.read_bytes()[:65536]) == 0.0
