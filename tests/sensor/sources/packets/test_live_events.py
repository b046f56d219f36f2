"""What happens to a capture while it runs: kills, new catalogs, cables pulled, overload, several workers."""

from __future__ import annotations

import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from sensor.catalog.load import BUILT_IN
from tests.lab.network import connect
from tests.lab.network import ip as ip_command
from tests.sensor.decode.craft import Frame, Talk, ethernet, ip, pcap, udp
from tests.sensor.sources.packets import send
from tests.sensor.sources.packets.cable import (
    HASTY,
    PROGRAM,
    SPLIT_HELLO,
    Cable,
    Running,
    Start,
    apps,
    environment,
    names,
    root,
    table,
    total,
)


def until(is_so: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait for something that happens soon."""
    ends = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.05)


def landed(lake: Path, name: str) -> pl.DataFrame:
    """The rows of a table that have landed so far."""
    files = list(lake.glob(f"*/{name}/hot/**/[!.]*.parquet"))
    return (
        pl.concat([pl.read_parquet(f, hive_partitioning=False) for f in files]) if files else pl.DataFrame()
    )


def packets(lake: Path) -> int:
    rows = landed(lake, "coverage")
    return int(rows["packets"].sum()) if rows.height else 0


@root
def test_a_killed_capture_loses_only_the_open_batch(
    cable: Cable, capture: Start, scanned: Path, tmp_path: Path
) -> None:
    running = capture("rx0", program=HASTY)
    sent = cable.send(SPLIT_HELLO)
    began = time.monotonic()
    until(lambda: packets(running.lake) == sent)
    assert time.monotonic() - began < 15  # half a second, and what a loaded machine needs
    until(lambda: landed(running.lake, "sightings").height > 0)
    held = landed(running.lake, "sightings").height
    running.process.send_signal(signal.SIGKILL)
    running.process.communicate(timeout=30)
    assert landed(running.lake, "sightings").height >= held
    seen = set(landed(running.lake, "sightings").select("app", "host", "name_from").rows())
    assert seen and seen <= set(apps(scanned))
    words = ["compact", "--lake", str(running.lake)]
    subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=environment(tmp_path),
        cwd=tmp_path,
        check=True,
        timeout=120,
    )


def rows_without_times(lake: Path) -> pl.DataFrame:
    """Sightings as far as they do not depend on when the packets came."""
    rows = table(lake, "sightings")
    timed = ("seen_at", "started_at", "duration_s", "event_id", "connection", "flow", "input", "landed_at")
    return rows.drop(timed).sort(pl.all())


@root
def test_two_workers_give_the_rows_of_one(cable: Cable, capture: Start, generated: tuple[Path, int]) -> None:
    path, count = generated
    lakes = []
    for workers in ("1", "2"):
        running = capture("rx0", "--workers", workers, "--ring-mb", "128")
        assert cable.send(path) == count
        assert cable.send(SPLIT_HELLO) > 0
        code, _, err = running.stop()
        assert code == 0, err
        assert total(running.lake, "kernel_drops") == 0
        lakes.append(running.lake)
    one, two = lakes
    for column in ("packets", "bytes", "decoded", "flows", "named_flows", "one_sided_flows", "lost_bytes"):
        assert total(one, column) == total(two, column), column
    assert names(one) == names(two)
    assert len(names(one)) > 50 and rows_without_times(one).height > 0
    assert rows_without_times(one).equals(rows_without_times(two))


@root
def test_workers_keep_the_legs_of_a_tap_together(cable: Cable, capture: Start, scanned: Path) -> None:
    running = capture("rx0", "rx1", "--workers", "3")
    sent = cable.send(SPLIT_HELLO, "tx0", "tx1")
    code, out, err = running.stop()
    assert code == 0, err
    assert out.startswith(f"rx0, rx1: {sent} packets")
    assert total(running.lake, "one_sided_flows") == total(scanned, "one_sided_flows")
    assert names(running.lake) == names(scanned)
    assert apps(running.lake) == apps(scanned)


def lookup(client: str, number: int) -> list[Frame]:
    """A question for service<number>.example and its answer, 203.0.113.<number>."""
    question = b"".join(bytes([len(label)]) + label for label in (b"service%d" % number, b"example", b""))
    question += b"\0\1\0\1"
    ask = struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + question
    answer = struct.pack(">6H", number, 0x8180, 1, 1, 0, 0) + question
    answer += b"\xc0\x0c\0\1\0\1" + struct.pack(">IH4B", 300, 4, 203, 0, 113, number)
    resolver, port = "10.0.0.53", 5000 + number
    return [
        Frame(ethernet(ip(client, resolver, 17, udp(port, 53, ask)))),
        Frame(ethernet(ip(resolver, client, 17, udp(53, port, answer)))),
    ]


@root
def test_a_lookup_seen_by_one_worker_names_a_connection_of_another(
    cable: Cable, capture: Start, tmp_path: Path
) -> None:
    frames = []
    for n in range(1, 41):
        client = f"10.1.0.{n}"
        talk = Talk(client=client, server=f"203.0.113.{n}", server_port=9999).shake()
        frames += [*lookup(client, n), *talk.send(b"no name in here").close().frames]
    path = tmp_path / "nameless.pcap"
    path.write_bytes(pcap(frames))
    running = capture("rx0", "--workers", "2")
    assert cable.send(path) == len(frames)
    code, _, err = running.stop()
    assert code == 0, err
    seen = names(running.lake)
    assert {host: counts[:2] for host, counts in seen.items()} == {
        f"service{n}.example": (1, 1) for n in range(1, 41)
    }


#: `tcpdump -ddd -y EN10MB ip proto 17` without its jumps for other links.
UDP_ONLY = "6\n40 0 0 12\n21 0 3 2048\n48 0 0 23\n21 0 1 17\n6 0 0 262144\n6 0 0 0\n"


@root
def test_a_bpf_filter_selects_packets(cable: Cable, capture: Start, tmp_path: Path) -> None:
    listing = tmp_path / "udp.bpf"
    listing.write_text(UDP_ONLY)
    wanted = [f for f in send.frames(SPLIT_HELLO.read_bytes()) if f[12:14] == b"\x08\x00" and f[23] == 17]
    running = capture("rx0", "--filter", f"@{listing}")
    assert cable.send(SPLIT_HELLO) > len(wanted) > 0
    code, out, err = running.stop()
    assert code == 0, err
    assert out.startswith(f"rx0: {len(wanted)} packets in ")
    assert total(running.lake, "bytes") == sum(map(len, wanted))


@root
def test_truncate_cuts_long_packets_and_lists_the_lost_features(
    cable: Cable, capture: Start, generated: tuple[Path, int]
) -> None:
    path, count = generated
    lakes = []
    for words in ((), ("--truncate",)):
        running = capture("rx0", "--ring-mb", "128", *words)
        assert cable.send(path) == count
        code, _, err = running.stop()
        assert code == 0, err
        lakes.append(running.lake)
    whole, cut = lakes
    frames = list(send.frames(path.read_bytes()))
    bulk = [f for f in frames if f[34:36] == b"\x01\xbb" and len(f) > 192]
    assert total(whole, "shortened") == 0
    assert total(cut, "shortened") == len(bulk) > count // 2
    for column in ("packets", "bytes", "decoded", "named_flows"):
        assert total(cut, column) == total(whole, column), column
    assert names(cut) == names(whole)
    assert set(table(whole, "coverage")["features_off"]) == {None}
    assert set(table(cut, "coverage")["features_off"]) == {"certificate names,record sizes"}


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A catalog folder with one vendor of the built-in catalog."""
    folder = tmp_path / "signatures"
    shutil.copytree(BUILT_IN / "vendors" / "openai", folder / "vendors" / "openai")
    return folder


def says(running: Running, text: str) -> None:
    """Wait until the capture has said something."""
    until(lambda: text in running.stderr.read_text())


@root
def test_sighup_loads_a_changed_catalog_and_refuses_a_bad_one(
    cable: Cable, capture: Start, overlay: Path
) -> None:
    service = overlay / "vendors" / "openai" / "chatgpt.yml"
    good = service.read_text()
    running = capture("rx0", "--signatures", str(overlay), program=HASTY)
    running.process.send_signal(signal.SIGHUP)
    says(running, ": nothing new")
    sent = cable.send(SPLIT_HELLO)
    until(lambda: landed(running.lake, "sightings").height > 0)
    service.write_text("name: [\n")
    running.process.send_signal(signal.SIGHUP)
    says(running, "BAD CATALOG, ")
    assert f"stays in use: {service}:" in running.stderr.read_text()
    service.write_text(good + "# reviewed\n")
    running.process.send_signal(signal.SIGHUP)
    says(running, " from now on")
    assert cable.send(SPLIT_HELLO) == sent
    code, out, err = running.stop()
    assert code == 0 and out.startswith(f"rx0: {2 * sent} packets"), (out, err)
    (line,) = [line for line in err.splitlines() if line.endswith(" from now on")]
    fresh = line.split()[2]
    (bad,) = [line for line in err.splitlines() if "BAD CATALOG" in line]
    before = bad.split("BAD CATALOG, ")[1].split()[0]
    rows = table(running.lake, "sightings")
    assert set(rows["catalog_version"]) == {before, fresh} and before != fresh
    catalog = table(running.lake, "catalog").sort("landed_at")
    assert catalog["catalog_version"][0] == before and catalog["catalog_version"][-1] == fresh


@root
def test_a_changed_catalog_is_loaded_without_a_signal(capture: Start, overlay: Path) -> None:
    running = capture("rx0", "--signatures", str(overlay), program=HASTY)
    with (overlay / "vendors" / "openai" / "chatgpt.yml").open("a") as file:
        file.write("# reviewed\n")
    says(running, " from now on")
    code, _, err = running.stop()
    assert code == 0, err


@root
@pytest.mark.parametrize("workers", ["1", "2"])
def test_capture_survives_link_loss_and_a_recreated_interface(
    workers: str, cable: Cable, capture: Start
) -> None:
    running = capture("rx0", "--workers", workers)
    sent = cable.send(SPLIT_HELLO)
    ip_command(cable.sender, "link set tx0 down")
    says(running, "rx0: the link is down")
    time.sleep(1.2)
    ip_command(cable.sender, "link del tx0")
    says(running, "rx0: the link is gone")
    connect(cable.sender, "tx0", cable.sensor, "rx0")
    says(running, "rx0: came back, listening to it again")
    assert cable.send(SPLIT_HELLO) == sent
    code, out, err = running.stop()
    assert code == 0, err
    assert out.startswith(f"rx0: {2 * sent} packets in "), (out, err)
    assert 1 <= total(running.lake, "link_down_s") <= 60
