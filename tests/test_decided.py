"""Three weeks behind a proxy: a service is ruled out, restricted on Monday, refused from then on."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analytics.asof import views
from analytics.lake import open_views
from analytics.refresh import refresh
from analytics.render.words import THIN
from analytics.reports.prepare import page_of
from analytics.reports.weekly.page import Page
from sensor import schema
from sensor.store.lake import Lake
from sensor.store.segments import Commits
from tests.product import query, shadowai

MONDAY = datetime(2026, 11, 2, 8, tzinfo=UTC)
USERS = [f"user{n:02d}" for n in range(16)]
POLICY = """version: 1
owner: ciso@corp.example
status:
  - {vendor: DeepSeek, status: unsanctioned, owner: ciso@corp.example, reason: no agreement}
  - {app: microsoft/copilot, status: sanctioned}
  - {vendor: Mistral AI, status: tolerated}
"""
SETTINGS = """zone = "Europe/Berlin"
policy = "policy.yml"
identity = {people = "people.csv"}
networks = {internal = ["10.0.0.0/8"]}
sensors = [{name = "proxy", site = "hq", vantage = "proxy", rank = 1, source = "squid", paths = ["*"]}]
"""


def record(at: datetime, user: int, host: str, up: int, refused: bool) -> str:
    """A line in our Squid format; a refused one carries the bytes of the refusal."""
    verdict, sent = ("403 TCP_DENIED:HIER_NONE", 250) if refused else ("200 TCP_TUNNEL:HIER_DIRECT", up)
    name = f'10.9.0.{user + 10} {USERS[user]} CONNECT {host}:443 {verdict} {sent} 90000 {host} "-"'
    return f"{at.timestamp():.3f} 900 {name}"


def write_week(folder: Path, number: int, *, refused: bool = False, others: int = 8) -> None:
    """Five working days: 8 people at DeepSeek, `others` at Mistral Vibe and Copilot."""
    lines = []
    for day in (MONDAY + timedelta(weeks=number, days=n) for n in range(5)):
        for user in range(16):
            at = day + timedelta(minutes=user)
            if user < 8:
                lines.append(record(at, user, "chat.deepseek.com", 90_000, refused))
            if user < others:
                lines.append(record(at + timedelta(hours=1), user, "chat.mistral.ai", 40_000, False))
                lines.append(record(at + timedelta(hours=2), user, "copilot.microsoft.com", 20_000, False))
    for day in (MONDAY + timedelta(weeks=number, days=n) for n in (5, 6)):
        lines.append(record(day, 0, "www.example.org", 700, False))
    (folder / f"week{number}.log").write_text("\n".join(sorted(lines)) + "\n")


def restrict(lake: Path) -> None:
    """What `shadowai decide … restrict` records, on the third Monday."""
    with open_views(lake) as views:
        (finding,) = views.execute("SELECT finding FROM findings WHERE service = 'DeepSeek'").fetchall()
    said = {"finding": finding[0], "decision": "restrict", "reason": "no agreement", "decided_by": "ciso"}
    row = {**said, "decision_id": "d1", "decided_at": MONDAY + timedelta(weeks=2), "valid_until": None}
    rows = schema.DECISIONS.conform(pl.DataFrame([row], schema_overrides={"valid_until": schema.TIME}))
    Commits(Lake(lake), "decision-d1").commit(0, 0, {"decisions": rows})
    refresh(lake, zone="Europe/Berlin", k=5)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decided")
    people = [
        f"10.9.0.{n + 10},{user},lt-{user},{('Sales', 'Law')[n % 2]},hq" for n, user in enumerate(USERS)
    ]
    (folder / "people.csv").write_text(
        "\n".join(["address,user_name,device,department,site", *people]) + "\n"
    )
    (folder / "policy.yml").write_text(POLICY)
    (folder / "shadowai.toml").write_text(SETTINGS)
    write_week(folder, 0)
    write_week(folder, 1)
    shadowai(folder, "scan", "--quiet", "week0.log", "week1.log")
    restrict(folder / "lake")
    write_week(folder, 2, refused=True, others=14)
    shadowai(folder, "scan", "--quiet", "week2.log")
    return folder / "lake"


@pytest.fixture(scope="module")
def page(lake: Path) -> Page:
    return page_of(lake)


def test_a_decision_survives_the_next_scan(lake: Path) -> None:
    with open_views(lake) as views:
        found = views.execute("SELECT title, status, last_seen FROM findings WHERE service = 'DeepSeek'")
        assert [(row[0], row[1], f"{row[2]}") for row in found.fetchall()] == [
            ("Unsanctioned service in use", "restricted", "2026-11-09")
        ]


def test_the_next_week_says_that_the_block_works_and_what_grew(page: Page) -> None:
    (told,) = page.outcomes
    assert (told.service, told.decided) == ("DeepSeek", "Restricted on Mon 16 Nov")
    # 8 people on 5 days; 8 × 5 × 90 kB the week before.
    assert told.result.replace(THIN, " ") == (
        "40 attempts refused. No use seen this week, 3.6 MB the week before."
    )
    # 14 instead of 8 people: 6 × 5 × 40 kB and 6 × 5 × 20 kB more.
    assert told.moved.replace(THIN, " ") == (
        "Grew in the same category: Mistral Vibe (tolerated, +1.2 MB) "
        "and Microsoft Copilot (sanctioned, +600 kB). "
        "We cannot tell whether it is the same use."
    )


def test_a_decided_finding_is_asked_no_more(page: Page) -> None:
    assert "DeepSeek" not in " ".join(decision.question for decision in page.decisions)
    assert page.more_due == 0


def test_a_proxy_alone_names_no_connections_and_that_is_said(page: Page) -> None:
    named = page.numbers[4]
    assert (named.label, named.value, named.note) == ("Named traffic", "unknown", "no packet sensor")


def test_what_was_known_before_holds_no_later_decision(lake: Path) -> None:
    for hours, known in ((-1, 0), (1, 1)):
        with views(lake, as_of=MONDAY + timedelta(weeks=2, hours=hours)) as then:
            assert then.execute("SELECT COUNT(*) FROM decisions").fetchall() == [(known,)]
            assert then.execute("SELECT COUNT(*) FROM findings").fetchall() == [(0,)]  # the logs came later


def test_an_earlier_moment_of_a_lake_named_from_where_one_stands(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since Python 3.12 the name of a new temporary folder is absolute, whatever the lake's is."""
    make = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *where, **how: str(Path(make(*where, **how)).absolute()))
    monkeypatch.chdir(lake.parent)
    past = page_of(Path(lake.name), week="2026-W47", as_of=MONDAY + timedelta(weeks=2, hours=-1))
    assert past.outcomes == ()


def test_a_report_outlives_the_rows_it_was_made_from(lake: Path, tmp_path: Path) -> None:
    """Sightings, names and hours of people are deleted; archived report and page stay as they were."""
    shutil.copytree(lake.parent, tmp_path / "home")
    home = tmp_path / "home"
    shadowai(home, "report", "--week", "2026-W46", "--format", "html,json", "--out", "before.html")
    (kept,) = (home / "lake" / "open" / "reports" / "weekly").glob("2026-W46-*.json")
    archived = kept.read_bytes()
    assert archived == (home / "before.json").read_bytes()
    with (home / "shadowai.toml").open("a") as file:
        file.write("retention = {sightings = 2, names = 8, usage_hourly = 1, leases = 2, rejects = 1}\n")
    (counted,) = query(home, "SELECT count(*) FROM sightings")
    shadowai(home, "retain")
    (left,) = query(home, "SELECT count(*) FROM sightings")
    assert left[0] < counted[0]
    shadowai(home, "report", "--week", "2026-W46", "--format", "html,json", "--out", "after.html")
    assert kept.read_bytes() == archived
    before, after = ((home / f"{name}.json").read_bytes() for name in ("before", "after"))
    assert after == before
    assert (home / "after.html").read_bytes() == (home / "before.html").read_bytes()
