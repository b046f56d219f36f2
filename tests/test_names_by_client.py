"""Who was at a name before the catalog knew it: kept only when asked for, a week, and found by `rematch`."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from sensor.cli.main import app
from tests.product import query, shadowai
from tests.sensor.decode.craft import Frame, Talk, dns, ethernet, ip, pcap, udp

NOW = datetime.now(UTC)
#: yesterday at nine: inside every retention, and over
START = NOW.replace(hour=9, minute=1, second=0, microsecond=0) - timedelta(days=1)
UNKNOWN, OTHER, INSIDE = "chat.acme-new.example", "news.example.org", "wiki.corp"
PEOPLE = [f"plantedperson{n}" for n in range(6)]
ADDRESSES = [f"10.44.3.{n + 10}" for n in range(6)]
OVERLAY = {
    "acme/vendor.yml": "name: Acme\nhomepage: https://chat.acme-new.example\n",
    "acme/new.yml": f"""name: Acme New
category: chat
homepage: https://{UNKNOWN}
indicators:
  - suffix: {UNKNOWN}
    access: web
    certainty: curated_list
    reference: made for a test
    checked: 2026-11-22
hits: [{{host: {UNKNOWN}}}]
misses: [{{host: old.example.org}}]
""",
}
ROWS = f"""SELECT kind, grade, lookups, connections, bytes_up, bytes_down, user_name IS NOT NULL, action
          FROM names_by_client WHERE host = '{UNKNOWN}' ORDER BY ALL"""


def run(folder: Path, *words: object, ok: bool = True, **settings: str) -> str:
    """A command on the folder's lake and state, in this process; what it printed."""
    places = ["--lake", folder / "lake", *(["--state", folder / "state"] if words[0] != "report" else [])]
    environment = {f"SHADOWAI_{name.upper()}": value for name, value in settings.items()}
    done = CliRunner().invoke(app, [*map(str, (*words, *places))], env=environment)
    assert (done.exit_code == 0) == ok, done.output
    return done.output + (str(done.exception) if done.exception else "")


def _line(at: datetime, n: int, host: str, code: str = "200 TCP_TUNNEL", up: int = 3000) -> str:
    return (
        f"{at.timestamp():.3f}   1500 {ADDRESSES[n]} {PEOPLE[n]} CONNECT {host}:443 {code.split()[0]} "
        f'{code.split()[1]}:HIER_DIRECT {up} 9000 {host} "curl/8.5"\n'
    )


def _proxy(path: Path) -> Path:
    """Each person twice in a quarter of an hour at the unknown name, and once at others; one is refused."""
    lines = []
    for n in range(6):
        for second in (0, 240):
            lines.append(_line(START + timedelta(minutes=n, seconds=second), n, UNKNOWN))
        lines.append(_line(START + timedelta(minutes=n + 20), n, OTHER))
        lines.append(_line(START + timedelta(minutes=n + 21), n, INSIDE))
        lines.append(_line(START + timedelta(minutes=n + 22), n, "chatgpt.com"))
    lines.append(_line(START + timedelta(minutes=30), 0, UNKNOWN, "403 TCP_DENIED"))
    path.write_text("".join(lines))
    return path


def _capture(path: Path) -> Path:
    """One client looks the unknown name up and speaks to it in clear text."""
    ask = ip(ADDRESSES[0], "10.44.0.53", 17, udp(40000, 53, dns.message(dns.name(UNKNOWN))))
    at = (START + timedelta(hours=2)).timestamp()
    talk = Talk(client=ADDRESSES[0], server="203.0.113.9", server_port=80).shake()
    talk.send(f"POST /v1 HTTP/1.1\r\nHost: {UNKNOWN}\r\nContent-Length: 3\r\n\r\nabc".encode())
    frames = talk.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").frames
    first = min(frame.time for frame in frames)
    moved = [Frame(f.data, at + 1 + f.time - first) for f in frames]
    path.write_bytes(pcap([Frame(ethernet(ask), at), *moved]))
    return path


class Story:
    """A lake scanned with a catalog that does not know the name, and a copy of it as it was then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in OVERLAY.items():
            path = folder / "overlay" / "vendors" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        people = [f"{ADDRESSES[n]},{PEOPLE[n]},pad{n},Sales,main" for n in range(6)]
        (folder / "people.csv").write_text("\n".join(["address,user_name,device,department,site", *people]))
        self.settings("names_by_client = true")
        self.logs = [_proxy(folder / "access.log"), _capture(folder / "one.pcap")]
        shadowai(folder, "scan", *self.logs, "--config", folder / "on.toml", "-q")
        shutil.copytree(folder / "lake", folder / "before")

    def settings(self, text: str, name: str = "on.toml") -> Path:
        path = self.folder / name
        path.write_text(f'{text}\n[identity]\npeople = "people.csv"\n[networks]\nzones = ["corp"]\n')
        return path

    def rematch(self, *words: object) -> str:
        words = ("rematch", "--now", *words, "--signatures", self.folder / "overlay")
        return run(self.folder, *words, "--config", self.folder / "on.toml")

    def copy(self, folder: Path) -> None:
        """The lake as it was before the rematch, and its keys."""
        for name, of in (("state", "state"), ("lake", "before")):
            shutil.copytree(self.folder / of, folder / name, symlinks=True)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(tmp_path_factory.mktemp("hunt"))


def test_nothing_is_kept_unless_it_is_asked_for(story: Story, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text((story.folder / "people.csv").read_text())
    for number, (text, level) in enumerate((("", "pseudonymous"), ("names_by_client = true", "aggregate"))):
        folder = tmp_path / str(number)
        (folder / "state").mkdir(parents=True)
        for made in ("catalog", "views"):  # once for all lakes of this file
            (folder / "state" / made).symlink_to(story.folder / "state" / made)
        settings = story.settings(text, f"{number}.toml")
        run(folder, "scan", story.logs[0], "--config", settings, "-q", privacy=level)
        assert query(folder, "SELECT COUNT(*) FROM names_by_client") == [(0,)]
        files = list((folder / "lake" / "restricted" / "names_by_client").rglob("*.parquet"))
        assert [file.name for file in files] == ["schema.parquet"]
        assert not list((folder / "state").rglob("*/names_by_client/*"))


def test_what_clients_did_at_unknown_names_is_kept_in_tokens(story: Story) -> None:
    hosts = query(story.folder, "SELECT DISTINCT host FROM names_by_client ORDER BY 1")
    assert hosts == [(UNKNOWN,), (OTHER,)]  # neither what the catalog knows nor what is inside
    rows = query(story.folder, ROWS)
    assert rows[0] == ("dns", 1, 1, 0, None, None, False, "allowed")
    assert rows[1][:4] == ("http", 3, None, 1)
    assert rows[2] == ("proxy", 1, None, 1, 3000, 9000, True, "blocked")
    assert rows[3:] == [("proxy", 3, None, 2, 6000, 18000, True, "allowed")] * 6
    everything = "".join(
        str(pl.read_parquet(path, hive_partitioning=False).rows())
        for path in (story.folder / "lake").rglob("*.parquet")
    )
    assert UNKNOWN in everything and not any(word in everything for word in (*PEOPLE, *ADDRESSES, INSIDE))


def test_doctor_sheet_and_reports_name_names_by_client(story: Story) -> None:
    on = ("--config", story.folder / "on.toml")
    assert "names by client: ON" in run(story.folder, "doctor", *on)
    sheet = run(story.folder, "privacy-sheet", *on).replace("\\", "")
    assert "does not know (names_by_client is on), for 7 days" in sheet
    assert re.search(r"\| names_by_client \|.*\| 7 days \| restricted \|", sheet)
    run(story.folder, "report", "-o", story.folder / "weekly.html", *on)
    run(story.folder, "report", "monthly", "-o", story.folder / "monthly.html", *on)
    for page in ("weekly.html", "monthly.html"):
        assert "unknown names kept by client" in (story.folder / page).read_text()
    off = run(story.folder, "privacy-sheet", "--config", story.settings("", "off.toml"))
    assert "not stored: names_by_client is off" in off.replace("\\", "")


@pytest.fixture(scope="module")
def after(story: Story) -> str:
    """What the rematch with the new catalog printed."""
    told = story.rematch("--dry-run")
    assert query(story.folder, "SELECT COUNT(*) FROM sightings WHERE hunted") == [(0,)]
    done = story.rematch()
    assert done == told.replace("would be ", "")
    return done


def test_use_from_before_the_catalog_knew_it_is_the_persons(story: Story, after: str) -> None:
    assert "0 sightings restated, 0 names matched, 9 rows of names_by_client made sightings" in after
    use = """SELECT user_name, grade, connections, lookups, bytes_up FROM usage_hourly
             WHERE app = 'acme/new' AND grade = 3 AND user_name IS NOT NULL ORDER BY connections"""
    rows = query(story.folder, use)
    assert len({row[0] for row in rows}) == 6
    assert sum(row[2] for row in rows) == 13  # type: ignore[misc]
    attempts = "SELECT kind, action FROM sightings WHERE app = 'acme/new' AND grade = 1 ORDER BY ALL"
    assert query(story.folder, attempts) == [("dns", "allowed"), ("proxy", "blocked")]
    weekly = "SELECT people, connections FROM usage_weekly WHERE app = 'acme/new' AND department = 'all'"
    assert query(story.folder, weekly, restricted=False) == [(6, 13)]
    assert query(story.folder, f"SELECT COUNT(*) FROM names_by_client WHERE host = '{UNKNOWN}'") == [(0,)]
    assert query(story.folder, "SELECT COUNT(*) FROM seen_before WHERE app = 'acme/new'") == [(0,)]


def test_restated_figures_say_so(story: Story, after: str) -> None:
    del after
    said = "SELECT old_app, app, old_version <> catalog_version FROM restatements"
    rows = query(story.folder, said, restricted=False)
    assert rows == [(None, "acme/new", True)]
    out = story.folder / "after.html"
    run(story.folder, "report", "-o", out)
    assert "Restated: the figures of Acme New rest on catalog" in out.read_text()


def test_running_it_again_changes_nothing_and_no_sum_becomes_an_upload(story: Story, after: str) -> None:
    del after
    views = ("sightings", "restated", "usage_hourly", "names_by_client")
    rows = [query(story.folder, f"SELECT * FROM {view} ORDER BY ALL") for view in views]
    nothing = "0 sightings restated, 0 names matched, 0 rows of names_by_client made sightings"
    assert nothing in story.rematch()
    assert [query(story.folder, f"SELECT * FROM {view} ORDER BY ALL") for view in views] == rows
    assert query(story.folder, "SELECT MAX(grade) FROM sightings WHERE hunted") == [(3,)]


def test_logs_read_anew_with_the_new_catalog_count_once(story: Story, after: str, tmp_path: Path) -> None:
    """What was hunted of an input goes with the rest of it, also before the next compaction."""
    del after
    for name in ("state", "overlay"):
        shutil.copytree(story.folder / name, tmp_path / name, symlinks=True)
    shutil.copytree(story.folder / "lake", tmp_path / "lake")
    weekly = "SELECT app, people, connections, bytes_up FROM usage_weekly WHERE app = 'acme/new'"
    before = query(tmp_path, weekly)
    again = ("scan", *story.logs, "--replace", "-q", "--config", story.folder / "on.toml")
    run(tmp_path, *again, "--signatures", tmp_path / "overlay")
    assert query(tmp_path, "SELECT COUNT(*) FROM sightings WHERE hunted") == [(0,)]
    assert query(tmp_path, weekly) == before


def test_a_copy_of_the_log_adds_nothing(story: Story, after: str, tmp_path: Path) -> None:
    """Read under another name before the rematch, whole and in part."""
    del after
    story.copy(tmp_path)
    lines = story.logs[0].read_text().splitlines(keepends=True)
    (tmp_path / "copy.log").write_text("\n" + "".join(lines))
    (tmp_path / "part.log").write_text("".join(lines[7:]))
    on = ("--config", story.folder / "on.toml")
    run(tmp_path, "scan", tmp_path / "copy.log", tmp_path / "part.log", "-q", *on)
    run(tmp_path, "rematch", "--now", "--signatures", story.folder / "overlay", *on)
    weekly = "SELECT people, connections, bytes_up FROM usage_weekly WHERE app = 'acme/new' ORDER BY ALL"
    assert query(tmp_path, weekly) == query(story.folder, weekly)


def test_a_person_gets_their_rows_and_has_them_deleted(story: Story, tmp_path: Path) -> None:
    story.copy(tmp_path)
    run(tmp_path, "export-subject", PEOPLE[0], "--out", tmp_path / "given", "--format", "csv")
    given = (tmp_path / "given" / "names_by_client.csv").read_text()
    assert given.count(UNKNOWN) == 4 and given.count(OTHER) == 1  # two by the log's word, two by the lease
    kept = "SELECT COUNT(*), COUNT(DISTINCT COALESCE(user_name, client)) FROM names_by_client"
    before = query(tmp_path, kept)[0]
    run(tmp_path, "erase", PEOPLE[0], "--reason", "asked", "--now", "--yes")
    after = query(tmp_path, kept)[0]
    assert (before[0] - after[0], before[1] - after[1]) == (5, 2)  # type: ignore[operator]
    told = run(tmp_path, "rematch", "--dry-run", "--signatures", story.folder / "overlay")
    # on a Monday yesterday is last week, which erasing made final
    found = 5 if START.isocalendar().week == NOW.isocalendar().week else 0
    assert f"{found} rows of names_by_client would be made sightings" in told


def test_names_by_client_are_deleted_after_a_week(story: Story, tmp_path: Path) -> None:
    story.copy(tmp_path)
    old = tmp_path / "old.log"
    old.write_text("".join(_line(START - timedelta(days=day), 1, OTHER) for day in (3, 5, 8, 20)))
    on = story.folder / "on.toml"
    run(tmp_path, "scan", old, "-q", "--config", on)
    count = f"SELECT COUNT(*) FROM names_by_client WHERE seen_at < TIMESTAMPTZ '{START - timedelta(days=1)}'"
    assert query(tmp_path, count) == [(4,)]
    run(tmp_path, "retain", "--now", "--config", on)
    assert query(tmp_path, count) == [(2,)]
    week = story.settings("names_by_client = true\n[retention]\nnames_by_client = 8", "long.toml")
    said = run(tmp_path, "doctor", "--config", week, ok=False)
    assert "retention.names_by_client: must be 7 or less" in said


def test_a_shredded_key_makes_them_unlinkable(story: Story, tmp_path: Path) -> None:
    story.copy(tmp_path)
    ((token,),) = query(tmp_path, "SELECT MAX(user_name) FROM names_by_client")
    epoch = str(token).split("-")[0][1:]
    run(tmp_path, "keys", "shred", epoch, "--reason", "over", "--yes")
    run(tmp_path, "export-subject", PEOPLE[0], "--out", tmp_path / "given", "--format", "csv")
    assert (tmp_path / "given" / "names_by_client.csv").read_text().strip() == ""
