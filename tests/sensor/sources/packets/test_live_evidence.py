"""`shadowai capture --evidence`: what is kept of matched connections, for whom, for how long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sensor.privacy.audit import AuditLog
from tests.sensor.decode.craft import Frame, Talk, decode, pcap
from tests.sensor.sources.packets.cable import PROGRAM, SPLIT_HELLO, Cable, Start, environment, root
from tests.sensor.sources.packets.plain import client_hello
from tests.sensor.sources.packets.send import frames


def evidence(lake: Path, state: Path, to: Path) -> subprocess.CompletedProcess[str]:
    words = ["evidence", "--to", str(to), "--reason", "a test", "--lake", str(lake), "--state", str(state)]
    program = [sys.executable, "-c", PROGRAM, *words]
    return subprocess.run(
        program, capture_output=True, text=True, env=environment(to.parent), cwd=to.parent, check=False
    )


@pytest.fixture
def traffic(tmp_path: Path) -> Path:
    """One connection to an AI service and one elsewhere, both with secrets behind their hellos."""
    ai = Talk(port=40001).shake().send(client_hello("chatgpt.com") + b"SECRET early").reply(b"SECRET answer")
    other = Talk(port=40002, server="203.0.113.77").shake().send(client_hello("intranet.example.org"))
    plain = (
        Talk(port=40003, server_port=80).shake().send(b"GET /SECRET HTTP/1.1\r\nHost: chatgpt.com\r\n\r\n")
    )
    path = tmp_path / "traffic.pcap"
    talks = (ai.close(), other.close(), plain.close())
    path.write_bytes(pcap([Frame(frame.data) for talk in talks for frame in talk.frames]))
    return path


@root
@pytest.mark.parametrize("workers", ["1", "2"])
def test_evidence_holds_only_openings_of_matched_connections_sealed(
    workers: str, traffic: Path, cable: Cable, capture: Start, tmp_path: Path
) -> None:
    running = capture("rx0", "--evidence", "--workers", workers)
    cable.send(traffic)
    code, out, err = running.stop()
    assert code == 0, err
    sealed = list((running.lake / "restricted" / "evidence").iterdir())
    assert len(sealed) == 1 and sealed[0].stat().st_mode & 0o777 == 0o600
    key = cable.state / "keys" / "evidence.key"
    assert key.stat().st_mode & 0o777 == 0o600 and not key.is_relative_to(running.lake)
    everything = b"".join(f.read_bytes() for f in running.lake.rglob("*") if f.is_file())
    assert b"chatgpt.com\0\x2b" not in everything  # a hello's bytes
    done = evidence(running.lake, cable.state, to := tmp_path / "kept.pcap")
    assert done.returncode == 0, done.stderr
    # SYN, SYN-ACK and hello of one connection, SYN and SYN-ACK of the request without TLS
    assert "evidence: 5 packets" in out and done.stdout == f"{to}: 5 packets\n"
    assert to.stat().st_mode & 0o777 == 0o600
    assert b"SECRET" not in to.read_bytes()
    rows = decode(to.read_bytes())["observations"]
    assert sorted(rows.select("client_port", "host").rows()) == [(40001, "chatgpt.com"), (40003, None)]
    log = AuditLog(cable.state).entries()[-2:]
    assert [entry.action for entry in log] == ["evidence.keep", "evidence.read"]
    assert [entry.reason for entry in log] == ["rx0, for 7 days", "a test"]


@root
def test_evidence_of_a_replayed_capture_and_none_without_the_option(
    cable: Cable, capture: Start, tmp_path: Path
) -> None:
    running = capture("rx0", "--evidence")
    plain = capture("rx0")
    cable.send(SPLIT_HELLO)
    for one in (running, plain):
        code, _, err = one.stop()
        assert code == 0, err
    done = evidence(running.lake, cable.state, to := tmp_path / "kept.pcap")
    assert done.returncode == 0, done.stderr
    sent = list(frames(SPLIT_HELLO.read_bytes()))
    kept = list(frames(to.read_bytes()))
    assert 0 < len(kept) < len(sent) // 2
    assert all(any(whole.startswith(frame) for whole in sent) for frame in kept)
    hosts = decode(to.read_bytes())["observations"]["host"].drop_nulls()
    assert hosts.len() > 0
    assert not (plain.lake / "restricted" / "evidence").exists()
    done = evidence(plain.lake, cable.state, tmp_path / "none.pcap")
    assert done.returncode == 3 and "no evidence here" in done.stderr


@root
def test_level_aggregate_keeps_no_packets_of_single_connections(tmp_path: Path) -> None:
    words = ["capture", "lo", "--evidence", "--lake", str(tmp_path / "lake"), "--state", str(tmp_path)]
    env = environment(tmp_path) | {"SHADOWAI_PRIVACY": "aggregate"}
    program = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(program, capture_output=True, text=True, env=env, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert "--evidence: evidence is packets of single connections" in done.stderr
    assert not (tmp_path / "lake" / "restricted" / "evidence").exists()
