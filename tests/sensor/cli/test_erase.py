"""Retention, erasure and access requests: what goes, what stays, what is proven and what is said."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sensor.cli import doctor
from sensor.cli.deletion import Deletion
from sensor.privacy.audit import AuditLog
from sensor.store.purge import Deleted
from tests.product import query, shadowai, squid

TODAY = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0)
PEOPLE = [f"person{n}" for n in range(8)]


def log(folder: Path, *days_ago: int) -> Path:
    """A proxy log: every person uploads at 10 o'clock of each day."""
    requests = [
        (TODAY - timedelta(days=days, minutes=n), f"10.0.0.{n + 1}", person)
        for days in days_ago
        for n, person in enumerate(PEOPLE)
    ]
    return squid(folder / "access.log", requests)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two months ago, last month's end, and this week."""
    folder = tmp_path_factory.mktemp("scanned")
    shadowai(folder, "scan", log(folder, 60, 10, 0), "-q")
    return folder


@pytest.fixture
def lake(scanned: Path, tmp_path: Path) -> Path:
    """A copy of its own: a lake may be moved."""
    return Path(shutil.copytree(scanned, tmp_path, dirs_exist_ok=True))


def test_without_a_terminal_nothing_is_deleted_and_the_error_names_yes(lake: Path) -> None:
    """A timer, or a pipe: there is no terminal to say yes at. `retain` asks where the clock may be ahead."""
    because, month_ago = ("--reason", "a test"), datetime.now(UTC) - timedelta(days=31)
    (made,) = (lake / "lake/restricted/sightings/hot/part=0000").iterdir()
    os.utime(made, (month_ago.timestamp(),) * 2)
    said = shadowai(lake, "retain", ok=False)  # the first, in a lake that was compacted a moment ago
    assert f"there was no run since {month_ago:%Y-%m-%d}. Delete what is old?" in said
    AuditLog(lake / "state").append("retain", now=month_ago)
    for words in (("erase", PEOPLE[0], *because), ("keys", "shred", _running(lake), *because), ("retain",)):
        said = shadowai(lake, *words, ok=False)
        assert said.endswith(
            "shadowai: not confirmed, nothing was deleted; add --yes where nobody can answer\n"
        )
    assert len(AuditLog(lake / "state").entries()) == 1
    AuditLog(lake / "state").path.write_text("{\n")
    for words in (("erase", PEOPLE[0], "--reason", "a test", "--yes"), ("retain",), ("keys", "rotate")):
        assert "the last line is damaged" in shadowai(lake, *words, ok=False)
    assert query(lake, "SELECT count(*) FROM sightings") == [(3 * len(PEOPLE),)]


def _running(lake: Path) -> str:
    """The number of the epoch of today."""
    return shadowai(lake, "keys", "list").splitlines()[-1].removeprefix("epoch ").partition(":")[0]


WATCHED = "SELECT day, minutes_seen FROM coverage_daily ORDER BY ALL"
WEEKS = "SELECT week, app, people, bytes_up FROM usage_weekly WHERE department = 'all' ORDER BY ALL"


def test_retention_deletes_what_is_old_proves_it_is_on_record_and_changes_no_published_figure(
    lake: Path,
) -> None:
    (lake / "shadowai.toml").write_text("[retention]\ncoverage = 30\n")
    before, watched = query(lake, WEEKS), query(lake, WATCHED)
    old = query(lake, "SELECT event_id FROM sightings WHERE seen_at < now() - INTERVAL 30 DAY")
    assert len(old) == len(PEOPLE)
    said = shadowai(lake, "retain", "--now")
    assert query(lake, WEEKS) == before and len(before) == 6
    assert query(lake, WATCHED) == watched and len(watched) == 3
    assert query(lake, "SELECT count(*) FROM sightings") == [(2 * len(PEOPLE),)]
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
    assert again.startswith("0 rows deleted") and query(lake, WEEKS) == before
    # The record reaches the lake and is verified against it.
    shadowai(lake, "compact", "--now")
    assert "2 entries, chain whole, 2 also in the lake" in shadowai(lake, "audit", "verify")
    assert "retain" in shadowai(lake, "audit", "show")
    file = AuditLog(lake / "state").path
    file.write_text(file.read_text().replace('"deleted_rows": ', '"deleted_rows": 1'))
    assert "does not match its hash" in shadowai(lake, "audit", "verify", ok=False)
    file.unlink()
    assert "its end was cut off" in shadowai(lake, "audit", "verify", ok=False)
    said = shadowai(lake, "retain", ok=False)  # as with another state folder
    assert f"up to entry 2, but {file} has none of it: --state names its folder. Delete" in said


def test_a_deletion_that_was_killed_is_proven_but_not_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed before its entry was written, or before the list that the entry has the hash of."""
    begun, files = datetime.now(UTC), [Deleted("a.parquet", "aa", 9, 2), Deleted("b.parquet", "bb", 9, 3)]
    for killed_at in ("_enter", "_keep_list"):
        with (
            monkeypatch.context() as patched,
            pytest.raises(KeyboardInterrupt),
            Deletion.of(tmp_path, "erase", now=begun, case_id="c1", reason="asked", people=4) as deletion,
        ):
            patched.setattr(Deletion, killed_at, lambda *_, **__: raises(KeyboardInterrupt))
            deletion.announce(files[:1])
            deletion.announce(files[1:])
            deletion.record(files=2)
    assert doctor._record(tmp_path / "lake", tmp_path)[1] is None
    with Deletion.of(tmp_path, "retain", now=begun) as deletion:
        assert deletion.record(files=0).startswith("0 rows deleted")
    assert doctor._record(tmp_path / "lake", tmp_path)[1] is True
    entries = AuditLog(tmp_path).entries()
    assert [(e.action, e.case_id, e.people, e.deleted_rows) for e in entries] == [
        ("erase.interrupted", "c1", 4, None), ("erase", "c1", 4, None), ("retain", None, None, 0),
    ]  # fmt: skip
    for entry in entries:
        proof = (tmp_path / "audit" / f"deleted-{entry.entry:06d}.json").read_bytes()
        assert hashlib.sha256(proof).hexdigest() == entry.proof
        assert [one["path"] for one in json.loads(proof)] == (
            [] if entry.action == "retain" else ["a.parquet", "b.parquet"]
        )
    assert capsys.readouterr().err.count("was interrupted") == 2


def raises(error: type[BaseException]) -> None:
    raise error


def test_an_erased_person_is_gone_from_every_file_and_figures_of_past_weeks_stay(lake: Path) -> None:
    before = query(lake, WEEKS)
    shadowai(lake, "export-subject", "Person3", "--out", lake / "given")
    given = json.loads((lake / "given" / "subject.json").read_text())
    assert len(given["tables"]["sightings"]) == 3 and given["person"] == "Person3"
    assert {row["user_name"] for row in given["tables"]["sightings"]} <= set(given["tokens"])
    assert len(given["tables"]["usage_hourly"]) == 3
    assert given["meaning"]["sightings"]["seen_at"] == "start of the slice, burst or request"
    tokens = [token.encode() for token in given["tokens"]]
    said = shadowai(lake, "erase", "person3", "--reason", "asked for in writing", "--yes", "--now")
    assert "not reached: the logs and captures" in said
    assert "open hour" not in said  # --now closed it; what the erasure itself writes does not count
    hidden = pl.read_parquet(next((lake / "lake/restricted/erasures").rglob("erasure-*.parquet")))
    assert set(hidden["token"]) == set(given["tokens"])
    erasures = set((lake / "lake/restricted/erasures").rglob("*.parquet"))
    for path in set((lake / "lake").rglob("*.parquet")) - erasures:
        values = str(pl.read_parquet(path, hive_partitioning=False).rows())
        assert not any(token.decode() in values for token in tokens), path
    after = query(lake, WEEKS)
    assert [row for row in after if row[0] != max(w for w, *_ in after)] == [
        row for row in before if row[0] != max(w for w, *_ in before)
    ]
    assert query(lake, "SELECT count(*) FROM sightings") == [(3 * (len(PEOPLE) - 1),)]
    said = shadowai(lake, "export-subject", "person3", "--out", lake / "again", "--format", "csv")
    assert "no row about 'person3'" in said
    assert (lake / "again" / "sightings.csv").read_text().strip() == ""
    entries = AuditLog(lake / "state").entries()
    assert [entry.action for entry in entries] == ["export", "erase", "export"]
    assert entries[1].proof and entries[1].deleted_rows is None  # the record is published
    assert "person3" not in AuditLog(lake / "state").path.read_text()
    # What is read again stays hidden.
    shadowai(lake, "scan", lake / "access.log", "--replace", "-q")
    for view in ("sightings", "usage_hourly"):
        assert query(lake, f"SELECT count(*) FROM {view}") == [(3 * (len(PEOPLE) - 1),)], view


def test_a_request_reaches_what_was_done_on_their_devices_and_nobody_elses(tmp_path: Path) -> None:
    """Ada's laptop has its address by DHCP and is hers by the directory; the same address was Bob's before,
    who signed in for longer than he stayed."""
    begin = TODAY - timedelta(days=1)
    leases = [
        ("10.0.0.9", "", "bobs-pc", -180, 0, "dhcp"),
        ("10.0.0.9", "bob", "", -170, 600, "directory"),
        ("10.0.0.9", "", "adas-laptop", 1, 300, "dhcp"),
    ]
    lines = ["address,user_name,device,valid_from,valid_to,origin"]
    lines += [
        f"{address},{user},{device},{(begin + timedelta(minutes=a)).isoformat()},"
        f"{(begin + timedelta(minutes=b)).isoformat()},{origin}"
        for address, user, device, a, b, origin in leases
    ]
    (tmp_path / "leases.csv").write_text("\n".join(lines) + "\n")
    people = ["address,user_name,device", "10.9.9.1,ada,adas-laptop", "10.9.9.2,bob,bobs-pc"]
    (tmp_path / "people.csv").write_text("\n".join(people) + "\n")
    requests = [(begin + timedelta(minutes=at), "10.0.0.9", "-") for at in (-60, 30, 60)]
    squid(tmp_path / "access.log", requests)
    shadowai(tmp_path, "scan", tmp_path / "leases.csv", tmp_path / "access.log", "--people",
             tmp_path / "people.csv", "-q")  # fmt: skip
    given = {}
    for person in ("ada", "bob"):
        shadowai(tmp_path, "export-subject", person, "--out", tmp_path / person)
        given[person] = json.loads((tmp_path / person / "subject.json").read_text())["tables"]
    assert [len(given[person]["sightings"]) for person in ("ada", "bob")] == [2, 1]
    assert {row["origin"] for row in given["ada"]["leases"]} == {"dhcp", "csv"}
    shadowai(tmp_path, "erase", "ada", "--reason", "asked for", "--yes", "--now")
    assert query(tmp_path, "SELECT count(*) FROM sightings") == [(1,)]
    assert query(tmp_path, "SELECT count(*) FROM leases WHERE device IS NOT NULL") == [(2,)]
    again = tmp_path / "again"
    shadowai(tmp_path, "export-subject", "ada", "--out", again)
    assert not any(json.loads((again / "subject.json").read_text())["tables"].values())


def test_a_person_with_an_account_and_a_mail_address_is_one(tmp_path: Path) -> None:
    """Where the logon name differs from the mail address, two people were counted. Rows from before the
    directory was given are found, too."""
    begin = TODAY - timedelta(days=1)
    logs = [tmp_path / f"{nth}.log" for nth in range(3)]
    for nth, name in enumerate(("jane.doe@corp.test", "CORP%5cjdoe", "Jane.Doe@corp.test")):
        squid(logs[nth], [(begin + timedelta(minutes=nth), "10.0.0.9", name)])
    shadowai(tmp_path, "scan", logs[0], "-q")
    (tmp_path / "ad.ldif").write_text(
        "dn: CN=Jane\nsAMAccountName: jdoe\nuserPrincipalName: jane.doe@corp.test\ndepartment: Legal\n"
    )
    (tmp_path / "shadowai.toml").write_text('[identity]\ndirectory = ["ad.ldif"]\n')
    shadowai(tmp_path, "scan", *logs[1:], "-q")
    counts = "SELECT count(DISTINCT user_name), count(*) FROM sightings"
    assert query(tmp_path, counts) == [(2, 3)]
    assert query(tmp_path, f"{counts} WHERE seen_at > '{begin + timedelta(seconds=30)}'") == [(1, 2)]
    assert query(tmp_path, "SELECT DISTINCT department FROM usage_hourly ORDER BY 1") == [
        ("other",), ("unattributed",),
    ]  # fmt: skip
    shadowai(tmp_path, "erase", "Jane.Doe@corp.test", "--reason", "asked for", "--yes", "--now")
    assert query(tmp_path, counts) == [(0, 0)]
