"""A token is turned back by two people together, for what was asked, until it expires, on record."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from sensor import durable
from sensor.errors import LakeError, UsageError
from sensor.privacy.audit import AuditLog
from sensor.privacy.keys import Keys
from sensor.privacy.reveal import Reveals, _unsealed
from sensor.privacy.vault import Custodians, Vault

NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)
ANNA, BEN = ("anna", "correct horse battery"), ("ben", "staple and a lamp post")
EPOCH = 2964
TOKENS = {f"u{EPOCH}-aaaaaaaaaaaaaaaa": "ada.lovelace", f"u{EPOCH}-bbbbbbbbbbbbbbbb": "bob.builder"}
ADA = next(iter(TOKENS))
REASON = "incident 17: upload of a customer list"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder whose vault knows two people."""
    custodians = Custodians(tmp_path)
    custodians.enrol(ANNA[0], "requester", ANNA[1])
    custodians.enrol(BEN[0], "approver", BEN[1])
    Vault(tmp_path, Keys(tmp_path, "UTC")).remember(EPOCH, TOKENS)
    return tmp_path


def _reveals(state: Path, now: datetime = NOW) -> Reveals:
    return Reveals(state, Keys(state, "UTC"), now)


def test_two_people_see_what_was_asked_for_and_nothing_else(state: Path) -> None:
    case = _reveals(state).request([ADA], REASON, 7, *ANNA)
    with pytest.raises(UsageError, match="not approved"):
        _reveals(state).show(case.case_id, *ANNA)
    assert _reveals(state).approve(case.case_id, *BEN).approved_by == "ben"
    assert _reveals(state).show(case.case_id, *ANNA) == {ADA: "ada.lovelace"}
    actions = [(e.action, e.done_by.split(" (")[0], e.people) for e in AuditLog(state).entries()]
    assert actions == [
        ("reveal.request", "anna", 1),
        ("reveal.approve", "ben", 1),
        ("reveal.show", "anna", 1),
    ]
    assert AuditLog(state).verify() == []


def test_one_person_alone_gets_nowhere(state: Path) -> None:
    case = _reveals(state).request([ADA], REASON, 7, *ANNA)
    with pytest.raises(UsageError, match="no approver"):
        _reveals(state).approve(case.case_id, *ANNA)
    with pytest.raises(UsageError, match="no requester"):
        _reveals(state).request([ADA], REASON, 7, *BEN)
    with pytest.raises(UsageError, match="anna is requester already"):
        Custodians(state).enrol("anna", "approver", "another long secret")
    with pytest.raises(UsageError, match="not the secret of ben"):
        _reveals(state).approve(case.case_id, "ben", ANNA[1])
    assert [e.action for e in AuditLog(state).entries()] == ["reveal.request", "reveal.refuse"]


def test_whoever_holds_the_disk_and_one_private_key_cannot_open_a_record(state: Path) -> None:
    """Also with everything the state folder holds: the epoch's key, both public keys, the open request."""
    vault = Vault(state, Keys(state, "UTC"))
    _reveals(state).request([ADA], REASON, 7, *ANNA)
    for name, secret in (ANNA, BEN):
        own = vault.parts(Custodians(state).private_key(name, secret), [ADA])[ADA]
        for other in (own, b"", bytes(32)):
            for pair in ((own, other), (other, own)):
                with pytest.raises(LakeError):
                    vault.open({ADA: pair})
    written = b"".join(p.read_bytes() for p in state.rglob("*") if p.is_file())
    assert all(value.encode() not in written for value in TOKENS.values())


def test_an_approver_learns_the_parts_of_what_was_asked_for_only(state: Path) -> None:
    ben = Custodians(state).private_key(*BEN)
    anna = Custodians(state).private_key(*ANNA)
    vault = Vault(state, Keys(state, "UTC"))
    ada, bob = TOKENS
    leaked, own = vault.parts(anna, [ada])[ada], vault.parts(ben, [bob])[bob]
    with pytest.raises(LakeError):
        vault.open({bob: (leaked, own)})


def test_many_tokens_are_looked_up_in_one_pass(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the vault may hold 200,000 people: one pass for what each custodian adds, one to open it."""
    passes, lines = [], Vault._lines
    monkeypatch.setattr(Vault, "_lines", lambda vault, epoch: passes.append(epoch) or lines(vault, epoch))
    case = _reveals(state).request([*TOKENS, ADA], REASON, 7, *ANNA)
    assert case.tokens == tuple(TOKENS) and passes == [EPOCH]
    _reveals(state).approve(case.case_id, *BEN)
    assert passes == [EPOCH] * 3 and _reveals(state).show(case.case_id, *ANNA) == TOKENS


def test_it_expires_and_is_gone(state: Path) -> None:
    case = _reveals(state).request([ADA], REASON, 2, *ANNA)
    _reveals(state).approve(case.case_id, *BEN)
    late = _reveals(state, NOW + timedelta(days=2))
    with pytest.raises(UsageError, match="expired"):
        late.show(case.case_id, *ANNA)
    assert not list((state / "reveals").glob("*.json"))
    assert AuditLog(state).entries()[-1].action == "reveal.expire"


def test_shredding_the_epoch_empties_the_vault(state: Path) -> None:
    case = _reveals(state).request([ADA], REASON, 7, *ANNA)
    Keys(state, "UTC").shred(EPOCH, NOW)
    with pytest.raises(LakeError, match="shredded"):
        _reveals(state).approve(case.case_id, *BEN)


def test_shredding_the_epoch_takes_back_what_was_released(state: Path) -> None:
    """Also from who kept a copy of the answer and of the requester's key."""
    case = _reveals(state).request([ADA], REASON, 7, *ANNA)
    _reveals(state).approve(case.case_id, *BEN)
    answer = json.loads((state / "reveals" / f"{case.case_id}.json").read_text())["payload"]["values"][ADA]
    Keys(state, "UTC").shred(EPOCH, NOW)
    with pytest.raises(LakeError, match="shredded"):
        _reveals(state).show(case.case_id, *ANNA)
    anna = Custodians(state).private_key(*ANNA)
    assert TOKENS[ADA].encode() not in _unsealed(anna, answer, ADA)


def test_who_is_erased_is_in_no_case_any_more(state: Path) -> None:
    ada, bob = TOKENS
    released, asked = (_reveals(state).request([ada, bob], REASON, 7, *ANNA) for _ in range(2))
    alone = _reveals(state).request([ada], REASON, 7, *ANNA)
    _reveals(state).approve(released.case_id, *BEN)
    assert _reveals(state).forget([ada]) == 3 and Vault(state, Keys(state, "UTC")).forget([ada]) == 1
    assert ada not in "".join(path.read_text() for path in (state / "reveals").iterdir())
    _reveals(state).approve(asked.case_id, *BEN)
    for case in (released, asked):
        assert _reveals(state).show(case.case_id, *ANNA) == {bob: TOKENS[bob]}
    with pytest.raises(UsageError, match="no case"):
        _reveals(state).show(alone.case_id, *ANNA)


def test_a_second_custodian_is_introduced_by_the_first(state: Path) -> None:
    custodians, dora = Custodians(state), ("dora", "dora has a long secret")
    with pytest.raises(UsageError, match="introduced-by"):
        custodians.enrol(dora[0], "approver", dora[1])
    with pytest.raises(UsageError, match="anna is no approver"):
        custodians.enrol(dora[0], "approver", dora[1], by=ANNA)
    custodians.enrol(dora[0], "approver", dora[1], by=BEN)
    case = _reveals(state).request([ADA], REASON, 7, *ANNA)
    _reveals(state).approve(case.case_id, *dora)
    assert _reveals(state).show(case.case_id, *ANNA)[ADA] == "ada.lovelace"


@pytest.mark.parametrize(
    ("tokens", "reason", "message"),
    [([ADA], "because", "reason"), ([], REASON, "0 tokens"), ([f"u{EPOCH}-cc"], REASON, "not in the vault")],
)
def test_what_is_no_request(state: Path, tokens: list[str], reason: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _reveals(state).request(tokens, reason, 7, *ANNA)
    with pytest.raises(UsageError, match="no token"):
        _reveals(state).request(["../../etc"], REASON, 7, *ANNA)
    with pytest.raises(UsageError, match="no case"):
        _reveals(state).approve("../x", *BEN)


def _records(state: Path) -> list[str]:
    """The tokens in the vault's file, in order; of lines that are whole."""
    file = state / "vault" / f"epoch-{EPOCH}.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [token for line in lines if line.endswith("}}") for token in json.loads(line)["records"]]


def test_the_vault_remembers_once_forgets_on_demand_and_survives_a_torn_line(state: Path) -> None:
    vault = Vault(state, Keys(state, "UTC"))
    file = state / "vault" / f"epoch-{EPOCH}.jsonl"
    vault.remember(EPOCH, TOKENS)
    assert len(_records(state)) == 2 and len(file.read_text().splitlines()) == 1
    with file.open("a") as out:
        out.write('{"ephemeral": "x", "rec')
    Vault(state, Keys(state, "UTC")).remember(EPOCH, {f"u{EPOCH}-dddddddddddddddd": "dora"})
    assert len(_records(state)) == 3
    assert vault.forget([ADA, f"u{EPOCH}-zzzzzzzzzzzzzzzz"]) == 1
    assert len(_records(state)) == 2 and ADA not in file.read_text()


def test_what_a_sensor_appends_while_somebody_is_erased_is_kept(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dora = f"u{EPOCH}-dddddddddddddddd"
    sensor = Thread(target=Vault(state, Keys(state, "UTC")).remember, args=(EPOCH, {dora: "dora"}))

    def rewrite(path: Path, content: bytes) -> None:
        sensor.start()
        sensor.join(0.2)
        path.write_bytes(content)

    monkeypatch.setattr(durable, "write", rewrite)
    vault = Vault(state, Keys(state, "UTC"))
    assert vault.forget([ADA]) == 1
    sensor.join(5)
    assert len(_records(state)) == 2 and dora in (state / "vault" / f"epoch-{EPOCH}.jsonl").read_text()


def test_without_two_roles_nothing_is_remembered(tmp_path: Path) -> None:
    Vault(tmp_path, Keys(tmp_path, "UTC")).remember(EPOCH, TOKENS)
    Custodians(tmp_path).enrol(ANNA[0], "requester", ANNA[1])
    Vault(tmp_path, Keys(tmp_path, "UTC")).remember(EPOCH, TOKENS)
    assert not list((tmp_path / "vault").glob("epoch-*"))


def test_a_running_capture_remembers_from_the_enrolment_on(tmp_path: Path) -> None:
    running = Vault(tmp_path, Keys(tmp_path, "UTC"))
    running.remember(EPOCH, TOKENS)
    Custodians(tmp_path).enrol(ANNA[0], "requester", ANNA[1])
    Custodians(tmp_path).enrol(BEN[0], "approver", BEN[1])
    assert len(_records(tmp_path)) == 0
    running.remember(EPOCH, TOKENS)
    assert len(_records(tmp_path)) == 2


def test_files_are_the_owners(state: Path) -> None:
    case = _reveals(state).request([ADA], REASON, 7, *ANNA)
    for path in (p for p in state.rglob("*") if p.is_file()):
        assert path.stat().st_mode & 0o077 == 0, path
    assert json.loads((state / "reveals" / f"{case.case_id}.json").read_text())["case"]["tokens"] == [ADA]
