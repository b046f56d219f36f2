"""`shadowai rematch` on a lake: what a fresh scan with the new catalog says, and what was said before."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from analytics.asof import views
from analytics.lake import open_views
from sensor import durable, schema
from sensor.catalog.load import Catalog, load
from sensor.cli import rematch as command
from sensor.cli.main import app
from sensor.rematch import Findings, Rematch, summary
from sensor.store import compaction
from sensor.store.compaction import Terms, compact
from sensor.store.lake import Lake
from sensor.store.segments import Commits

START = int(datetime(2026, 11, 9, 8, 0, tzinfo=UTC).timestamp())
NEW, RETIRED, SHARED = "acme/new", "perplexity/perplexity", "anthropic/claude"
HOSTS = ("chatgpt.com", "claude.ai", "new.example.org", "www.perplexity.ai", "intranet.corp")
OVERLAY = {
    "acme/vendor.yml": "name: Acme\nhomepage: https://new.example.org\n",
    "acme/new.yml": """name: Acme New
category: chat
homepage: https://new.example.org
indicators:
  - suffix: new.example.org
    access: web
    certainty: curated_list
    reference: made for a test
    checked: 2026-11-22
hits: [{host: new.example.org}]
misses: [{host: old.example.org}]
""",
    "perplexity/perplexity.yml": 'retire: {reason: "a test", date: 2026-11-22}\n',
    "anthropic/claude.yml": "reclassify: {reason: a contract, shared: true}\n",
}
SIGHTINGS = (
    "SELECT * EXCLUDE (catalog_version, input) FROM sightings WHERE app <> 'acme/new' ORDER BY event_id"
)
USAGE = """SELECT * EXCLUDE (restated_from, restated_to) FROM usage_weekly
WHERE app NOT IN ('all', 'acme/new') ORDER BY ALL"""


@dataclass
class Story:
    """A lake that was scanned with the first catalog, the moment after, and a rematch with the second."""

    folder: Path
    first: Path
    moment: datetime
    lake: Path
    overlay: Path
    report: bytes
    told: str

    def run(self, *words: str | Path, lake: Path) -> str:
        """A command on a lake, with the keys of this story."""
        arguments = [*map(str, words), "--lake", str(lake)]
        if words[0] not in ("sql", "report"):
            arguments += ["--state", str(self.folder / "state")]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    def page(self, lake: Path) -> bytes:
        """The weekly report of `lake` as of the moment between scan and rematch."""
        out = self.folder / "page.html"
        self.run("report", "--out", out, "--as-of", f"{self.moment:%Y-%m-%dT%H:%M:%S.%f}", lake=lake)
        return out.read_bytes()

    def catalog(self) -> Catalog:
        return load(self.overlay, cache=self.folder / "state" / "catalog")

    def copy(self, name: str) -> Path:
        """The lake as it was before the rematch."""
        return Path(shutil.copytree(self.first, self.folder / name))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("rematch")
    overlay = folder / "overlay"
    for name, text in OVERLAY.items():
        path = overlay / "vendors" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "access.log").write_text("".join(_lines()), encoding="utf-8")
    first, lake = folder / "first", folder / "lake"
    told = Story(folder, first, datetime.now(UTC), lake, overlay, b"", "")
    told.run("scan", folder / "access.log", "--quiet", lake=first)
    told.moment = datetime.now(UTC)
    shutil.copytree(first, lake)
    told.report = told.page(lake)
    told.told = told.run("rematch", "--now", "--signatures", overlay, lake=lake)
    return told


def _lines() -> Iterator[str]:
    """Tunnels over two days: 14 people, five hosts; some are refused."""
    for n in range(600):
        host, at, client = HOSTS[n % len(HOSTS)], START + 200 * n, n % 14
        code, verdict = ("403", "TCP_DENIED") if n % 20 == 3 else ("200", "TCP_TUNNEL")
        yield (
            f"{at}.000 {1500 + n:6d} 10.20.1.{1 + client} user{client} CONNECT {host}:443 {code} "
            f'{verdict}:HIER_DIRECT {2000 + 137 * n} {9000 + n} {host} "curl/8.5"\n'
        )


def ask(lake: Path, query: str) -> list[tuple[Any, ...]]:
    with open_views(lake, restricted=True) as connection:
        return connection.execute(query).fetchall()


def test_views_equal_a_fresh_scan_with_the_new_catalog(story: Story) -> None:
    fresh = story.folder / "fresh"
    story.run(
        "scan", story.folder / "access.log", "--replace", "--quiet", "--signatures", story.overlay, lake=fresh
    )
    assert ask(story.lake, SIGHTINGS) == ask(fresh, SIGHTINGS) != ask(story.first, SIGHTINGS)
    assert ask(story.lake, USAGE) == ask(fresh, USAGE) != ask(story.first, USAGE)
    for view in ("embedded", "blocked_weekly", "first_seen"):
        rows = f"SELECT * FROM {view} WHERE app <> 'acme/new' ORDER BY ALL"
        assert ask(story.lake, rows) == ask(fresh, rows)


def test_the_old_report_is_reproduced_to_the_byte(story: Story) -> None:
    assert story.page(story.lake) == story.report
    usage = "SELECT * FROM usage_weekly"
    with views(story.lake, as_of=story.moment, restricted=True) as past:
        assert past.execute(SIGHTINGS).fetchall() == ask(story.first, SIGHTINGS)
        assert past.execute(usage).fetchall() == ask(story.first, usage) != ask(story.lake, usage)
        assert past.execute("SELECT * FROM restatements").fetchall() == []
    assert not list((story.lake / "restricted").glob("as-of-*"))


def test_what_had_not_landed_is_not_counted(story: Story) -> None:
    with views(story.lake, as_of=datetime(2026, 11, 10, tzinfo=UTC), restricted=True) as past:
        for view in ("usage_weekly", "coverage", "sightings", "names_weekly", "catalog", "sensors"):
            assert past.execute(f"SELECT * FROM {view}").fetchall() == [], view


def test_restated_figures_carry_both_catalogs(story: Story) -> None:
    rows = ask(
        story.lake,
        "SELECT old_app, app, old_role, role, old_version < '3', catalog_version FROM restatements",
    )
    version = story.catalog().version
    assert rows == [
        (SHARED, SHARED, "use", "embedded", True, version),
        (RETIRED, None, "use", None, True, version),
    ]
    marked = "SELECT DISTINCT app FROM usage_weekly WHERE restated_to IS NOT NULL ORDER BY app"
    assert ask(story.lake, marked) == [("all",)]
    out = story.folder / "after.html"
    story.run("report", "--out", out, lake=story.lake)
    page = out.read_text(encoding="utf-8")
    assert "Restated: the figures of Claude and Perplexity rest on catalog" in page
    assert version in page.split("Restated:")[1].split("</p>")[0]


def test_a_new_service_gets_a_past_without_persons(story: Story) -> None:
    query = "SELECT app, quarter_hours, connections, clients_at_most, bytes_up FROM seen_before"
    names = """SELECT 'acme/new', COUNT(*), SUM(connections), MAX(clients), SUM(bytes_up)
               FROM names WHERE host LIKE 'new.%'"""
    assert ask(story.lake, query) == ask(story.lake, names)
    assert ask(story.lake, query)[0][1] > 50
    assert NEW in story.told
    assert ask(story.lake, "SELECT COUNT(*) FROM sightings WHERE app = 'acme/new'") == [(0,)]


def test_a_dry_run_changes_nothing(story: Story) -> None:
    def files(lake: Path) -> list[tuple[str, int, int]]:
        return sorted(
            (str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in lake.rglob("*") if f.is_file()
        )

    before = files(story.first)
    told = story.run("rematch", "--dry-run", "--signatures", story.overlay, lake=story.first)
    assert files(story.first) == before
    assert "would be restated" in told
    assert told.replace("would be ", "") == story.told


def test_without_closing_the_hour_it_says_when_views_show_the_change(story: Story, tmp_path: Path) -> None:
    """It said what it had restated, and no figure had changed."""
    lake = tmp_path / "lake"
    shutil.copytree(story.first, lake)
    told = story.run("rematch", "--signatures", story.overlay, lake=lake)
    assert told.endswith("views show it after the running hour is compacted; --now shows it at once\n")
    assert "--now" not in story.told


def test_running_twice_changes_nothing(story: Story) -> None:
    rows = (
        "SELECT * FROM restated ORDER BY ALL",
        "SELECT * FROM name_hits ORDER BY ALL",
        "SELECT * FROM usage_hourly ORDER BY ALL",
    )
    before = [ask(story.lake, query) for query in rows]
    told = story.run("rematch", "--now", "--signatures", story.overlay, lake=story.lake)
    assert "0 sightings restated, 0 names matched" in told
    assert [ask(story.lake, query) for query in rows] == before


def test_the_first_catalog_can_be_had_back(story: Story) -> None:
    lake = story.folder / "back"
    shutil.copytree(story.lake, lake)
    Rematch(Lake(lake), load(cache=story.folder / "state" / "catalog"), now=datetime.now(UTC)).run(dry=False)
    assert ask(lake, SIGHTINGS) == ask(story.first, SIGHTINGS)
    assert ask(lake, "SELECT * FROM seen_before") == []


@pytest.mark.parametrize("piece_rows", [1000, 7])
def test_a_connection_is_graded_by_all_it_carried_though_its_day_has_several_files(
    piece_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "PIECE_ROWS", piece_rows)
    lake, begin = Lake(tmp_path / "lake").create(), datetime(2026, 11, 9, 8, tzinfo=UTC)
    slices = [
        {
            "event_id": 100 * connection + nth, "connection": connection, "slice": nth, "sensor": "span",
            "seen_at": begin + timedelta(minutes=nth, seconds=connection), "client": f"a1-{connection}",
            "kind": "tls", "host": "claude.ai", "name_from": "sni", "app": "acme/other", "role": "use",
            "access": "web", "signature": "acme/other#suffix:claude.ai", "grade": 3, "packets_down": 9,
            "bytes_up": 2000, "bytes_down": 9000, "catalog_version": "1", "input": "one",
        }
        for connection in (1, 2)
        for nth in range(20)
    ]  # fmt: skip
    rows = schema.SIGHTINGS.conform(pl.DataFrame(slices, schema_overrides={"seen_at": schema.TIME}))
    Commits(lake, "one", lambda: begin).commit(0, 1, {"sightings": rows})
    assert compact(lake, Terms("UTC"), now=begin + timedelta(days=1))
    files = lake.manifest()["tables"]["sightings"]["cold"]["2026-11-09"]
    assert len(files) == -(-len(slices) // piece_rows)
    Rematch(lake, load(), now=begin + timedelta(days=2)).run(dry=False)
    (file,) = lake.hot(schema.RESTATED).glob("part=2*/*.parquet")
    restated = pl.read_parquet(file, hive_partitioning=False).sort("event_id")
    assert set(restated["app"]) == {"anthropic/claude"} and restated.height == len(slices)
    grades = {divmod(number, 100): grade for number, grade in restated.select("event_id", "grade").rows()}
    exceeds = min(nth for (_, nth), grade in grades.items() if grade == 4)
    assert 5 < exceeds < 20, "only together are the slices more than a visit sends"
    assert all(grade == (4 if nth >= exceeds else 3) for (_, nth), grade in grades.items())


def test_since_leaves_earlier_days_alone(story: Story) -> None:
    told = story.run(
        "rematch", "--dry-run", "--since", "2026-11-10", "--signatures", story.overlay, lake=story.first
    )
    assert "of 1 days" in told


class Killed(BaseException):
    """A kill at a rename."""


def test_killed_at_each_rename_it_stays_consistent(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, publish = story.catalog(), durable.publish
    wanted = ask(story.lake, SIGHTINGS)
    days = "SELECT CAST(seen_at AS DATE), COUNT(DISTINCT app) FROM sightings GROUP BY 1 ORDER BY 1"
    before, after = ask(story.first, days), ask(story.lake, days)
    for kill_at in range(20):
        lake = story.copy(f"killed-{kill_at}")
        left = kill_at

        def one(temporary: Path, path: Path) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            publish(temporary, path)

        monkeypatch.setattr(durable, "publish", one)
        try:
            Rematch(Lake(lake), catalog, now=datetime.now(UTC)).run(dry=False)
        except Killed:
            pass
        else:
            assert kill_at >= 8
            break
        finally:
            monkeypatch.setattr(durable, "publish", publish)
        now = ask(lake, days)
        assert all(row in (was, will) for row, was, will in zip(now, before, after, strict=True)), kill_at
        Rematch(Lake(lake), catalog, now=datetime.now(UTC)).run(dry=False)
        with open_views(lake, restricted=True) as connection:
            assert connection.execute(SIGHTINGS).fetchall() == wanted, kill_at
        shutil.rmtree(lake)
    else:
        pytest.fail("it never came to an end")


def test_days_whose_rows_are_deleted_keep_their_figures(story: Story) -> None:
    found = Rematch(
        Lake(story.first), story.catalog(), now=datetime.now(UTC), final=[datetime(2026, 11, 9).date()]
    ).run(dry=True)
    assert [str(day) for day in found.final] == ["2026-11-09"]
    assert 0 < found.restated < sum(changes["sightings"].sum() for changes in found.changes) + 1


def test_what_only_has_another_grade_is_told_with_its_grades(capsys: pytest.CaptureFixture[str]) -> None:
    """It was told that `acme (use, web)` had become `acme (use, web)`."""
    same = {"app": "acme", "old_app": "acme", "role": "use", "old_role": "use", "access": "web"}
    rows = [
        same | {"old_access": "web", "old_grade": 4, "grade": 3, "bytes_up": 5},
        same | {"old_access": "web", "old_grade": 4, "grade": 3, "bytes_up": 6},
        same | {"old_access": "api", "old_grade": 4, "grade": 3},
        same | {"old_access": "web", "old_grade": 3, "grade": 3},
        same | {"app": None, "old_access": "web"},
    ]
    changes = schema.RESTATED.conform(pl.DataFrame(rows))
    found = Findings("2", restated=5, changes=[summary(datetime(2026, 11, 9).date(), changes)])
    command.tell(found, dry_run=False)
    assert {tuple(line.split("\t")[:3]) for line in capsys.readouterr().out.splitlines()} >= {
        ("acme (use, web, grade 4)", "acme (use, web, grade 3)", "2"),
        ("acme (use, api)", "acme (use, web)", "1"),
        ("acme (use, web)", "the same, by another indicator", "1"),
        ("acme (use, web)", "nothing", "1"),
    }
