"""The round trip: a service is ruled out, the lists exported, loaded and obeyed, and the next report says so.

Two namespaces, `office` and `edge`, one cable between them. In `edge` stand Squid, a plain Unbound, one with
the response policy zone, and servers. The people of the first week and of the second do the same; the first
week's proxy log is that of a moment ago, seven days older.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

from analytics.lake import open_views
from analytics.render.words import THIN
from analytics.reports.prepare import page_of
from sensor.catalog.load import load
from sensor.match.index import Index
from sensor.match.match import match
from tests.lab import network
from tests.lab.hosts import AI_NAMES, OTHER_NAMES
from tests.product import shadowai
from tests.test_decided import POLICY

pytestmark = pytest.mark.root
PROGRAMS = Path(__file__).parent / "programs"
OFFICE, EDGE = (f"shadowpol{os.getpid()}-{part}" for part in ("office", "edge"))
PROXY, PLAIN, FILTERING = "10.98.0.1", "10.98.0.2", "10.98.0.3"
PEOPLE = [f"10.98.0.{n}" for n in range(11, 19)]
HOSTS = [name for name in (*AI_NAMES, *OTHER_NAMES) if not name.endswith(".example")]
RULED_OUT, OTHERS = "chat.deepseek.com", ("copilot.microsoft.com", "chat.mistral.ai", "en.wikipedia.org")
SENT = 60_000
WEEK_S = 7 * 86_400

SETTINGS = """zone = "Europe/Berlin"
policy = "policy.yml"
identity = {people = "people.csv"}
networks = {internal = ["10.98.0.0/24"]}
sensors = [{name = "proxy", site = "hq", vantage = "proxy", rank = 1, source = "squid", paths = ["*"]}]
"""
SQUID = """http_port 10.98.0.1:3128
logformat shadowai %ts.%03tu %6tr %>a %un %rm %ru %>Hs %Ss:%Sh %>st %<st %ssl::>sni "%{User-Agent}>h"
access_log stdio:{folder}/access.log shadowai
{include}
http_access allow all
dns_nameservers 10.98.0.2
cache deny all
cache_log {folder}/cache.log
pid_filename none
coredump_dir {folder}
visible_hostname proxy.corp.example
shutdown_lifetime 0 seconds
"""
UNBOUND = """server:
  interface: {address}
  access-control: 10.98.0.0/24 allow
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  num-threads: 1
  outgoing-interface: {address}
  module-config: "respip iterator"
{more}
remote-control:
  control-enable: no
"""


def program(name: str) -> str | None:
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")


def missing() -> str:
    """Why the round trip cannot be made on this machine; '' where it can."""
    if os.geteuid() != 0:
        return "namespaces need root"
    if absent := [name for name in ("ip", "ethtool", "squid", "unbound") if program(name) is None]:
        return f"not installed: {', '.join(absent)}"
    built = subprocess.run([str(program("squid")), "-v"], capture_output=True, text=True, check=False).stdout
    return "" if "--with-openssl" in built else "this Squid logs no TLS names (squid-openssl does)"


@dataclass
class Lab:
    """The two namespaces, and what runs in them."""

    work: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Lab:
        for name in (OFFICE, EDGE):
            network.run("ip", "netns", "add", name)
            network.ip(name, "link set lo up")
        network.connect(OFFICE, "eth0", EDGE, "eth0")
        for address in PEOPLE:
            network.ip(OFFICE, f"addr add {address}/24 dev eth0")
        for address in (PROXY, PLAIN, FILTERING):
            network.ip(EDGE, f"addr add {address}/24 dev eth0")
        network.ip(EDGE, "route add local 198.51.100.0/24 dev lo")
        self.start("sink", sys.executable, str(PROGRAMS / "sink.py"))
        zone = [f'  local-data: "{name}. A 198.51.100.{n}"' for n, name in enumerate(HOSTS, 10)]
        self.start_unbound("plain", PLAIN, '  local-zone: "." static', *zone)
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.running):
            self.stop(name)
        for name in (OFFICE, EDGE):
            network.remove_namespace(name)

    def start(self, name: str, *command: str) -> None:
        with (self.work / f"{name}.out").open("ab") as out:
            self.running[name] = subprocess.Popen(
                network.inside(EDGE, command), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def stop(self, name: str) -> None:
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def start_unbound(self, name: str, address: str, *more: str) -> None:
        config = self.work / f"{name}.conf"
        config.write_text(UNBOUND.format(address=address, more="\n".join(more)))
        self.start(name, str(program("unbound")), "-d", "-c", str(config))
        self.wait(f"src {address}:53", "u")

    def start_squid(self, *lists: Path) -> Path:
        """Squid with these lists included; returns its log."""
        folder = self.work / f"squid{len(lists)}"
        folder.mkdir()
        config = folder / "squid.conf"
        include = "\n".join(f"include {path}" for path in lists)
        config.write_text(SQUID.replace("{folder}", str(folder)).replace("{include}", include))
        for path in (folder, config):
            shutil.chown(path, "proxy", "proxy")
        self.start("squid", str(program("squid")), "-N", "-f", str(config))
        self.wait(f"src {PROXY}:3128", "t")
        return folder / "access.log"

    def wait(self, what: str, kind: str) -> None:
        """Until something listens: Squid takes its time on a busy machine."""
        for _ in range(450):
            asked = network.inside(EDGE, ["ss", f"-Hl{kind}n", *what.split()])
            if subprocess.run(asked, capture_output=True, check=True).stdout.strip():
                return
            time.sleep(0.1)
        said = "\n".join(path.read_text(errors="replace")[-800:] for path in self.work.glob("*.out"))
        raise RuntimeError(f"nothing listens: {what}\n{said}")

    def ask(self, **told: object) -> list[int]:
        """What programs/visit.py makes of it, in the office."""
        command = network.inside(OFFICE, [sys.executable, str(PROGRAMS / "visit.py")])
        done = subprocess.run(
            command, input=json.dumps(told), capture_output=True, text=True, timeout=120, check=True
        )
        return list(json.loads(done.stdout))

    def work_week(self) -> list[int]:
        """Everybody sends to the service that is ruled out and to three others; statuses of the former."""
        visits = [(person, host, SENT) for person in PEOPLE for host in (RULED_OUT, *OTHERS)]
        statuses = self.ask(proxy=(PROXY, 3128), visits=visits)
        assert all(s == 200 for s, (_, host, _) in zip(statuses, visits, strict=True) if host != RULED_OUT)
        return [s for s, (_, host, _) in zip(statuses, visits, strict=True) if host == RULED_OUT]


@dataclass(frozen=True)
class Told:
    """What the round trip showed."""

    home: Path
    names_denied: set[str]
    hosts_denied: set[str]
    names_before: set[int]
    first_week: list[int]
    second_week: list[int]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    if reason := missing():
        pytest.skip(reason)
    with TemporaryDirectory(prefix="shadowpol-") as folder:
        Path(folder).chmod(0o711)  # Squid drops root and must reach its own folder inside
        yield round_trip(Path(folder))


def round_trip(home: Path) -> Told:
    rows = [f"{address},user{n},lt-{n},{('Sales', 'Law')[n % 2]},hq" for n, address in enumerate(PEOPLE)]
    (home / "people.csv").write_text("\n".join(["address,user_name,device,department,site", *rows, ""]))
    (home / "policy.yml").write_text(POLICY)
    (home / "shadowai.toml").write_text(SETTINGS)
    with Lab(home) as lab:
        log = lab.start_squid()
        first_week = lab.work_week()
        lab.stop("squid")
        (home / "week0.log").write_text(older(log.read_text(), WEEK_S))
        shadowai(home, "scan", "--quiet", "week0.log")
        with open_views(home / "lake") as views:
            ((finding,),) = views.execute(
                "SELECT finding FROM findings WHERE service = 'DeepSeek'"
            ).fetchall()
        shadowai(home, "decide", finding, "restrict", "--reason", "no agreement", "--by", "ciso")
        shadowai(home, "export", "rpz", "--out", "ai.rpz")
        shadowai(home, "export", "squid", "--out", "ai.acl")

        before = set(lab.ask(resolver=PLAIN, names=HOSTS))
        lab.start_unbound(
            "filtering", FILTERING, "forward-zone:", '  name: "."', f"  forward-addr: {PLAIN}",
            "rpz:", "  name: rpz.shadowai", f"  zonefile: {home / 'ai.rpz'}",
        )  # fmt: skip
        answers = dict(zip(HOSTS, lab.ask(resolver=FILTERING, names=HOSTS), strict=True))
        log = lab.start_squid(home / "ai.acl")
        second_week = lab.work_week()
        (home / "week1.log").write_text(log.read_text())
        every = [(PEOPLE[0], host, 100) for host in HOSTS]
        statuses = dict(zip(HOSTS, lab.ask(proxy=(PROXY, 3128), visits=every), strict=True))
        shadowai(home, "scan", "--quiet", "week1.log")
    return Told(
        home,
        {name for name, code in answers.items() if code == 3},
        {host for host, status in statuses.items() if status == 403},
        before,
        first_week,
        second_week,
    )


def older(log: str, seconds: int) -> str:
    """The same log, so many seconds ago."""
    return re.sub(r"^\d+", lambda stamp: str(int(stamp[0]) - seconds), log, flags=re.MULTILINE)


def ruled_out() -> set[str]:
    """Names of the lab that are the vendor's, by the catalog."""
    found = match(pl.DataFrame({"host": HOSTS}), Index.build(load().indicators))
    return {host for host, app in found.select("host", "app").iter_rows() if app.startswith("deepseek/")}


def test_the_zone_denies_the_service_and_nothing_else(told: Told) -> None:
    assert told.names_before == {0}
    assert told.names_denied == ruled_out() == {"chat.deepseek.com", "api.deepseek.com"}


def test_the_proxy_refuses_the_service_and_nothing_else(told: Told) -> None:
    assert set(told.first_week) == {200} and set(told.second_week) == {403}
    assert told.hosts_denied == ruled_out()


def test_the_next_report_says_that_the_block_works(told: Told) -> None:
    page = page_of(told.home / "lake")
    (outcome,) = page.outcomes
    assert outcome.service == "DeepSeek" and outcome.decided.startswith("Restricted on ")
    assert outcome.result.replace(THIN, " ").startswith("8 attempts refused. No use seen this week, 48")
    assert not [d for d in page.decisions if d.question.startswith("DeepSeek:")]
