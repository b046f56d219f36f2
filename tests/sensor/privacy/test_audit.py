"""Whatever is done to the audit log afterwards is found out."""

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.cli.audit import copies_in
from sensor.errors import LakeError
from sensor.privacy.audit import AuditLog

NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    audit = AuditLog(tmp_path)
    for n in range(5):
        audit.append("erase", now=NOW, done_by="anna", reason=f"request {n}", people=n, deleted_rows=n)
    return audit


def _lines(log: AuditLog) -> list[str]:
    return log.path.read_text().splitlines(keepends=True)


def test_an_untouched_log_is_whole(log: AuditLog) -> None:
    assert log.verify() == []
    assert log.verify({e.entry: [e.hash] for e in log.entries()}) == []
    assert [e.entry for e in log.entries()] == [1, 2, 3, 4, 5]
    assert log.frame()["people"].to_list() == [0, 1, 2, 3, 4]
    assert log.path.stat().st_mode & 0o077 == 0


@given(reason=st.text(max_size=20) | st.sampled_from(["as agreed\u2028with the council", "\x85", "a\r\nb"]))
def test_any_reason_stays_on_one_line(reason: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    log = AuditLog(tmp_path_factory.mktemp("state"))
    for _ in range(2):
        log.append("erase", now=NOW, done_by="anna", reason=reason)
    assert [entry.reason for entry in log.entries()] == [reason] * 2
    assert log.verify() == []


@given(place=st.integers(0, 4), data=st.data())
def test_no_line_can_be_changed_removed_or_moved(
    place: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = AuditLog(tmp_path_factory.mktemp("state"))
    for n in range(5):
        log.append("erase", now=NOW, done_by="anna", reason=f"request {n}")
    copies = {e.entry: [e.hash] for e in log.entries()}
    lines = _lines(log)
    how = data.draw(st.sampled_from(["change", "remove", "double", "swap"]))
    if how == "change":
        lines[place] = lines[place].replace("anna", "zora")
    elif how == "remove":
        del lines[place]
    elif how == "double":
        lines.insert(place, lines[place])
    else:
        other = (place + 1) % 5
        lines[place], lines[other] = lines[other], lines[place]
    log.path.write_text("".join(lines))
    assert log.verify(copies)


def test_a_rewritten_or_cut_log_is_told_by_the_lakes_copy(log: AuditLog, tmp_path: Path) -> None:
    copies = {e.entry: [e.hash] for e in log.entries()}
    log.path.write_text("".join(_lines(log)[:3]))
    assert log.verify() == []
    assert len(log.verify(copies)) == 2
    log.append("erase", now=NOW, done_by="zora")
    assert any("rewritten" in problem for problem in log.verify(copies))


def test_a_cut_log_lacks_what_is_kept_elsewhere(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("syslog.syslog", lambda priority, text: told.append(text))
    newest = log.append("reveal", now=NOW, done_by="anna", reason="incident 17")
    assert told == [f"shadowai audit: entry 6, reveal, hash {newest.hash}"]
    assert log.verify(witnesses=[newest.hash, newest.hash[:12].upper()]) == []
    log.path.write_text("".join(_lines(log)[:-1]))
    assert log.verify() == []
    assert log.verify(witnesses=[newest.hash[:12]]) == [
        f"no entry has the hash {newest.hash[:12]}: the log was cut or rewritten"
    ]
    assert log.verify(witnesses=[""])


def test_reports_that_the_lake_keeps_are_copies_too(log: AuditLog, tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "open" / "reports" / "weekly"
    folder.mkdir(parents=True)
    rows = [{"entry": entry.entry, "hash": entry.hash} for entry in log.entries()]
    page = {"figures": [{"id": "privacy_log", "rows": rows}, {"id": "other", "rows": [{"a": 1}]}]}
    (folder / "2026-W46-1.json").write_text(json.dumps(page))
    for name, text in (
        ("cut", '{"figures": [{"id"'),
        ("else", "[1]"),
        ("old", '{"figures": [{"rows": []}]}'),
    ):
        (folder / f"2026-W46-{name}.json").write_text(text)
    copies = copies_in(tmp_path / "lake")
    assert copies == {entry.entry: [entry.hash] for entry in log.entries()}
    log.path.write_text("".join(_lines(log)[:-2]))
    assert len(log.verify(copies)) == 2


def test_a_damaged_log_is_said_in_one_line_and_takes_no_more(log: AuditLog) -> None:
    with log.path.open("a") as file:
        file.write("{\n")
    with pytest.raises(LakeError, match=r"log.jsonl:6: no audit entry"):
        log.entries()
    with pytest.raises(LakeError, match="damaged"):
        log.append("erase", now=NOW)
    with pytest.raises(LakeError, match="damaged"):
        log.check()


def test_where_an_entry_has_no_room_nothing_is_begun(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Erasure and retention record what they have done."""
    log.check()

    def full(dir: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(LakeError, match=r"log.jsonl: no space left on device; nothing was done"):
        log.check()
    assert not log.verify()


def test_custodians_who_act_from_one_account_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(tmp_path)
    steps = [("one", "request", "anna", "jo"), ("two", "request", "anna", "jo"),
             ("one", "approve", "ben", "jo"), ("two", "approve", "ben", "kim")]  # fmt: skip
    for case, step, name, account in steps:
        monkeypatch.setattr("sensor.privacy.audit.account", lambda said=account: said)
        log.append(f"reveal.{step}", now=NOW, done_by=name, case_id=case)
    assert log.one_account() == {"one": "jo"}
    assert [entry.done_by for entry in log.entries()] == ["anna (jo)", "anna (jo)", "ben (jo)", "ben (kim)"]
    assert log.verify() == []
