"""The demo as a whole: its figures are those of the servers' own records, and no name reaches the disk."""

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from analytics.lake import open_views
from analytics.render import words
from analytics.reports.prepare import page_of
from sensor.catalog.load import load
from sensor.match.index import Index
from sensor.match.match import match
from tests.product import compiled_once

ROOT = Path(__file__).parents[1]
PCAPS = ROOT / "pcaps"
WEEK = "2026-11-09"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make demo` fills: lake, state and the report."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    compiled_once(folder / "state")
    for said in (
        ["scan", "pcaps", "--state", folder / "state"],
        ["report", "--out", folder / "weekly-report.html"],
    ):
        command = [sys.executable, "-c", "from sensor.cli.main import run; run()", *map(str, said)]
        common = ["--config", "pcaps/shadowai.toml", "--lake", str(folder / "lake")]
        subprocess.run(
            [*command, *common], cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300
        )
    return folder


def _truth(case: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (PCAPS / case / "expected.jsonl").read_text().splitlines()]


def _truth_of_week(case: str) -> list[dict[str, Any]]:
    """The mirror port's connections of a week, with the small cases that lie in the second one."""
    small = ("split-hello", "quic-two-datagram", "upload-3mb") if case == "office-w46" else ()
    return [row for name in (case, *small) for row in _truth(name)]


def _apps(hosts: set[str]) -> dict[str, str]:
    """Host to service, by the catalog."""
    frame = match(pl.DataFrame({"host": sorted(hosts)}), Index.build(load().indicators))
    return dict(frame.select("host", "app").iter_rows())


def _owners() -> dict[str, str]:
    with (PCAPS / "people.csv").open(encoding="utf-8") as file:
        return {row["address"]: row["user_name"] for row in csv.DictReader(file)}


@pytest.mark.parametrize(("case", "begin", "end"), [("office-w45", 2, 9), ("office-w46", 9, 16)])
def test_bytes_of_every_service_are_the_servers_own(demo: Path, case: str, begin: int, end: int) -> None:
    truth = _truth_of_week(case)
    apps, sums = _apps({row["host"] for row in truth}), defaultdict(lambda: [0, 0, 0])
    for row in truth:
        if row["host"] in apps:
            total = sums[apps[row["host"]]]
            total[0] += 1
            total[1] += row["bytes_up"]
            total[2] += row["bytes_down"]
    with open_views(demo / "lake", restricted=True) as lake:
        rows = lake.execute(
            "SELECT app, sum(connections), sum(bytes_up), sum(bytes_down) FROM sightings "
            # what is told by port and path has no name in the servers' records
            "WHERE sensor = 'hq-span' AND kind <> 'dns' AND app NOT LIKE 'behaviours/%' "
            "AND date_part('day', seen_at) >= ? "
            "AND date_part('day', seen_at) < ? GROUP BY app",
            [begin, end],
        ).fetchall()
    seen = {app: (connections, up, down) for app, connections, up, down in rows}
    assert seen.keys() == sums.keys()
    for app, (connections, up, down) in sums.items():
        # QUIC path probes count as connections of their own at the servers
        assert abs(seen[app][0] - connections) <= 2, app
        assert seen[app][1] == pytest.approx(up, rel=0.01), app
        assert seen[app][2] == pytest.approx(down, rel=0.01), app


def test_people_of_a_service_are_those_who_used_it(demo: Path) -> None:
    owners, users = _owners(), defaultdict(set)
    truth = [*_truth_of_week("office-w46"), *(row for row in _truth("proxy-w46") if row["bytes_up"])]
    apps = _apps({row["host"] for row in truth if row["host"]})
    for row in truth:
        # more than any handshake carries: the person really used it
        if row["host"] in apps and row["bytes_up"] > 3_000 and row["bytes_down"] > 3_000:
            users[apps[row["host"]]].add(owners[row["client"]])
    with open_views(demo / "lake") as lake:
        rows = lake.execute(
            "SELECT app, people FROM usage_weekly "
            "WHERE week = ? AND department = 'all' AND people IS NOT NULL",
            [WEEK],
        ).fetchall()
    shown = {app: people for app, people in rows if app != "all"}
    assert len(shown) >= 6
    for app, people in shown.items():
        assert people == len(users[app]), app
    assert all(people >= 5 for people in shown.values())


def test_traffic_seen_by_two_vantages_counts_once(demo: Path) -> None:
    """The Zeek hour repeats the mirror port's traffic, and the branch's proxy writes two logs."""
    with open_views(demo / "lake", restricted=True) as lake:
        kept, seen = lake.execute(
            "SELECT sum(bytes_up), sum(bytes_up_max) FROM usage_hourly WHERE grade >= 3"
        ).fetchone()
        span = lake.execute(
            "SELECT sum(bytes_up) FROM sightings WHERE role = 'use' AND action = 'allowed' "
            "AND grade >= 3 AND sensor IN ('hq-span', 'branch-proxy')"
        ).fetchone()[0]
    assert kept == pytest.approx(span, rel=0.01)
    assert seen > kept


def _stored(lake: Path) -> Iterator[str]:
    """Everything a lake says, Parquet decoded."""
    for file in sorted(path for path in lake.rglob("*") if path.is_file()):
        if file.suffix == ".parquet":
            with duckdb.connect() as connection:
                yield str(
                    connection.execute(
                        "SELECT * FROM read_parquet(?, hive_partitioning = false)", [str(file)]
                    ).fetchall()
                )
        else:
            yield file.read_bytes().decode("latin-1")


def test_no_name_or_address_of_a_person_reaches_the_disk(demo: Path) -> None:
    with (PCAPS / "people.csv").open(encoding="utf-8") as file:
        people = list(csv.DictReader(file))
    planted = {row["address"] for row in people} | {row["device"] for row in people}
    planted |= {f"'{row['user_name']}'" for row in people} | {"intranet.corp.example", "crm.corp.example"}
    for text in [*_stored(demo / "lake"), (demo / "weekly-report.html").read_text(encoding="utf-8")]:
        found = [word for word in planted if word in text]
        assert not found, found[:5]


def test_the_five_numbers_can_be_recomputed_by_hand(demo: Path) -> None:
    """From the hours of single subjects, which the page itself never reads."""
    monday, after = "TIMESTAMPTZ '2026-11-08 23:00+00'", "TIMESTAMPTZ '2026-11-15 23:00+00'"
    ours = "grade >= 3 AND subject_kind <> 'outside'"
    week, earlier = f"hour >= {monday} AND hour < {after} AND {ours}", f"hour < {monday} AND {ours}"
    with open_views(demo / "lake", restricted=True) as lake:
        people, services, sent, most, received = lake.execute(
            "SELECT count(DISTINCT subject), count(DISTINCT app), sum(bytes_up), sum(bytes_up_max), "
            f"sum(bytes_down) FROM usage_hourly WHERE {week}"
        ).fetchone()
        (before,) = lake.execute(
            f"SELECT count(DISTINCT subject) FROM usage_hourly WHERE {earlier}"
        ).fetchone()
        (new,) = lake.execute(
            f"SELECT count(DISTINCT app) FROM usage_hourly WHERE {week} AND app NOT IN "
            f"(SELECT app FROM usage_hourly WHERE {earlier})"
        ).fetchone()
        named, flows = lake.execute(
            f"SELECT sum(named_flows), sum(flows) FROM coverage WHERE minute >= {monday}"
        ).fetchone()
    with (PCAPS / "people.csv").open(encoding="utf-8") as file:
        staff = len({row["user_name"] for row in csv.DictReader(file)})
    numbers = page_of(demo / "lake").numbers
    assert [number.value for number in numbers] == [
        str(people), str(services), words.size_range(sent, most), str(new), words.share(named, flows),
    ]  # fmt: skip
    assert f"of {staff} people" in numbers[0].note
    assert numbers[0].change == words.signed(people - before)
    assert words.size(received) in numbers[2].note


def test_the_report_names_what_happened(demo: Path) -> None:
    page = (demo / "weekly-report.html").read_text(encoding="utf-8")
    for service in ("ChatGPT", "DeepSeek", "Sider", "Otter"):
        assert service in page
    assert "We cannot tell" in page
    assert "<script" not in page
