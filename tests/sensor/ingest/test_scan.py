"""A scan as a whole: the same bytes never count twice, whatever happens on the way."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dpkt
import polars as pl
import pytest
import zstandard

from analytics.lake import open_views
from sensor import schema
from sensor.ingest import doubts
from sensor.ingest.installation import Declared, Installation
from sensor.ingest.summary import Summary
from sensor.settings import Networks, SensorSettings, Settings
from sensor.sources.inputs.open import find
from sensor.sources.interface import Input
from sensor.sources.logs.formats.isc_dhcpd import IscDhcpdFormat
from sensor.sources.logs.formats.squid import SquidFormat
from sensor.sources.mitmproxy.source import MitmproxyFlowsSource
from sensor.sources.packets.pcap import PcapSource
from sensor.store.compaction import Terms, compact
from tests.product import compiled_once, query, run_here, squid

ROOT = Path(__file__).parents[3]
START = int(datetime(2026, 11, 9, 8, 0, tzinfo=UTC).timestamp())

HOSTS = ("chatgpt.com", "claude.ai", "api.openai.com", "www.example.org", "intranet.corp")
VPC = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status"
)
#: columns that name the file or the run, not what was seen
VOLATILE = ("input", "catalog_version", "landed_at")
KEPT = f"COLUMNS(lambda name: name NOT IN {VOLATILE})"
TABLES = "SELECT view_name FROM duckdb_views() WHERE schema_name = 'stored'"


def _lines(begin: int, end: int) -> Iterator[str]:
    """Lines of our documented Squid format: a tunnel every 40 s, four people, five hosts."""
    for n in range(begin, end):
        host = HOSTS[n % len(HOSTS)]
        at = START + 40 * n
        yield (
            f"{at}.{n % 1000:03d} {1500 + n:6d} 10.20.1.{1 + n % 4} user{n % 4} CONNECT {host}:443 200 "
            f'TCP_TUNNEL:HIER_DIRECT {2000 + 37 * n} {9000 + n} {host} "curl/8.5"\n'
        )


def _log(path: Path, begin: int, end: int) -> Path:
    path.write_text("".join(_lines(begin, end)), encoding="utf-8")
    return path


def _shadowai(*words: str | Path, home: Path, code: str) -> subprocess.CompletedProcess[str]:
    program = f"{code}\nfrom sensor.cli.main import run\nrun()"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(
        arguments, capture_output=True, text=True, env=environment, timeout=120, check=False
    )


def _scan(lake: Path, *paths: Path, code: str = "", options: tuple[str, ...] = ("--quiet",)) -> str:
    state = lake.parent / "state"  # one set of keys for all lakes of a test, so that tokens compare
    words = ("scan", *paths, "--lake", lake, "--state", state, *options)
    done = _shadowai(*words, home=lake.parent, code=code) if code else run_here(lake.parent, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _contents(lake: Path) -> dict[str, Any]:
    """Every row of all that the views are made of, without the columns that name the file."""
    out: dict[str, Any] = {}
    for restricted in (False, True):
        with open_views(lake, restricted=restricted) as connection:
            for (table,) in connection.execute(TABLES).fetchall():
                rows = connection.execute(f"SELECT {KEPT} FROM stored.{table} ORDER BY ALL").fetchall()
                out[f"{'restricted' if restricted else 'open'}.{table}"] = rows
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder, and what a lake holds that read the whole log once."""
    folder = tmp_path_factory.mktemp("scan")
    _scan(folder / "whole", _log(folder / "access.log", 0, 1000))
    return folder, _contents(folder / "whole")


def test_the_reference_holds_what_was_logged(whole: tuple[Path, dict[str, Any]]) -> None:
    contents = whole[1]
    assert len(contents["restricted.sightings"]) == 600
    assert len(contents["open.usage_weekly"]) > 3
    # tokens instead of names and addresses, everywhere
    text = str(contents)
    assert "10.20.1." not in text
    assert "user0" not in text
    assert "intranet.corp" not in text


def _check(lake: Path, whole: tuple[Path, dict[str, Any]], *, cut_bucket: bool = False) -> None:
    """The same rows. Where two reads cut a bucket of `names`, its distinct clients are at least
    those of the greater part: nothing stored could tell which of them came twice."""
    contents = _contents(lake)
    for table, rows in whole[1].items():
        if not (cut_bucket and table.endswith(".names")):
            assert contents[table] == rows, table


def test_scanning_twice_changes_nothing(whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = whole[0]
    said = _scan(folder / "whole", folder / "access.log", options=())
    assert "read before, nothing new" in said
    _check(folder / "whole", whole)


def test_rotated_and_gzipped_copies_change_nothing(whole: tuple[Path, dict[str, Any]]) -> None:
    folder = whole[0]
    copy = folder / "access.log.1"
    copy.write_bytes((folder / "access.log").read_bytes())
    packed = folder / "access.log.2.gz"
    packed.write_bytes(gzip.compress(copy.read_bytes()))
    _scan(folder / "whole", copy, packed)
    _check(folder / "whole", whole)


def test_overlapping_exports_count_once(whole: tuple[Path, dict[str, Any]]) -> None:
    folder = whole[0]
    lake = folder / "overlap"
    _scan(lake, _log(folder / "monday.log", 0, 700))
    _scan(lake, _log(folder / "both.log", 300, 1000))
    _check(lake, whole)


def test_a_log_that_grew_is_read_from_where_it_was(whole: tuple[Path, dict[str, Any]]) -> None:
    folder = whole[0]
    lake, log = folder / "grown", folder / "grown.log"
    _scan(lake, _log(log, 0, 800))
    _scan(lake, _log(log, 0, 1000))
    _check(lake, whole, cut_bucket=True)


def test_of_a_large_log_being_written_the_unfinished_line_is_left_for_the_next_scan(
    whole: tuple[Path, dict[str, Any]],
) -> None:
    """Programs write whole buffers, so the last line is nearly always cut: all would be read each time."""
    folder, _ = whole
    log, lake = folder / "large.log", folder / "large"
    text = "".join(_lines(0, 12_000)).encode()
    cut = len(text) - 1000
    assert cut > 1 << 20 and text[cut - 1 : cut] != b"\n"
    log.write_bytes(text[:cut])
    assert "its last, unfinished line is left for the next scan" in _scan(lake, log, options=())
    (progress,) = (json.loads(path.read_text()) for path in (lake / "sources").glob("*.json"))
    assert progress["position"] == text.rindex(b"\n", 0, cut) + 1
    log.write_bytes(text)
    _scan(lake, log)
    _scan(folder / "large-whole", log)
    with (
        open_views(lake, restricted=True) as one,
        open_views(folder / "large-whole", restricted=True) as other,
    ):
        query = "SELECT COUNT(*), SUM(bytes_up), SUM(bytes_down) FROM sightings"
        assert one.execute(query).fetchall() == other.execute(query).fetchall()
        rejected = "SELECT COALESCE(SUM(count), 0) FROM rejects"
        assert one.execute(rejected).fetchall() == other.execute(rejected).fetchall()


@pytest.mark.parametrize("cuts", [(20_011, 50_007), (20_011, 90_003), (80_001, 80_020)])
def test_a_log_scanned_while_its_last_line_is_half_written(
    cuts: tuple[int, ...], whole: tuple[Path, dict[str, Any]]
) -> None:
    """Also below 64 KB, where the identity of a log changes when it grows."""
    folder = whole[0]
    lake, text = folder / f"cut-{cuts[0]}-{cuts[1]}", (folder / "access.log").read_bytes()
    log = folder / f"{lake.name}.log"
    for cut in (*cuts, len(text)):
        assert cut == len(text) or text[cut - 1 : cut] != b"\n"
        log.write_bytes(text[:cut])
        _scan(lake, log)
    _check(lake, whole)


def test_replacing_an_input_changes_nothing_when_nothing_changed(whole: tuple[Path, dict[str, Any]]) -> None:
    folder = whole[0]
    lake = folder / "replaced"
    _scan(lake, folder / "access.log")
    _scan(lake, folder / "access.log", options=("--quiet", "--replace"))
    _check(lake, whole)


def test_standard_input_is_read_like_a_file(whole: tuple[Path, dict[str, Any]]) -> None:
    folder = whole[0]
    lake = folder / "piped"
    words = ("scan", "-", "--lake", lake, "--state", folder / "state", "--sensor", "squid")
    done = run_here(folder, *words, stdin=(folder / "access.log").read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stderr
    _check(lake, whole)


def test_nights_are_those_of_the_clock_of_a_site(tmp_path: Path) -> None:
    """No setting told the clock of a site: it was that of the report, half past six in the morning."""
    (tmp_path / "shadowai.toml").write_text(
        'zone = "UTC"\nlake = "lake"\nstate = "state"\n'
        '[[sensors]]\nname = "west-proxy"\nsite = "west"\nzone = "America/New_York"\npaths = ["proxy/*"]\n'
        '[[sensors]]\nname = "west-dns"\nsite = "west"\n[[sensors]]\nname = "hq"\nsite = "hq"\n',
        encoding="utf-8",
    )
    (tmp_path / "proxy").mkdir()
    compiled_once(tmp_path / "state")
    asked = [(datetime(2026, 11, 17, 6, 30, tzinfo=UTC), "10.0.0.7", "ada")]
    squid(tmp_path / "proxy" / "access.log", asked, "api.openai.com")
    done = run_here(tmp_path, "scan", "proxy", "-q")
    assert done.returncode == 0, done.stderr
    assert query(tmp_path, "SELECT site, hours, night_hours FROM agents") == [("west", 1, 1)]
    assert query(tmp_path, "SELECT sensor, zone FROM sensors ORDER BY sensor") == [
        ("hq", None), ("west-dns", None), ("west-proxy", "America/New_York"),
    ]  # fmt: skip


def test_sensors_that_begin_within_an_hour_are_all_known(tmp_path: Path) -> None:
    declared = (SensorSettings(name="branch"), SensorSettings(name="one"))  # nothing of branch is read
    settings = Settings(lake=tmp_path / "lake", state=compiled_once(tmp_path / "state"), sensors=declared)
    installation = Installation(settings, Declared())
    installation.lake.create()
    for name, site, kind in (
        ("one", "hq", SquidFormat),
        ("two", "lab", MitmproxyFlowsSource),
        ("one", "elsewhere", PcapSource),
    ):
        installation.introduce([(SensorSettings(name=name, site=site), kind)])
    assert compact(installation.lake, Terms("UTC"), now=datetime.now(UTC), settle=timedelta())
    (file,) = installation.lake.manifest()["tables"]["sensors"]["cold"]["all"]
    known = pl.read_parquet(installation.lake.path / file).select("sensor", "site", "rank", "kind").rows()
    assert known == [
        ("branch", "main", None, None),
        ("one", "elsewhere", 1, "packets"),
        ("one", "hq", 3, "logs"),
        ("one", "main", None, None),
        ("two", "lab", 3, "recordings"),
    ]


def test_who_held_an_address_does_not_make_a_packet_sensor_one_of_logs(tmp_path: Path) -> None:
    """A folder of captures and DHCP logs: reports said that no packet sensor watched the site."""
    settings = Settings(lake=tmp_path / "lake", state=compiled_once(tmp_path / "state"))
    installation = Installation(settings, Declared())
    installation.lake.create()
    branch = SensorSettings(name="branch")
    installation.introduce([(branch, PcapSource), (branch, IscDhcpdFormat)])  # in one scan
    installation.introduce([(SensorSettings(name="dhcp"), IscDhcpdFormat)])
    installation.introduce([(branch, IscDhcpdFormat)])  # and later
    assert compact(installation.lake, Terms("UTC"), now=datetime.now(UTC), settle=timedelta())
    (file,) = installation.lake.manifest()["tables"]["sensors"]["cold"]["all"]
    known = pl.read_parquet(installation.lake.path / file).select("sensor", "vantage", "rank", "kind").rows()
    assert known == [("branch", "packets", 1, "packets"), ("dhcp", None, None, None)]


def test_a_sensor_named_by_an_option_is_that_of_the_settings(tmp_path: Path) -> None:
    """Its time zone and population were lost, unless its paths matched, too."""
    known = SensorSettings(name="hq", site="hq", timezone="Europe/Berlin", population=42)
    settings = Settings(lake=tmp_path / "lake", state=compiled_once(tmp_path / "state"), sensors=(known,))
    (tmp_path / "access.log").write_text("x", encoding="utf-8")
    read = Input(tuple(find([tmp_path / "access.log"]).files), "in")
    named = Installation(settings, Declared(sensor="hq")).sensor_of(SquidFormat, read)
    assert named == known
    assert Installation(settings, Declared(sensor="lab")).sensor_of(SquidFormat, read).timezone is None


def _rotated(capture: Path, folder: Path, files: int) -> list[Path]:
    """A capture in parts, as `tcpdump -C` writes them."""
    with capture.open("rb") as whole:
        packets = list(dpkt.pcap.Reader(whole))
    made = []
    for nth in range(files):
        made.append(folder / f"cap{nth}.pcap")
        with made[-1].open("wb") as part:
            writer = dpkt.pcap.Writer(part)
            for at, packet in packets[nth * len(packets) // files : (nth + 1) * len(packets) // files]:
                writer.writepkt(packet, at)
    return made


def test_a_folder_of_rotated_captures_may_grow(tmp_path: Path) -> None:
    """A connection of the last file goes on in the next one: what was stored of it before counts once."""
    whole, grown = tmp_path / "whole", tmp_path / "grown"
    for folder in (whole, grown):
        folder.mkdir()
    (capture,) = (ROOT / "pcaps" / "upload-3mb").glob("*.pcap*")
    (tmp_path / "all.pcap").write_bytes(zstandard.decompress(capture.read_bytes()))
    _rotated(tmp_path / "all.pcap", whole, 3)
    _scan(tmp_path / "one", whole)
    for part in sorted(whole.iterdir()):
        shutil.copy(part, grown)
        _scan(tmp_path / "many", grown)
    queries = (
        "SELECT COUNT(*), SUM(bytes_up), SUM(bytes_down), SUM(connections), MAX(grade) FROM sightings",
        "SELECT SUM(packets), SUM(flows) FROM coverage",
        "SELECT host, SUM(bytes_up), SUM(connections) FROM names GROUP BY host ORDER BY host",
    )
    answers = []
    for lake in ("one", "many"):
        with open_views(tmp_path / lake, restricted=True) as connection:
            answers.append([connection.execute(query).fetchall() for query in queries])
    assert answers[0] == answers[1]
    assert answers[0][0][0][1] > 3_000_000


def test_captures_of_two_sensors_are_two_inputs(tmp_path: Path) -> None:
    """Names that differ only in digits make one input, unless the settings say whose each file is."""
    (capture,) = (ROOT / "pcaps" / "upload-3mb").glob("*.pcap*")
    (tmp_path / "all.pcap").write_bytes(zstandard.decompress(capture.read_bytes()))
    folder = tmp_path / "captures"
    folder.mkdir()
    _rotated(tmp_path / "all.pcap", folder, 2)
    sensors = "".join(
        f'[[sensors]]\nname = "hq{n}"\nsite = "site{n}"\npaths = ["captures/cap{n}.pcap"]\n' for n in (0, 1)
    )
    (tmp_path / "shadowai.toml").write_text(sensors, encoding="utf-8")
    config = ("--quiet", "--config", str(tmp_path / "shadowai.toml"))
    _scan(tmp_path / "lake", folder, options=config)
    with open_views(tmp_path / "lake", restricted=False) as connection:
        seen = connection.execute(
            "SELECT sensor, site, SUM(packets) > 0 FROM coverage GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert seen == [("hq0", "site0", True), ("hq1", "site1", True)]


def test_connections_to_blind_spots_of_the_catalog_are_counted(tmp_path: Path) -> None:
    lines = "".join(_lines(0, 4)).replace("chatgpt.com", "dns.google").replace("claude.ai", "eu1.nordvpn.com")
    (tmp_path / "access.log").write_text(lines, encoding="utf-8")
    _scan(tmp_path / "lake", tmp_path / "access.log")
    with open_views(tmp_path / "lake", restricted=False) as connection:
        counted = connection.execute("SELECT SUM(encrypted_dns), SUM(vpn_relay) FROM coverage").fetchall()
    assert counted == [(1, 1)]


def test_a_resolvers_log_names_the_flows_of_other_logs_of_its_site(tmp_path: Path) -> None:
    """They came in one folder, and each flow stayed without a name."""
    asked = {"version": "1.100000", "query_timestamp": "2026-11-09T08:00:00Z", "query_name": "chatgpt.com."}
    asked |= {"query_type": "A", "query_class": "IN", "rcode": "NOERROR", "srcaddr": "10.20.1.4"}
    asked |= {
        "answers": [{"Rdata": "203.0.113.9", "Type": "A", "Class": "IN"}],
        "srcport": "999",
        "vpc_id": "v",
    }
    sensors = ""
    for site in ("hq", "lab"):
        (tmp_path / site).mkdir()
        flow = f"10.20.1.4 203.0.113.9 40000 443 6 20 9000 {START + 60} {START + 90} ACCEPT OK\n"
        (tmp_path / site / "a.log").write_text(f"{VPC}\n2 123456789012 eni-1 {flow}", encoding="utf-8")
        sensors += f'[[sensors]]\nname = "{site}"\nsite = "{site}"\npaths = ["{tmp_path / site}/*"]\n'
    (tmp_path / "hq" / "z.log").write_text(f"{json.dumps(asked)}\n", encoding="utf-8")
    (tmp_path / "shadowai.toml").write_text(sensors, encoding="utf-8")
    config = ("--quiet", "--config", str(tmp_path / "shadowai.toml"))
    _scan(tmp_path / "lake", tmp_path / "hq", tmp_path / "lab", options=config)
    with open_views(tmp_path / "lake", restricted=True) as connection:
        found = connection.execute("SELECT site, host FROM sightings WHERE kind = 'flow'").fetchall()
    assert found == [("hq", "chatgpt.com")]
    later = f"2 1 eni-1 10.20.1.4 203.0.113.9 40001 443 6 20 9000 {START + 600} {START + 630} ACCEPT OK\n"
    for log, more in (("a.log", later), ("z.log", json.dumps(asked | {"srcaddr": "10.20.1.5"}) + "\n")):
        with (tmp_path / "hq" / log).open("a", encoding="utf-8") as grown:
            grown.write(more)
    _scan(tmp_path / "lake", tmp_path / "hq", options=config)
    with open_views(tmp_path / "lake", restricted=True) as connection:
        assert connection.execute("SELECT COUNT(*) FROM sightings WHERE kind = 'flow'").fetchone() == (2,)


def test_a_log_that_names_nothing_says_what_would(tmp_path: Path) -> None:
    """Nothing matched, and nothing was said but that."""
    flow = f"2 1 eni-1 10.20.1.4 203.0.113.9 40000 443 6 20 9000 {START} {START + 30} ACCEPT OK\n"
    (tmp_path / "flows.log").write_text(f"{VPC}\n{flow}", encoding="utf-8")
    said = _scan(tmp_path / "lake", tmp_path / "flows.log", options=())
    assert "flows.log: Flow logs name no hosts: scan Route 53 resolver query logs with them." in said
    assert "We cannot tell whether AI was used (our sources record no names of servers)." in said


def test_a_reader_may_look_while_a_scan_writes(whole: tuple[Path, dict[str, Any]]) -> None:
    folder = whole[0]
    lake = folder / "read"
    _scan(lake, _log(folder / "first.log", 0, 500))
    with open_views(lake, restricted=True) as reader:
        before = reader.execute("SELECT count(*) FROM sightings").fetchone()
        _scan(lake, _log(folder / "second.log", 500, 1000))
        # its own views still hold: the old days are there, and nothing is counted twice
        assert before == (300,)
        assert reader.execute("SELECT count(DISTINCT event_id) = count(*) FROM sightings").fetchone() == (
            True,
        )
        assert reader.execute("SELECT count(*) >= 300 FROM sightings").fetchone() == (True,)
    _check(lake, whole, cut_bucket=True)


#: stops the process with a signal at the nth rename that makes something visible
STOP = """
import os, signal
from sensor import durable
count = 0
original = durable.publish
def publish(temporary, path):
    global count
    count += 1
    if count == {nth}:
        os.kill(os.getpid(), {signal})
    original(temporary, path)
durable.publish = publish
"""

#: leaves a copy of the lake as it is before every fifth of them: what a kill at that moment would leave
COPIES = """
import pathlib, shutil
from sensor import durable
count = 0
original = durable.publish
def publish(temporary, path):
    global count
    count += 1
    if count % 7 == 1:
        shutil.copytree({lake!r}, "{lake}-" + str(count))
    original(temporary, path)
durable.publish = publish
"""


def _stopped(nth: int, stop: signal.Signals, whole: tuple[Path, dict[str, Any]]) -> int:
    """Scan, stopped at the nth rename; scan again; the same rows. Returns the first exit code."""
    folder = whole[0]
    lake = folder / f"{stop.name}-{nth}"
    words = ("scan", folder / "access.log", "--lake", lake, "--state", folder / "state")
    done = _shadowai(*words, home=folder, code=STOP.format(nth=nth, signal=int(stop)))
    if stop is signal.SIGINT:
        assert "what was committed is safe" in done.stderr
    _scan(lake, folder / "access.log")
    _check(lake, whole)
    return done.returncode


def test_a_killed_scan_resumes_exactly(whole: tuple[Path, dict[str, Any]]) -> None:
    assert _stopped(7, signal.SIGKILL, whole) == -signal.SIGKILL


def test_stopped_between_any_two_renames_it_resumes_exactly(whole: tuple[Path, dict[str, Any]]) -> None:
    folder = whole[0]
    lake = folder / "copied"
    _scan(lake, folder / "access.log", code=COPIES.format(lake=str(lake)))
    copies = sorted(folder.glob("copied-*"))
    assert len(copies) > 3
    for copy in copies:
        _scan(copy, folder / "access.log")
        _check(copy, whole)


@pytest.mark.parametrize("nth", [3, 17])
def test_ctrl_c_leaves_a_lake_to_go_on_with(nth: int, whole: tuple[Path, dict[str, Any]]) -> None:
    assert _stopped(nth, signal.SIGINT, whole) == 130


@pytest.mark.parametrize(
    ("of_people", "read", "told"),
    [
        ({"hq", "lab"}, {"main"}, "addresses at hq, lab to people, and what was read is of main;"),
        ({"hq", "lab"}, {"main", "lab"}, ""),
        ({"hq", None}, {"main"}, ""),  # a line without a site holds everywhere
        (set(), {"main"}, ""),
    ],
)
def test_people_of_other_sites_only_are_said(of_people: set[str | None], read: set[str], told: str) -> None:
    """Their file was read without a word, and named nobody."""
    said = doubts.elsewhere(of_people, read)
    assert told in said and bool(said) == bool(told)


@pytest.mark.parametrize(
    ("addressed", "outside", "busiest", "told"),
    [
        (20, 10, 11, ""),
        (20, 11, 12, "11 of 20 connections to AI services come from public addresses"),
        (19, 19, 11, ""),
        (9, 0, 12, "one address used 12 AI services on a day"),
    ],
)
def test_gateways_that_look_like_a_person_are_said_once(
    addressed: int, outside: int, busiest: int, told: str
) -> None:
    """A mirror port beyond a proxy doubled what the proxy's own log told, and nobody said so."""
    half = addressed // 2
    read = [
        Summary("a", "pcap", addressed=half, outside=outside, busiest=busiest),
        Summary("b", "pcap", addressed=addressed - half),
        Summary("c", "squid", addressed=1000),
    ]
    said = "\n".join(doubts.gateways(read, Networks()))
    assert said.count("\n") == 0 and told in said and bool(said) == bool(told)
    if "one address" in told:
        assert not list(doubts.gateways(read, Networks(shared=("10.0.0.5",))))


def test_a_person_is_no_gateway_for_looking_up_or_having_a_name() -> None:
    """What one address used on a day: a person who is known, lookups and other roles say nothing."""
    day = datetime(2026, 11, 9, tzinfo=UTC)
    row = {
        "client": "a",
        "seen_at": day,
        "role": "use",
        "grade": 3,
        "connections": 2,
        "client_scope": "external",
    }
    rows = [row | {"app": f"v/{n}"} for n in range(3)]
    rows += [row | more for more in (
        {"app": "v/4", "user_name": "u"}, {"app": "v/5", "device": "d"}, {"app": "v/6", "grade": 2},
        {"app": "v/7", "role": "support"}, {"app": "v/8", "client": "b"},
        {"app": "v/11", "client": None}, {"app": "v/12", "client_scope": "proxy"},
        {"app": "v/9", "client_scope": "internal"}, {"app": "v/10", "seen_at": day + timedelta(days=1)},
    )]  # fmt: skip
    summary, sightings = Summary("", "pcap"), schema.SIGHTINGS.conform(pl.DataFrame(rows))
    summary.count(
        {"coverage": schema.COVERAGE.empty(), "rejects": schema.REJECTS.empty(), "sightings": sightings}
    )
    assert (summary.addressed, summary.outside, summary.busiest) == (20, 16, 4)


@pytest.mark.parametrize(
    ("proxy", "settings", "is_told"),
    [
        ("10.0.0.5", "", True),
        ("10.0.0.5", 'networks.proxies = ["10.0.0.5"]\n', False),
        ("10.1.0.1", "", False),  # somebody who also uses the proxy
    ],
)
def test_a_proxy_that_a_firewall_sees_beside_its_clients_is_told(
    tmp_path: Path, proxy: str, settings: str, is_told: bool
) -> None:
    """All that went through the proxy counted twice, once for its own address, and nothing said so."""
    began = datetime(2026, 11, 24, 8, tzinfo=UTC)
    asked, seen = [], []
    for nth in range(30):
        ended, got = began + timedelta(minutes=nth), 60_000 + nth
        asked.append(
            f"{ended.timestamp():.3f} 9000 10.1.0.{nth % 6} TCP_TUNNEL/200 {got} CONNECT claude.ai:443 "
            f"u{nth % 6} HIER_DIRECT/192.0.2.8 -"
        )
        seen.append(
            f'date={ended:%F} time={ended:%T} tz="+0000" devname="FW" logid="0000000013" type="traffic" '
            f'subtype="forward" srcip={proxy} srcport={40_000 + nth} dstip=192.0.2.8 dstport=443 proto=6 '
            f'action="close" duration=9 sentbyte=30000 rcvdbyte={got} hostname="claude.ai" sessionid={nth}'
        )
    (tmp_path / "access.log").write_text("\n".join(asked) + "\n")
    (tmp_path / "fw.log").write_text("\n".join(seen) + "\n")
    (tmp_path / "shadowai.toml").write_text(settings)
    said = run_here(tmp_path, "scan", "access.log", "fw.log").stdout
    told = "got what all clients of squid together got: probably that proxy, whose use then counts twice"
    assert (told in said) is is_told
