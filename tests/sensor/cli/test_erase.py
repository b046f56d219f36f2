"""Retention, erasure and access requests: what goes, what stays, what is proven and what is said."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analytics.lake import open_views
from sensor.privacy.audit import AuditLog

ROOT = Path(__file__).parents[3]
TODAY = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0)
PEOPLE = [f"person{n}" for n in range(8)]


def shadowai(folder: Path, *words: object, ok: bool = True, level: str = "pseudonymous") -> str:
    """Run the command on the folder's lake; its output."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    environment["SHADOWAI_PRIVACY"] = level
    command = [sys.executable, "-c", "from sensor.cli.main import run; run()", *map(str, words)]
    done = subprocess.run(
        [*command, "--lake", str(folder / "lake"), "--state", str(folder / "state")],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout + done.stderr


def squid(folder: Path, name: str, *days_ago: int, users: list[str] = PEOPLE) -> Path:
    """A proxy log: every user sends 9000 bytes to one service at 10 o'clock of each day."""
    lines = []
    for days in days_ago:
        for number, user in enumerate(users):
            at = (TODAY - timedelta(days=days, minutes=number)).timestamp()
            lines.append(
                f"{at:.3f}    900 10.0.0.{number + 1} {user} POST "
                f"https://chatgpt.com/backend-api/conversation "
                f'200 TCP_MISS:HIER_DIRECT 9000 4000 chatgpt.com "Mozilla/5.0"\n'
            )
    path = folder / name
    path.write_text("".join(lines))
    return path


def rows(folder: Path, sql: str, *, restricted: bool = True) -> list[tuple[object, ...]]:
    with open_views(folder / "lake", restricted=restricted) as views:
        return views.execute(sql).fetchall()


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Two months ago, last month's end, and this week."""
    shadowai(tmp_path, "scan", squid(tmp_path, "access.log", 60, 10, 0), "-q")
    return tmp_path


WEEKS = "SELECT week, app, people, bytes_up FROM usage_weekly WHERE department = 'all' ORDER BY ALL"


def files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in (folder / "lake").rglob("*.parquet")]


def test_retention_deletes_what_is_old_proves_it_and_changes_no_published_figure(lake: Path) -> None:
    before = rows(lake, WEEKS)
    old = rows(lake, "SELECT event_id FROM sightings WHERE seen_at < now() - INTERVAL 30 DAY")
    assert len(old) == len(PEOPLE)
    said = shadowai(lake, "retain", "--now")
    assert rows(lake, WEEKS) == before and len(before) == 6
    assert rows(lake, "SELECT count(*) FROM sightings") == [(2 * len(PEOPLE),)]
    (entry,) = AuditLog(lake / "state").entries()
    assert entry.action == "retain" and (entry.deleted_rows or 0) >= len(PEOPLE)
    proof = (lake / "state" / "audit" / f"deleted-{entry.entry:06d}.json").read_bytes()
    assert hashlib.sha256(proof).hexdigest() == entry.proof
    listed = json.loads(proof)
    assert sum(one["deleted"] for one in listed) == entry.deleted_rows
    assert not any((lake / "lake" / one["path"]).exists() for one in listed)
    everything = pl.concat(
        pl.read_parquet(path, columns=["event_id"], hive_partitioning=False)
        for path in (lake / "lake" / "restricted" / "sightings").rglob("*.parquet")
    )
    assert not set(everything["event_id"]) & {event for (event,) in old}
    assert "rows deleted" in said
    again = shadowai(lake, "retain", "--now")
    assert again.startswith("0 rows deleted") and rows(lake, WEEKS) == before


def test_an_erased_person_is_gone_from_every_file_and_figures_of_past_weeks_stay(lake: Path) -> None:
    before = rows(lake, WEEKS)
    shadowai(lake, "export-subject", "Person3", "--out", lake / "given")
    given = json.loads((lake / "given" / "subject.json").read_text())
    assert len(given["tables"]["sightings"]) == 3 and given["person"] == "Person3"
    assert {row["user_name"] for row in given["tables"]["sightings"]} <= set(given["tokens"])
    assert len(given["tables"]["usage_hourly"]) == 3
    tokens = [token.encode() for token in given["tokens"]]
    said = shadowai(lake, "erase", "person3", "--reason", "asked for in writing", "--yes", "--now")
    assert "not reached: the logs and captures" in said
    hidden = pl.read_parquet(next((lake / "lake/restricted/erasures").rglob("erasure-*.parquet")))
    assert set(hidden["token"]) == set(given["tokens"])
    erasures = set((lake / "lake/restricted/erasures").rglob("*.parquet"))
    for path in set((lake / "lake").rglob("*.parquet")) - erasures:
        values = str(pl.read_parquet(path, hive_partitioning=False).rows())
        assert not any(token.decode() in values for token in tokens), path
    after = rows(lake, WEEKS)
    assert [row for row in after if row[0] != max(w for w, *_ in after)] == [
        row for row in before if row[0] != max(w for w, *_ in before)
    ]
    assert rows(lake, "SELECT count(*) FROM sightings") == [(3 * (len(PEOPLE) - 1),)]
    shadowai(lake, "export-subject", "person3", "--out", lake / "again", "--format", "csv")
    assert (lake / "again" / "sightings.csv").read_text().strip() == ""
    actions = [entry.action for entry in AuditLog(lake / "state").entries()]
    assert actions == ["export", "erase", "export"]
    assert "person3" not in AuditLog(lake / "state").path.read_text()


def test_what_is_read_again_after_an_erasure_stays_hidden(lake: Path) -> None:
    shadowai(lake, "erase", "person3", "--reason", "asked for in writing", "--yes", "--now")
    shadowai(lake, "scan", lake / "access.log", "--replace", "-q")
    for view in ("sightings", "usage_hourly"):
        assert rows(lake, f"SELECT count(*) FROM {view}") == [(3 * (len(PEOPLE) - 1),)], view


def test_the_record_reaches_the_lake_and_is_verified_against_it(lake: Path) -> None:
    shadowai(lake, "retain", "--now")
    shadowai(lake, "compact", "--now")
    assert "1 entries, chain whole, 1 also in the lake" in shadowai(lake, "audit", "verify")
    assert "retain" in shadowai(lake, "audit", "show")
    log = AuditLog(lake / "state").path
    log.write_text(log.read_text().replace('"deleted_rows": ', '"deleted_rows": 1'))
    assert "does not match its hash" in shadowai(lake, "audit", "verify", ok=False)
    log.unlink()
    assert "its end was cut off" in shadowai(lake, "audit", "verify", ok=False)
