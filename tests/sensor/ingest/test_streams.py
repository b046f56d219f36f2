"""Followed logs in the lake: at once, once, and exactly resumed after a crash."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread, Timer

import duckdb
import polars as pl
import pytest

from sensor import durable
from sensor.catalog.load import BUILT_IN
from sensor.cli.interrupt import stopped_by_signals
from sensor.errors import LakeError
from sensor.ingest import follow, renewal, streams
from sensor.ingest.behind import Behind
from sensor.ingest.follow import Follower
from sensor.ingest.installation import Declared, Installation
from sensor.ingest.listen import Listener
from sensor.ingest.streams import Stream
from sensor.settings import Settings
from sensor.sources.detect import recognise
from sensor.sources.inputs.receive import BUFFER_FULL, Endpoint, Receiver
from sensor.sources.inputs.tail import Tail, Tails
from sensor.sources.logs.lines.blocks import Block
from sensor.sources.logs.log_format import LogFormat
from sensor.store import segments
from sensor.store.lake import Lake, stage_parquet
from sensor.store.segments import Commits
from tests.product import compiled_once, run_here

ROOT = Path(__file__).parents[3]
PROGRAM = "from sensor.cli.main import run\nrun()"


def shadowai(home: Path, *words: str | Path) -> subprocess.Popen[str]:
    if not (home / "state").exists():
        compiled_once(home / "state")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def write(path: Path, client: int) -> None:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with path.open("a") as out:
        out.write(
            f"<134>{stamp} ns1 named[1]: client @0x1 10.1.2.{client}#53 (chatgpt.com): "
            "query: chatgpt.com IN A + (10.0.0.53)\n"
        )


def clients(lake: Path) -> tuple[int, int]:
    """Lookups and distinct clients in the segments, whatever the views show."""
    files = str(lake / "restricted" / "sightings" / "hot" / "*" / "*.parquet")
    try:
        found = duckdb.sql(
            f"SELECT sum(lookups), count(DISTINCT client) FROM read_parquet('{files}', union_by_name=true)"
        )
        (row,) = found.fetchall()
    except duckdb.IOException:
        return 0, 0
    return int(row[0] or 0), int(row[1])


def wait(lake: Path, wanted: int, seconds: float) -> float:
    """How long until so many lookups are there."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if clients(lake)[0] >= wanted:
            break
        time.sleep(0.1)
    return time.monotonic() - begin


def another_that_has(lake: Path, identity: str) -> subprocess.Popen[bytes]:
    """A process that has taken an input, until it is communicated with."""
    lake.mkdir()
    code = (
        "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX, 1, int(sys.argv[2])); "
        "print(); input()"
    )
    words = [sys.executable, "-uc", code, str(lake / ".inputs.lock"), str(int(identity, 16) >> 1)]
    other = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert other.stdout is not None and other.stdout.readline()
    return other


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the compiled catalog."""
    return compiled_once(tmp_path_factory.mktemp("state"))


def test_follow_survives_kill_rotation_and_truncation(tmp_path: Path, lake: Path) -> None:
    log = tmp_path / "q.log"
    words = ("follow", f"{log}*", "--lake", lake, "--state", tmp_path / "state")
    write(log, 1)
    write(log, 2)
    running = shadowai(tmp_path, *words)
    try:
        wait(lake, 2, 60)
        write(log, 3)
        assert wait(lake, 3, 30) < 10, "about 2 s on an idle machine"
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=30)
        write(log, 4)
        log.rename(tmp_path / "q.log.1")
        write(log, 5)
        (tmp_path / "q.log.started").write_text("starting up\n")
        running = shadowai(tmp_path, *words)
        wait(lake, 5, 60)
        assert clients(lake) == (5, 5)
        write(log, 6)
        write(tmp_path / "q.log.1", 7)
        write(tmp_path / "q.log.started", 8)
        wait(lake, 8, 30)
        os.truncate(log, 0)
        time.sleep(1)
        write(log, 9)
        wait(lake, 9, 30)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 0, err
    assert clients(lake) == (9, 9)
    assert "truncated; read from its start" in err
    assert "from byte 0" in err
    assert "q.log.started: no log format I know yet" in err


def test_follow_uses_a_catalog_that_changes_meanwhile(
    tmp_path: Path, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "CHECK_S", 0.0)
    own, log = tmp_path / "own", tmp_path / "q.log"
    shutil.copytree(BUILT_IN / "vendors" / "openai", own / "vendors" / "openai")
    write(log, 1)
    said: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        if text.endswith("from byte 0"):
            with (own / "vendors" / "openai" / "chatgpt.yml").open("a") as file:
                file.write("# reviewed\n")
        elif text.endswith("from now on"):
            write(log, 2)

    settings = Settings(lake=lake, state=tmp_path / "state", signatures=(own,))
    follower = Follower(Installation(settings, Declared()), [str(log)], lambda head: recognise(head)[0], tell)
    running = Thread(target=follower.run)
    running.start()
    try:
        wait(lake, 2, 60)
    finally:
        follower.stop()
        running.join()
    (fresh,) = (text.split()[1] for text in said if text.endswith("from now on"))
    assert clients(lake) == (2, 2)
    files = str(lake / "restricted" / "sightings" / "hot" / "*" / "*.parquet")
    versions = duckdb.sql(f"SELECT DISTINCT catalog_version FROM read_parquet('{files}', union_by_name=true)")
    assert (fresh,) in versions.fetchall()


def test_a_session_goes_on_in_the_next_file_of_a_rotated_log(
    tmp_path: Path, lake: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its counts are cumulative."""
    line = (
        '{"start_time": 1791280800000, "end_time": 17912%05d000, "conn_uuid": "c", "src_nbytes": %d, '
        '"ip_src_saddr": "10.1.2.3", "ip_dst_saddr": "192.0.2.7", "transport_proto": "TCP"%s}\n'
    )
    first, current = tmp_path / "fw.log.1", tmp_path / "fw.log"
    first.write_text(line % (80900, 100, ', "server_name": "api.openai.com"') + line % (81000, 500, ""))
    current.write_text(line % (81100, 700, ""))
    os.utime(first, (1, 1))
    installation = Installation(Settings(lake=lake, state=state), Declared())
    follower = Follower(installation, [f"{current}*"], lambda head: recognise(head)[0], print)
    monkeypatch.setattr(follow.time, "sleep", lambda _: follower.stop())  # when nothing is left to read
    follower.run()
    sent = duckdb.sql(f"FROM '{lake}/restricted/sightings/hot/*/*.parquet'").order("slice")
    assert sent.select("slice", "bytes_up").fetchall() == [(0, 100), (1, 400), (2, 200)]


def test_a_file_that_rests_is_stored_beside_one_that_never_does(
    tmp_path: Path, lake: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(log := tmp_path / "q.log", 1)
    installation = Installation(Settings(lake=lake, state=state), Declared())
    installation.lake.create()
    (tail,) = Tails([str(log)]).look(0)
    kind, _ = recognise(log.read_bytes())
    assert issubclass(kind, LogFormat)
    with Behind() as behind:
        stream = Stream(installation, kind, tail.input(), behind)
        stream.read(tail.blocks(), time.monotonic(), datetime.now(UTC))
        behind.settle()
        rests = Event()
        behind.hand(partial(rests.wait, 10))
        stream.commit_if_due()
        assert clients(lake) == (0, 0)
        monkeypatch.setattr(streams, "COMMIT_S", 0.0)
        Timer(0.1, rests.set).start()
        stream.commit_if_due()
        assert clients(lake) == (1, 1)


@pytest.mark.parametrize("is_full", [False, True])
def test_no_connection_is_read_before_the_answer_that_names_it(
    is_full: bool, tmp_path: Path, lake: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall's lines that came while those of the resolver were read, or filled a block before them."""
    names, sessions = tmp_path / "names.log", tmp_path / "fw.log"
    count = 0

    def write_both() -> None:
        nonlocal count
        count += 1
        now = datetime.now(UTC)
        place = f"{now:%b %d %H:%M:%S} gw dnsmasq[7]: {count} 10.1.2.{count}/5000"
        with names.open("a") as out:
            out.write(f"{place} query[A] claude.ai from 10.1.2.{count}\n")
            out.write(f"{place} reply claude.ai is 192.0.2.{count}\n")
        with sessions.open("a") as out:
            out.write(
                f'date={now:%Y-%m-%d} time={now:%H:%M:%S} logid="0000000013" type="traffic" '
                f'subtype="forward" tz="+0000" srcip=10.1.2.{count} srcport=50000 dstip=192.0.2.{count} '
                f'dstport=443 proto=6 action="close" sessionid={count} duration=0 sentbyte=9 rcvdbyte=40\n'
            )

    def read(stream: Stream, blocks: Iterable[Block], since: float, written: datetime) -> None:
        read_all(stream, blocks, since, written)
        if count == 1 and (stream.file.path == str(sessions)) == is_full:
            write_both()

    read_all = Stream.read
    monkeypatch.setattr(Stream, "read", read)
    if is_full:
        monkeypatch.setattr(Tail, "fills_a_block", property(lambda tail: tail.path == str(sessions)))
        monkeypatch.setattr(follow, "BLOCK_BYTES", 1)
    else:
        monkeypatch.setattr(streams, "COMMIT_S", 0.0)
        monkeypatch.setattr(follow, "FILE_S", 0.0)
    write_both()
    installation = Installation(Settings(lake=lake, state=state), Declared())
    follower = Follower(installation, [str(sessions), str(names)], lambda head: recognise(head)[0], print)
    monkeypatch.setattr(follow.time, "sleep", lambda _: follower.stop())  # when nothing is left to read
    follower.run()
    assert [summary.sightings for summary in follower.summaries] == [2, 2]


def test_a_file_that_another_process_follows_waits_until_that_ends(
    tmp_path: Path, lake: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records counted twice in coverage and names; and so did those that the other one, which was
    killed, had stored since this one began."""
    log, old = tmp_path / "q.log", tmp_path / "old.log"
    write(old, 1)
    os.utime(old, (1, 1))
    write(log, 2)
    (tail,) = Tails([str(log)]).look(0)
    other = another_that_has(lake, tail.identity)
    monkeypatch.setattr(follow, "LOOK_S", 0.0)
    said: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        if "another process" in text:
            Commits(Lake(lake), tail.identity).commit(0, tail.size, {})
            write(log, 3)
            other.communicate()

    settings = Settings(lake=lake, state=state)
    names = [str(old), str(log)]
    follower = Follower(Installation(settings, Declared()), names, lambda head: recognise(head)[0], tell)
    monkeypatch.setattr(follow.time, "sleep", lambda _: follower.stop())  # when nothing is left to read
    follower.run()
    assert len(said) == 3 and said[2] == f"{log}: bind, from byte {log.stat().st_size // 2}"
    assert [summary.sightings for summary in follower.summaries] == [1, 1]


def test_lines_that_found_no_room_are_read_again(
    tmp_path: Path, lake: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a run on a full disk stored that they were read, but none of their rows."""
    write(tmp_path / "q.log", 1)

    def follower() -> Follower:
        installation = Installation(Settings(lake=lake, state=state), Declared())
        return Follower(installation, [str(tmp_path / "q.log")], lambda head: recognise(head)[0], print)

    def refuse(commits: Commits, begin: int, end: int, frames: Mapping[str, pl.DataFrame]) -> None:
        if "sightings" in frames:
            monkeypatch.undo()  # there is room for a small file
            raise LakeError("no space left on device")
        commit(commits, begin, end, frames)

    commit = Commits.commit
    monkeypatch.setattr(Commits, "commit", refuse)
    with pytest.raises(LakeError):
        follower().run()
    again = follower()
    monkeypatch.setattr(follow.time, "sleep", lambda _: again.stop())  # when nothing is left to read
    again.run()
    assert clients(lake) == (1, 1)


def test_at_level_aggregate_followed_lines_are_sealed_outside_the_lake(
    tmp_path: Path, lake: Path, state: Path
) -> None:
    write(tmp_path / "q.log", 1)
    settings = Settings(lake=lake, state=state, privacy="aggregate")
    follower = Follower(
        Installation(settings, Declared()),
        [str(tmp_path / "q.log")],
        lambda head: recognise(head)[0],
        lambda text: follower.stop(),  # told of the file before its first block is read
    )
    follower.run()
    assert [summary.sightings for summary in follower.summaries] == [1]
    assert clients(lake) == (0, 0)
    assert len(list((state / "sealed").glob("*/sightings/*.sealed"))) == 1


def test_what_a_socket_received_waits_for_room(
    tmp_path: Path, lake: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk listen ended, and lost it uncounted."""
    monkeypatch.setattr(streams, "COMMIT_S", 0.0)
    monkeypatch.setattr(streams, "POLL_S", 0.01)
    monkeypatch.setattr(durable, "RETRY_S", 0.1)
    write(tmp_path / "first", 1)
    write(tmp_path / "second", 2)
    sender = socket.socket(type=socket.SOCK_DGRAM)

    def full(path: Path, *_: object, **__: object) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def tell(text: str) -> None:
        said.append(text)
        if text.startswith("listening on"):
            sender.connect(("127.0.0.1", int(text.rpartition(":")[2])))
            sender.send((tmp_path / "first").read_bytes())
            monkeypatch.setattr(segments, "stage_parquet", full)
        elif text.endswith("kept in memory"):
            sender.send((tmp_path / "second").read_bytes())
            monkeypatch.setattr(segments, "stage_parquet", stage_parquet)
        else:
            listener.stop()

    said: list[str] = []
    installation = Installation(Settings(lake=lake, state=state), Declared())
    receiver = Receiver([Endpoint("udp", "127.0.0.1", 0)])
    listener = Listener(installation, receiver, "listen", tell)
    asyncio.run(listener.run())
    sender.close()
    assert said[2:] == ["there is room again"]
    assert clients(lake) == (2, 2)


def test_lost_datagrams_are_said_while_it_listens(
    lake: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the last line told of them, when it was stopped."""
    monkeypatch.setattr(streams, "COMMIT_S", 0.0)
    said: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        if text.startswith("listening"):
            receiver.lost[BUFFER_FULL] += 1234
            receiver.datagram(b"<134>x")
        else:
            listener.stop()

    receiver = Receiver([Endpoint("udp", "127.0.0.1", 0)])
    listener = Listener(Installation(Settings(lake=lake, state=state), Declared()), receiver, "listen", tell)
    asyncio.run(listener.run())
    what = "datagrams the kernel dropped, its buffer was full"
    assert said[1:] == [f"LOST, 1,234 × {what}; try sysctl -w net.core.rmem_max=8388608, or senders on TCP"]


def test_two_that_receive_under_one_name_do_not_overwrite_each_other(lake: Path, state: Path) -> None:
    """On two hosts, or at a port 0; what the one had stored last was lost."""
    other = another_that_has(lake, hashlib.blake2b(b"listen", digest_size=8).hexdigest())
    receiver = Receiver([Endpoint("udp", "127.0.0.1", 0)])
    listener = Listener(Installation(Settings(lake=lake, state=state), Declared()), receiver, "listen", print)
    with pytest.raises(LakeError, match="received by another process, too"):
        asyncio.run(listener.run())
    other.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_listen_ends_as_it_was_told(number: int, code: int, tmp_path: Path, lake: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        place = f"udp://127.0.0.1:{free.getsockname()[1]}"
    running = shadowai(tmp_path, "listen", place, "--lake", lake, "--state", tmp_path / "state")
    try:
        assert running.stderr is not None
        assert "listening on" in running.stderr.readline()
        running.send_signal(signal.SIGHUP)
        assert "nothing new" in running.stderr.readline()
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert (running.returncode, err) == (code, "")
    assert out == f"0 messages\nlisten {place}: syslog, 0 records, 0 sightings\n"


def test_only_who_waits_at_the_keyboard_can_end_it_before_all_is_stored() -> None:
    """A second SIGTERM lost what a socket or an interface had received since the last commit."""
    calls: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with stopped_by_signals(partial(calls.append, "stop"), partial(calls.append, "reload")) as came:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            assert signal.getsignal(number) not in (signal.SIG_DFL, before)
            signal.raise_signal(number)
        assert signal.getsignal(signal.SIGINT) is before
    assert calls == ["stop", "reload", "stop", "stop"]
    assert came == [signal.SIGTERM, signal.SIGTERM, signal.SIGINT]


def test_listen_says_that_it_understands_nothing_and_what_it_left_out(tmp_path: Path, lake: Path) -> None:
    """It listened without a word, and ended with `0 records`."""
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    place = f"udp://127.0.0.1:{address[1]}"
    running = shadowai(tmp_path, "listen", place, "--lake", lake, "--state", tmp_path / "state")
    try:
        assert running.stderr is not None
        assert "listening on" in running.stderr.readline()
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            for n in range(20):
                sender.sendto(f"<134>something odd happened, {n}".encode(), address)
        assert running.stderr.readline() == (
            "shadowai: none of 20 messages is in a known format; `shadowai sources try` shows how a file of "
            "them would be read\n"
        )
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    assert out.startswith(f"20 messages\nlisten {place}: ") and "not used: 20 × no known format" in out


def test_follow_ends_with_what_it_left_out(tmp_path: Path, lake: Path) -> None:
    log = tmp_path / "q.log"
    write(log, 1)
    with log.open("a") as out:
        out.write("something odd happened\n")
    running = shadowai(tmp_path, "follow", log, "--lake", lake, "--state", tmp_path / "state")
    try:
        wait(lake, 1, 60)
        running.send_signal(signal.SIGTERM)
        said, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    assert said.startswith(f"{log}: bind, 2 records, 1 sighting of 1 service\n")
    assert "not used: 1 × no known format" in said


def test_follow_tells_what_only_a_scan_can_read(tmp_path: Path, lake: Path) -> None:
    """It did not know Zeek's logs, it said."""
    log = ROOT / "pcaps" / "zeek-hour" / "dns.log"
    running = shadowai(tmp_path, "follow", log, "--lake", lake, "--state", tmp_path / "state")
    assert running.stderr is not None
    said = running.stderr.readline()
    running.terminate()
    running.communicate(timeout=30)
    assert said == (
        f"shadowai: {log}: zeek, read as a whole: `shadowai scan` takes it, from a timer for each new file\n"
    )


def test_listen_tells_bad_endpoints_and_missing_certificates(tmp_path: Path, lake: Path) -> None:
    for words, text in (
        (("udp://nowhere:99999",), "not an endpoint"),
        (("ftp",), "not an endpoint"),
        (("tls",), "tls needs a certificate"),
        (("tcp", "--clients", "ca.pem"), "--clients: no endpoint uses TLS"),
    ):
        done = run_here(tmp_path, "listen", *words, "--lake", lake)
        assert (done.returncode, text in done.stderr) == (2, True), done.stderr
