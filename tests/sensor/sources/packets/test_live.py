"""`shadowai capture` on a cable between two network namespaces: what was sent is what is accounted for."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sensor.decode.capture.formats import PCAP_HEADER
from sensor.sources.packets import live
from tests.lab.network import inside
from tests.sensor.decode.craft import Frame, Talk, pcap
from tests.sensor.decode.identity.speakers import dhcp, over_udp
from tests.sensor.sources.packets import send
from tests.sensor.sources.packets.cable import (
    PROGRAM,
    ROOT,
    SPLIT_HELLO,
    Cable,
    Start,
    apps,
    environment,
    names,
    root,
    scan,
    table,
    total,
    wait_for_listening,
)
from tests.sensor.sources.packets.plain import client_hello


@root
def test_live_capture_gives_the_rows_of_a_scan(cable: Cable, capture: Start, scanned: Path) -> None:
    running = capture("rx0")
    sent = cable.send(SPLIT_HELLO)
    code, out, err = running.stop()
    assert code == 0, err
    assert out.startswith(f"rx0: {sent} packets in ") and ", 0 dropped, " in out
    assert sent == total(running.lake, "packets") == total(scanned, "packets")
    # Nothing of the cable or this machine was in the way, and the clocks are the same.
    for column in ("kernel_drops", "ring_freezes", "nic_missed", "link_down_s", "excluded", "shortened"):
        assert total(running.lake, column) == 0, column
    assert 0 <= table(running.lake, "coverage")["clock_offset_ms"].max() < 5000  # type: ignore[operator]
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
def test_what_this_machine_sends_is_read_where_asked_for(cable: Cable, capture: Start, scanned: Path) -> None:
    """On a router, where half of each connection leaves by the interface."""
    router = replace(cable, sender=cable.sensor)
    for words in ((), ("--outgoing",)):
        running = capture("rx0", *words)
        sent = router.send(SPLIT_HELLO, "rx0")
        code, out, err = running.stop()
        assert code == 0, err
        assert out.startswith(f"rx0: {sent if words else 0} packets in ")
    assert apps(running.lake) == apps(scanned) != []


@root
def test_what_comes_back_over_loopback_is_read_once(cable: Cable, capture: Start) -> None:
    subprocess.run(inside(cable.sensor, ["ip", "link", "set", "lo", "up"]), check=True)
    running = capture("lo", "--outgoing")
    sent = replace(cable, sender=cable.sensor).send(SPLIT_HELLO, "lo")
    code, out, err = running.stop()
    assert code == 0, err
    assert out.startswith(f"lo: {sent} packets in ")


@root
def test_both_legs_of_a_tap_make_one_connection(cable: Cable, capture: Start, scanned: Path) -> None:
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
def test_two_captures_need_a_sensor_each(cable: Cable, capture: Start, tmp_path: Path) -> None:
    """Of two of one sensor, `coverage` and `names` would show the greater only."""
    running = capture("rx0")

    def other(*words: str) -> subprocess.CompletedProcess[str]:
        words = ("capture", "rx1", *words, "--lake", str(running.lake), "--state", str(cable.state))
        program = inside(cable.sensor, [sys.executable, "-c", PROGRAM, *words])
        return subprocess.run(
            program, capture_output=True, text=True, timeout=60, env=environment(tmp_path), cwd=tmp_path
        )

    refused = other()
    assert refused.returncode == 5
    assert "sensor live of site main into" in refused.stderr
    assert "captured by another process, too; end that, or give this one a --sensor" in refused.stderr
    beside = other("--sensor", "east", "--seconds", "0.1")
    assert beside.returncode == 0, beside.stderr
    assert running.stop()[0] == 0


@root
def test_vlan_tags_removed_by_the_kernel_are_counted(
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
    assert set(table(running.lake, "coverage")["vlans"]) == {"7"}
    assert total(running.lake, "decoded") == total(scanned, "decoded")
    assert names(running.lake) == names(scanned)


@root
@pytest.mark.skipif(shutil.which("tcpreplay") is None, reason="needs tcpreplay")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_at_full_load_loses_no_packet(
    how: signal.Signals, cable: Cable, capture: Start, generated: tuple[Path, int], tmp_path: Path
) -> None:
    path, packets = generated
    running = capture("rx0")
    if (sent := cable.replay(path)) != packets:
        running.stop()
        pytest.skip(f"this tcpreplay sent {sent} of {packets} packets")
    code, out, err = running.stop(how)
    assert code == (130 if how == signal.SIGINT else 0), err
    assert err == "shadowai: listening to rx0\n"  # "what was committed is safe" is for who lost something
    assert out.startswith(f"rx0: {packets:,} packets in ") and ", 0 dropped, " in out
    lake = running.lake
    assert total(lake, "packets") == packets
    assert total(lake, "decoded") == packets
    assert total(lake, "flows") == total(lake, "named_flows") > 100
    assert names(lake) == names(scan(path, tmp_path, cable.state))


@root
def test_a_full_ring_is_reported_and_counted(
    cable: Cable, capture: Start, generated: tuple[Path, int]
) -> None:
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
    assert total(running.lake, "ring_freezes") > 0
    assert f", {drops:,} dropped, " in out
    assert f"rx0: DROPS, the kernel dropped {drops:,} packets (ring full " in err


@root
def test_a_port_outside_a_nat_is_doubted(cable: Cable, capture: Start, tmp_path: Path) -> None:
    """All of the office was one client, without a word."""
    hello = client_hello("chatgpt.com")
    talks = [Talk("203.0.113.5", port=40000 + nth).shake().send(hello).close() for nth in range(20)]
    traffic = tmp_path / "outside.pcap"
    traffic.write_bytes(pcap([Frame(frame.data) for talk in talks for frame in talk.frames]))
    running = capture("rx0")
    cable.send(traffic)
    code, _, err = running.stop()
    assert code == 0, err
    told = "20 of 20 connections to AI services come from public addresses"
    assert err.count(told) == 1


@root
def test_time_limit_silent_port_and_excluded_networks(cable: Cable, capture: Start, tmp_path: Path) -> None:
    lease = dhcp("ack", "10.99.1.2", hostname="guest", lease_time=600)
    broadcast = over_udp(lease, 67, 68, sender="192.0.2.1", receiver="255.255.255.255")
    traffic = tmp_path / "guests.pcap"
    traffic.write_bytes(SPLIT_HELLO.read_bytes() + pcap([broadcast])[PCAP_HEADER:])
    running = capture("rx0", "--seconds", "1.5", "--exclude", "10.0.0.0/8", "--exclude", "2001:db8::/32")
    sent = cable.send(traffic)
    out, _ = running.process.communicate(timeout=30)
    assert running.process.returncode == 0
    (seen, excluded) = map(int, re.findall(r"(\d+) (?:packets|excluded)", out))
    assert seen + excluded == sent and excluded > sent // 2
    assert total(running.lake, "decoded") == 1  # the broadcast that tells of a guest, which is not kept
    assert total(running.lake, "excluded") == excluded
    assert table(running.lake, "sightings").is_empty()
    assert table(running.lake, "leases")["origin"].to_list() == ["link"]  # the DHCP server's own address


@root
def test_batches_come_while_running_and_silent_minutes_have_coverage(cable: Cable, tmp_path: Path) -> None:
    program = """
import sys
from sensor.sources.packets import live
source = live.LiveSource(flush_s=0.5, seconds=3, tell=lambda line: print(line, file=sys.stderr, flush=True))
batches = list(source.read(live.describe_input(["rx0"], "s")))
positions = [batch.position for batch in batches]
assert positions == sorted(set(positions)), positions
assert [batch.last for batch in batches] == [False] * (len(batches) - 1) + [True]
coverage = [batch.frames["coverage"] for batch in batches]
assert all(rows["packets"].null_count() == 0 for rows in coverage), coverage
told = [rows for rows in coverage if rows.height]
assert len(told) > len(coverage) // 2, coverage  # on a busy machine, one may follow another at once
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
def test_without_cap_net_raw_the_error_names_it(capture: Start) -> None:
    running = capture("rx0", before=("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"))
    code, out, err = running.result()
    assert (code, out) == (2, "")
    assert err == (
        "shadowai: rx0: needs CAP_NET_RAW; run it as root, or as a service: "
        "`shadowai schedule --service 'capture …'`\n"
    )
    assert not running.lake.exists()


@root
def test_cap_net_raw_is_enough(cable: Cable, capture: Start) -> None:
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
        (["nosuch0"], "nosuch0: no such interface; name one or more of lo, "),
        (["any"], "any: no such interface; name one or more of lo, "),
        (["rx0", "nosuch0"], "nosuch0: no such interface"),
        (["rx0", "rx0"], "rx0: named twice"),
        (["rx0", "--exclude", "10.0.0.0/64"], "--exclude 10.0.0.0/64: not a network"),
        (["a" * 40], f"{'a' * 40}: no such interface"),
        (["rx0", "--filter", "tcp port 443"], "--filter: not the decimal listing"),
        (["rx0", "--filter", "1\n21 5 5 0"], "--filter: the kernel refuses this program"),
        (["rx0", "--filter", "@nosuchfile"], "--filter @nosuchfile: no such file"),
        (["rx0", "--filter", "1\n6 0 0 0", "--truncate"], "--filter and --truncate: cannot be used together"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, capture: Start) -> None:
    running = capture(*words)
    code, out, err = running.result()
    # A card that comes up late after a start is no wrong word: the service's unit tries again.
    assert (code, out) == (3 if "no such interface" in message else 2, "")
    assert err.startswith(f"shadowai: {message}") and err.count("\n") == 1, err
    assert not running.lake.exists()


def test_two_captures_are_two_inputs() -> None:
    one, other = (live.describe_input(["eth1", "eth2"], "span") for _ in range(2))
    assert [file.name for file in one.files] == ["eth1", "eth2"]
    assert re.fullmatch("[0-9a-f]{16}", one.identity) and one.identity != other.identity


def test_live_recognises_no_file() -> None:
    assert live.LiveSource.recognise(SPLIT_HELLO.read_bytes()[:65536]) == 0.0
