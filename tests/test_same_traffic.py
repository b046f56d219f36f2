"""The same traffic gives the same figures, whichever way its logs were cut, packed and handed over."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.product import compiled_once, query, run_here

START = datetime(2026, 11, 17, 8, tzinfo=UTC)
HOSTS = ("chatgpt.com", "claude.ai", "api.openai.com", "www.example.org")
FIGURES = """SELECT app, grade, SUM(bytes_up), SUM(bytes_down), SUM(connections), COUNT(DISTINCT subject)
             FROM usage_hourly GROUP BY app, grade ORDER BY app, grade"""


@dataclass(frozen=True)
class Session:
    """A TLS session; some last for hours, beyond the end of the file in which they began."""

    number: int

    @property
    def begin(self) -> datetime:
        return START + timedelta(minutes=7.5 * self.number)

    @property
    def end(self) -> datetime:
        return self.begin + timedelta(minutes=(0.1, 40, 5, 130)[self.number % 4])

    @property
    def host(self) -> str:
        return HOSTS[self.number % 3 if self.number % 5 else 3]

    @property
    def ends(self) -> tuple[str, int, str, int]:
        server = f"203.0.113.{HOSTS.index(self.host)}"
        return f"10.20.1.{self.number % 6 + 1}", 40_000 + self.number, server, 443

    @property
    def up(self) -> int:
        return 20_000 + self.number

    @property
    def down(self) -> int:
        return 90_000 + self.number


SESSIONS = [Session(number) for number in range(48)]
#: a line of a log, and when it was written
Written = tuple[datetime, str]


def _eve(session: Session) -> Iterable[Written]:
    client, port, server, server_port = session.ends
    common = {
        "flow_id": 10**12 + session.number, "src_ip": client, "src_port": port, "dest_ip": server,
        "dest_port": server_port, "proto": "TCP",
    }  # fmt: skip
    times = {"start": _iso(session.begin), "end": _iso(session.end)}
    sizes = {"bytes_toserver": session.up, "bytes_toclient": session.down}
    hello = session.begin + timedelta(seconds=0.05)
    tls = {"timestamp": _iso(hello), "event_type": "tls", **common, "tls": {"sni": session.host}}
    flow = {"event_type": "flow", **common, "flow": {**times, **sizes, "state": "closed"}}
    yield hello, json.dumps(tls)
    yield session.end, json.dumps({"timestamp": _iso(session.end), **flow})


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f+0000")


_ID = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p"
_ZEEK_FIELDS = {
    "ssl": f"{_ID} server_name established",
    "conn": f"{_ID} proto service duration orig_bytes resp_bytes conn_state history orig_pkts resp_pkts",
}


def _zeek(session: Session, log: str) -> Written:
    ends = (f"C{session.number:07d}", *map(str, session.ends))
    if log == "ssl":
        hello = session.begin + timedelta(seconds=0.05)
        return hello, "\t".join([f"{hello.timestamp():.6f}", *ends, session.host, "T"])
    lasted = f"{(session.end - session.begin).total_seconds():.6f}"
    rest = ("tcp", "ssl", lasted, str(session.up), str(session.down), "SF", "ShADadFf", "30", "80")
    return session.end, "\t".join([f"{session.begin.timestamp():.6f}", *ends, *rest])


def _zeek_folders(folder: Path, name_of: Callable[[datetime], str]) -> list[Path]:
    """The logs in a folder for each `name_of` the time at which a line was written."""
    for log, fields in _ZEEK_FIELDS.items():
        head = f"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t{log}\n"
        names = "\t".join(fields.split())
        by_folder: dict[str, list[str]] = {}
        for at, line in sorted(_zeek(session, log) for session in SESSIONS):
            by_folder.setdefault(name_of(at), []).append(line)
        for name, lines in by_folder.items():
            path = folder / name / f"{log}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{head}#fields\t{names}\n" + "\n".join(lines) + "\n")
    return sorted(folder.iterdir())


def _rotated(folder: Path, lines: list[str], style: str) -> list[Path]:
    """The lines as a log that was rotated twice, the oldest part compressed; the oldest first."""
    names = {
        "numbered": ("eve.json.2.gz", "eve.json.1", "eve.json"),
        "dated": ("eve.json-20261117.gz", "eve.json-20261118", "eve.json"),
    }[style]
    folder.mkdir()
    for nth, name in enumerate(names):
        text = "".join(f"{line}\n" for line in lines[nth * 32 : (nth + 1) * 32]).encode()
        (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return [folder / name for name in names]


class Product:
    """Lakes of one folder, with one set of keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.eve = [line for _, line in sorted(row for session in SESSIONS for row in _eve(session))]
        compiled_once(folder / "state")

    def figures(self, name: str, *scans: Iterable[Path]) -> list[tuple[object, ...]]:
        """What is in a lake after these scans, each of some paths."""
        places = ("--lake", self.folder / name / "lake", "--state", self.folder / "state")
        for paths in scans:
            done = run_here(self.folder, "scan", *paths, *places, "-q")
            assert done.returncode == 0, done.stderr
        return query(self.folder / name, FIGURES)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    return Product(tmp_path_factory.mktemp("same"))


@pytest.fixture(scope="module")
def truth(product: Product) -> list[tuple[object, ...]]:
    (product.folder / "whole.json").write_text("".join(f"{line}\n" for line in product.eve))
    return product.figures("whole", [product.folder / "whole.json"])


def test_the_truth_is_the_story(truth: list[tuple[object, ...]]) -> None:
    sessions = [session for session in SESSIONS if session.host != HOSTS[3]]
    assert {row[1] for row in truth} == {3, 4}
    assert [sum(int(str(row[at])) for row in truth) for at in (2, 3, 4)] == [
        sum(session.up for session in sessions), sum(session.down for session in sessions), len(sessions),
    ]  # fmt: skip


@pytest.mark.parametrize("style", ["numbered", "dated"])
def test_a_rotated_log_is_as_if_it_were_one_file(
    product: Product, truth: list[tuple[object, ...]], style: str
) -> None:
    """A session's name may be in one file and its volume in the next."""
    folder = product.folder / style
    parts = _rotated(folder, product.eve, style)
    assert product.figures(f"{style}-once", [folder]) == truth
    assert product.figures(f"{style}-each", *(parts[: nth + 1] for nth in range(3))) == truth


@pytest.mark.parametrize("layout", ["one", "%Y-%m-%d", "%Y-%m-%d-%H"])
def test_zeeks_folders_are_as_if_they_were_one(
    product: Product, truth: list[tuple[object, ...]], layout: str
) -> None:
    """By the day or by the hour; or each scanned together with those before, as a timer does."""
    folder = product.folder / f"zeek-{layout}"
    folders = _zeek_folders(folder, lambda at: at.strftime(layout))
    assert product.figures(f"{folder.name}-once", [folder]) == truth
    if layout == "%Y-%m-%d":
        assert product.figures("zeek-each", *(folders[: nth + 1] for nth in range(len(folders)))) == truth


@pytest.mark.parametrize("first", ["zeek", "suricata"])
def test_two_programs_at_one_mirror_port_count_once(
    product: Product, truth: list[tuple[object, ...]], first: str
) -> None:
    """Zeek has a row for each connection, Suricata one for its name and one for its volume."""
    folder = product.folder / f"both-{first}"
    _zeek_folders(folder / "zeek", lambda at: "all")
    (folder / "eve.json").write_text("".join(f"{line}\n" for line in product.eve))
    scans = [[folder / "zeek"], [folder / "eve.json"]]
    assert product.figures(folder.name, *(scans if first == "zeek" else scans[::-1])) == truth


def test_who_goes_through_a_gateway_is_one_person_beside_packets(product: Product) -> None:
    """The mirror port knows no account: each person was two, an account and an address."""
    folder = product.folder / "gateways"
    proxy, firewall = [], []
    for session in SESSIONS:
        client, port, server, server_port = session.ends
        user, lasted = f"user-{client[-1]}", session.end - session.begin
        if session.number % 2:
            request = f"TCP_TUNNEL/200 {session.down} CONNECT {session.host}:443 {user}"
            spent = lasted // timedelta(milliseconds=1)
            proxy.append(f"{session.end.timestamp():.3f} {spent} {client} {request} DIRECT/{server} -\n")
        else:
            firewall.append(
                f"eventtime={session.end.timestamp():.0f}000000000 devid=FG1 logid=0000000013 type=traffic "
                f"subtype=forward srcip={client} srcport={port} dstip={server} dstport={server_port} proto=6 "
                f"user={user} hostname={session.host} action=close sentbyte={session.up} "
                f"rcvdbyte={session.down} duration={lasted.total_seconds():.0f} sessionid={session.number}\n"
            )
    folder.mkdir()
    (folder / "access.log").write_text("".join(sorted(proxy)))
    (folder / "forward.log").write_text("".join(sorted(firewall)))
    (folder / "eve.json").write_text("".join(f"{line}\n" for line in product.eve))
    product.figures("gateways", [folder])
    total = (
        "SELECT SUM(connections), SUM(bytes_up), COUNT(DISTINCT subject), MIN(subject_kind) FROM usage_hourly"
    )
    sessions = [session for session in SESSIONS if session.host != HOSTS[3]]
    expected = (len(sessions), sum(session.up for session in sessions), 6, "user")
    assert query(folder, total) == [expected]


def test_a_question_that_two_sensors_see_counts_once(product: Product) -> None:
    """Their clocks differ by milliseconds."""
    folder = product.folder / "questions"
    for name, late in (("hq-a", 0), ("hq-b", 3)):
        lines = []
        for session in SESSIONS:
            client, port, *_ = session.ends
            at = session.begin + timedelta(milliseconds=late)
            question = {
                "version": 2,
                "type": "query",
                "id": 7,
                "rrname": session.host,
                "rrtype": "A",
                "tx_id": 0,
            }
            ends = {
                "src_ip": client,
                "src_port": port,
                "dest_ip": "10.20.0.53",
                "dest_port": 53,
                "proto": "UDP",
            }
            event = {"timestamp": _iso(at), "flow_id": port, "event_type": "dns", **ends, "dns": question}
            lines.append(json.dumps(event) + "\n")
        (folder / name).mkdir(parents=True)
        (folder / name / "eve.json").write_text("".join(lines))
        places = ("--lake", folder / "lake", "--state", product.folder / "state")
        run_here(product.folder, "scan", folder / name, *places, "-q", "--sensor", name)
    lookups = query(folder, "SELECT SUM(lookups), COUNT(DISTINCT app) FROM usage_hourly")
    assert lookups == [(sum(session.host != HOSTS[3] for session in SESSIONS), 3)]


def test_a_lookup_counts_once_whether_its_answer_was_read_with_it_or_not(product: Product) -> None:
    """A rotation, or a commit of `follow`, comes between a question and its answer."""
    lines = [
        f"Nov 17 08:{minute:02}:00 gw dnsmasq[831]: {text}\n"
        for minute in range(0, 40, 2)
        for text in ("query[A] chatgpt.com from 10.20.1.7", "reply chatgpt.com is 203.0.113.7")
    ]
    folder = product.folder / "answers"
    folder.mkdir()
    for name, some in (("whole.log", ["\n", *lines]), ("cut.log.1", lines[:21]), ("cut.log", lines[21:])):
        (folder / name).write_text("".join(some))
    lookups = "SELECT SUM(lookups) FROM usage_hourly"
    places = ("--lake", folder / "lake", "--state", product.folder / "state", "-q")
    for names in (("cut.log.1",), ("cut.log",), ("whole.log",)):
        run_here(folder, "scan", "--quiet", *names, *places)
        if names != ("cut.log.1",):
            assert query(folder, lookups) == [(20,)]
