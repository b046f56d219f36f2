"""Keys, reveals and their record on the command line, as two people would use them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import typer

from analytics.reports.prepare import page_of
from sensor.cli import reveal
from sensor.errors import UsageError
from sensor.privacy.audit import AuditLog
from tests.product import query, shadowai, squid

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two custodians, and a scan after they were enrolled."""
    folder = tmp_path_factory.mktemp("reveal")
    for name, secret in (("anna", "a long secret of anna"), ("ben", "a long secret of ben")):
        (folder / f"{name}.secret").write_text(secret + "\n")
    said = shadowai(folder, "reveal", "enrol", "anna", "--role", "requester", "--secret-file", "anna.secret")
    assert "the other role is empty" in said
    said = shadowai(folder, "reveal", "enrol", "ben", "--role", "approver", "--secret-file", "ben.secret")
    assert "anna was enrolled from this account, too" in said
    squid(folder / "access.log", [(NOW - timedelta(minutes=5), "10.0.0.9", "ada")])
    shadowai(folder, "scan", folder / "access.log", "-q")
    return folder


def _as(name: str) -> tuple[str, str, str, str]:
    return ("--as", name, "--secret-file", f"{name}.secret")


def test_two_people_reveal_a_token_and_the_report_prints_it(place: Path) -> None:
    token, address = query(place, "SELECT user_name, client FROM sightings")[0]
    reason = "incident 17: customer list"
    asked = shadowai(place, "reveal", "request", token, address, "--reason", reason, *_as("anna"))
    case = asked.split("\t")[0]
    assert "not approved yet" in shadowai(place, "reveal", "show", case, *_as("anna"), ok=False)
    assert "anna is no approver" in shadowai(place, "reveal", "approve", case, *_as("anna"), ok=False)
    approved = shadowai(place, "reveal", "approve", case, *_as("ben"))
    assert reason in approved and "anna may look until" in approved
    assert "anna asked from this account, too" in approved
    shown = shadowai(place, "reveal", "show", case, *_as("anna"))
    assert shown.splitlines() == [f"{token}\tada", f"{address}\t10.0.0.9"]
    assert f"{case}\tanna\t2 tokens\tapproved by ben" in shadowai(place, "reveal", "list")
    shadowai(place, "compact", "--now")
    deeds = [
        (deed.what, deed.by.split(" (")[0], deed.case) for deed in page_of(place / "lake").deeds if deed.case
    ]
    assert deeds == [("Names requested", "anna", case), ("Names released", "ben", case),
                     ("Names viewed", "anna", case)]  # fmt: skip
    checked = shadowai(place, "audit", "verify")
    assert "chain whole" in checked and f"case {case} was asked for and approved from one account" in checked


def test_where_nobody_can_type_a_secret_it_must_be_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended with 1, like a bug."""

    def closed(*_: object, **__: object) -> None:
        raise typer.Abort

    monkeypatch.setattr(typer, "prompt", closed)
    with pytest.raises(UsageError, match="no secret of anna; type it, or name a --secret-file"):
        reveal._secret(None, "anna")


def test_each_role_may_only_do_its_part(place: Path) -> None:
    assert shadowai(place, "reveal", "custodians").splitlines() == ["requester\tanna", "approver\tben"]
    (place / "wrong.secret").write_text("not the secret at all")
    said = shadowai(place, "reveal", "request", "u1-aa", "--reason", "long enough", "--as", "anna",
                    "--secret-file", "wrong.secret", ok=False)  # fmt: skip
    assert "not the secret of anna" in said and "Traceback" not in said
    last = AuditLog(place / "state").entries()[-1]
    assert last.action == "reveal.refuse" and last.done_by.startswith("anna (")
    said = shadowai(
        place, "reveal", "enrol", "eve", "--role", "boss", "--secret-file", "ben.secret", ok=False
    )
    assert "requester or approver" in said


def test_from_another_state_folder_nothing_is_done_to_the_lake_that_takes_its_keys(place: Path) -> None:
    """Somebody forgot --state, or is another account: first without any key, then with other ones."""
    record = query(place, "SELECT hash FROM audit ORDER BY entry")
    other = {"state": str(place / "elsewhere")}
    erase = ("erase", "ada", "--reason", "asked for in writing", "--yes")
    (place / "new.yml").write_text("version: 1\nstatus:\n  - {app: openai/chatgpt, status: unsanctioned}\n")
    simulate = ("policy", "simulate", "new.yml")
    for command in (erase, simulate, ("keys", "init"), ("keys", "rotate")):
        assert "other keys" in shadowai(place, *command, ok=False, **other)
    shadowai(place, "compact", "--now", **other)
    shadowai(place, "keys", "init", **other, lake=str(place / "another"))
    for command in (erase, simulate, ("compact", "--now"), ("scan", place / "access.log", "--replace")):
        said = shadowai(place, *command, ok=False, **other)
        assert "other keys than" in said and "--state" in said
    assert "1 finding changes" in shadowai(place, *simulate)
    assert query(place, "SELECT hash FROM audit ORDER BY entry") == record
    assert query(place, "SELECT count(DISTINCT user_name) FROM sightings") == [(1,)]


def test_keys_are_made_rotated_and_listed(place: Path) -> None:
    made = shadowai(place, "keys", "init")
    assert made.startswith("epoch ") and made in shadowai(place, "keys", "list")
    shadowai(place, "keys", "rotate")
    listed = shadowai(place, "keys", "list").splitlines()
    assert len(listed) == 2
    ends, begins = (date.fromisoformat(day) for day in (listed[0][-15:-5], listed[1].split()[2]))
    assert listed[0].endswith(", UTC") and begins == ends + timedelta(days=1) and begins.weekday() == 0
    assert "no key of epoch 7" in shadowai(place, "keys", "shred", 7, "--reason", "x", "--yes", ok=False)


def test_doctor_warns_of_keys_others_can_read(place: Path) -> None:
    fine = shadowai(place, "doctor")
    assert "anna (requester), ben (approver)" in fine and "readable by their owner only" in fine
    key = next((place / "state" / "keys").glob("*.key"))
    key.chmod(0o640)
    try:
        assert "is open to others" in shadowai(place, "doctor", ok=False)
        assert "is open to others" in shadowai(place, "keys", "list")
    finally:
        key.chmod(0o600)
