"""`shadowai policy` and `shadowai decide` as a user meets them: words, files and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from analytics.counting.state import read_state, write_state
from analytics.lake import open_views
from analytics.policy.read import read
from analytics.policy.rows import compiled
from analytics.policy.rules import LEVELS
from analytics.refresh import refresh
from sensor.cli import policy as command
from sensor.cli.main import app
from sensor.cli.options import settings_from
from sensor.errors import FindingsError, PolicyError, UsageError
from sensor.store.lake import Lake
from tests.analytics.handmade import ZONE, HandmadeLake, sighting

POLICY = "version: 1\nstatus:\n  - {app: openai/chatgpt, status: unsanctioned}\n"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for keys and the compiled catalog."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def home(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings and a policy that rules one service out; a test adds the lake it wants."""
    return furnished(tmp_path, state, monkeypatch)


def furnished(home: Path, state: Path, patch: pytest.MonkeyPatch) -> Path:
    """The folder with settings and a policy, and we are in it."""
    patch.chdir(home)
    (home / "shadowai.toml").write_text(
        f'lake = "lake"\nstate = "{state}"\nzone = "{ZONE}"\npolicy = "policy.yml"\n', encoding="utf-8"
    )
    (home / "policy.yml").write_text(POLICY, encoding="utf-8")
    return home


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def lake_at(home: Path) -> HandmadeLake:
    use = {"app": "openai/chatgpt", "host": "chatgpt.com"}
    rows = [sighting("2026-11-17 09:00", user_name=f"u{n}", client=f"a{n}", **use) for n in range(6)]
    lake = HandmadeLake.furnished(home / "lake", *rows)
    Lake(lake.path).create()
    stated = command.policy_of(settings_from(None))
    refresh(
        lake.path, zone=ZONE, policy=compiled(read(POLICY, "policy.yml", stated.version), lambda name: [])
    )
    return lake


def test_levels_are_those_of_the_rules() -> None:
    assert command.LEVELS == LEVELS


def test_init_writes_a_policy_that_holds_its_cases_and_never_replaces_one(home: Path) -> None:
    (home / "policy.yml").unlink()
    assert run("policy", "init").exit_code == 0
    assert run("policy", "check").exit_code == 0
    tested = run("policy", "test")
    assert tested.exit_code == 0 and "8 cases pass" in tested.output
    for name, why in (("policy.yml", "already there"), (".", "is a directory")):
        again = run("policy", "init", name)
        assert isinstance(again.exception, UsageError) and why in str(again.exception)


def test_mistakes_are_lines_with_place_and_remedy_and_exit_code_8(home: Path) -> None:
    (home / "policy.yml").write_text(POLICY + "  - {app: openai/chatgtp, status: tolerated}\n")
    checked = run("policy", "check")
    assert checked.exit_code == PolicyError.exit_code
    assert (
        "policy.yml:4: no app 'openai/chatgtp' in the catalog; did you mean openai/chatgpt?" in checked.output
    )
    (home / "policy.yml").write_text(POLICY + "  - {app: openai/api, staus: tolerated}\n")
    assert "policy.yml:4: unknown key 'staus'; did you mean status?" in run("policy", "check").output
    both = "  - {app: openai/chatgtp, status: tolerated}\n  - {app: openai/api, staus: tolerated}\n"
    (home / "policy.yml").write_text(POLICY + both)
    checked = run("policy", "check")
    assert checked.exit_code == PolicyError.exit_code
    assert "policy.yml:4: no app 'openai/chatgtp'" in checked.output  # all are told at once
    assert "policy.yml:5: unknown key 'staus'" in checked.output
    (home / "policy.yml").unlink()
    assert run("policy", "check").exit_code == PolicyError.exit_code


def test_a_department_is_looked_for_in_a_spreadsheet_s_file_too(home: Path) -> None:
    """Semicolons and Windows' letters: no department was known, so none was misspelt."""
    people = "address;user_name;department\r\n10.0.0.1;ada;Einkäufer\r\n"
    (home / "people.csv").write_bytes(b"\xef\xbb\xbf" + people.encode("cp1252"))
    (home / "policy.yml").write_text(
        POLICY + "  - {app: openai/api, department: Einkaufer, status: tolerated}\n", encoding="utf-8"
    )
    checked = CliRunner(env={"SHADOWAI_PEOPLE": "people.csv"}).invoke(app, ["policy", "check"]).output
    assert "policy.yml:4: no department 'Einkaufer' is known; did you mean Einkäufer?" in checked


def test_departments_of_a_directory_beside_a_people_file_are_known(home: Path) -> None:
    """Only the people file was looked at: departments of a directory's export were called misspelt."""
    (home / "people.csv").write_text("address,user_name,department\n10.0.0.1,ada,Sales\n")
    (home / "ad.csv").write_text(
        "sAMAccountName,department\n" + "".join(f"u{n},Zoning\n" for n in range(5)) + "eve,Legal\n"
    )
    settings = '[identity]\npeople = "people.csv"\ndirectory = ["ad.csv"]\n'
    (home / "shadowai.toml").write_text((home / "shadowai.toml").read_text() + settings)
    lines = [
        f"  - {{app: openai/api, department: {name}, status: tolerated}}\n" for name in ("Zoning", "Legal")
    ]
    (home / "policy.yml").write_text(POLICY + "".join(lines))
    checked = run("policy", "check")
    assert checked.exit_code == 0, checked.output
    assert "policy.yml:4" not in checked.output
    assert (
        "policy.yml:5: department 'Legal' has fewer than 5 people, who are stored without it"
        in checked.output
    )
    (home / "policy.yml").write_text(POLICY + lines[0].replace("Zoning", "Zonign"))
    assert "no department 'Zonign' is known; did you mean Zoning?" in run("policy", "check").output
    explained = run("policy", "explain", "openai/api", "--department", "zoning")  # it answered for everyone
    assert str(explained.exception) == "no department 'zoning' is known; did you mean Zoning?"


def test_segments_of_a_file_of_subnets_are_known(home: Path) -> None:
    """Beside one of the settings, those of the file were called unknown."""
    (home / "subnets.csv").write_text("network,segment\n10.2.0.0/16,Paris\n")
    settings = 'networks = {segments = {gpu = "10.3.0.0/16"}}\nidentity = {subnets = "subnets.csv"}\n'
    (home / "shadowai.toml").write_text((home / "shadowai.toml").read_text() + settings)
    (home / "policy.yml").write_text(POLICY + "  - {app: openai/api, segment: Paris, status: tolerated}\n")
    assert run("policy", "check").exit_code == 0


def test_a_network_in_place_of_a_segment_is_told(home: Path) -> None:
    """Nothing ever matched it."""
    line = "  - {app: openai/api, segment: 10.2.0.0/16, status: tolerated}\n"
    (home / "policy.yml").write_text(POLICY + line)
    assert "policy.yml:4: segment '10.2.0.0/16' is a network, no name" in run("policy", "check").output


def test_a_policy_in_another_encoding_is_told(home: Path) -> None:
    (home / "policy.yml").write_bytes(POLICY.encode() + "# Qualitätssicherung\n".encode("cp1252"))
    assert "policy.yml: not UTF-8 text; save it as UTF-8" in run("policy", "check").output


def test_a_failing_policy_case_exits_with_8(home: Path) -> None:
    (home / "policy.tests.yml").write_text(
        "- given: {app: openai/chatgpt}\n  expect: {status: tolerated}\n", encoding="utf-8"
    )
    tested = run("policy", "test")
    assert tested.exit_code == PolicyError.exit_code
    assert "policy.tests.yml:1: status: expected tolerated, found unsanctioned" in tested.output


def test_explain_names_the_line_that_decides(home: Path) -> None:
    told = run("policy", "explain", "openai/chatgpt", "--department", "Legal").output
    assert "decides\tstatus\tunsanctioned\tall\tpolicy.yml:3" in told
    assert "unreviewed: no line mentions it" in run("policy", "explain", "openai/api").output
    unknown = run("policy", "explain", "openai/chatgtp")
    assert isinstance(unknown.exception, UsageError) and "openai/chatgpt" in str(unknown.exception)
    misspelt = run("policy", "explain", "openai/chatgpt", "--access", "API")
    assert isinstance(misspelt.exception, UsageError) and "api" in str(misspelt.exception)


def test_explain_names_exceptions_of_people(home: Path) -> None:
    ada = "owner: o, reason: r, people: [ada]"
    exceptions = (
        f"  - {{id: EX-1, app: openai/chatgpt, expires: 2999-02-28, {ada}}}\n"
        f"  - {{id: EX-2, vendor: OpenAI, department: Legal, expires: 2020-02-28, {ada}}}\n"
        f"  - {{id: EX-3, app: openai/chatgpt, access: api, expires: 2999-02-28, {ada}}}\n"
    )
    (home / "policy.yml").write_text(f"{POLICY}exceptions:\n{exceptions}")
    told = run("policy", "explain", "openai/chatgpt", "--department", "Legal").output.splitlines()
    assert told[-2:] == [
        "exception EX-1 excuses named people until 2999-02-28", "exception EX-2 expired on 2020-02-28",
    ]  # fmt: skip


def test_check_fails_at_a_level_until_somebody_decides(home: Path) -> None:
    lake = lake_at(home)
    checked = run("policy", "check", "--level", "high")
    assert isinstance(checked.exception, FindingsError) and "Unsanctioned service in use" in checked.output
    assert "policy.yml: 1 statement, version " in checked.output
    assert run("policy", "check", "--level", "critical").exit_code == 0
    with open_views(lake.path) as views:
        ((finding,),) = views.execute("SELECT finding FROM findings WHERE severity = 'high'").fetchall()
    for words in (
        ["accept"],
        ["accept", "--reason", "pilot"],
        ["accept", "--until", "2020-01-01", "--reason", "x"],
        ["accept", "--until", "9999-12-31", "--reason", "x"],
        ["resolve", "--until", "2099-03-31", "--reason", "x"],
    ):
        refused = run("decide", finding, *words)
        assert isinstance(refused.exception, UsageError), refused.output
    unknown = run("decide", finding[:5] + "00000", "resolve", "--reason", "x")
    assert isinstance(unknown.exception, UsageError) and f"did you mean {finding}?" in str(unknown.exception)
    said = ["decide", finding, "accept", "--until", "2099-03-31", "--reason", "pilot", "--by", "ada"]
    assert run(*said).exit_code == 0
    assert "already decided like that" in run(*said).output
    with open_views(lake.path) as views:
        rows = views.execute("SELECT finding, decision, reason, decided_by FROM decisions").fetchall()
        (status,) = views.execute("SELECT status, due FROM findings WHERE finding = ?", [finding]).fetchall()
    assert rows == [(finding, "accept", "pilot", "ada")]
    assert (status[0], str(status[1])) == ("accepted", "2099-03-31")
    assert run("policy", "check", "--level", "high").exit_code == 0
    assert run("decide", finding, "resolve", "--reason", "mistaken").exit_code == 0
    assert "accept until 2099-03-31" in run(*said).output  # the same words, and again they count
    assert "already decided like that" in run(*said).output
    with open_views(lake.path) as views:
        assert views.execute("SELECT decision FROM findings WHERE finding = ?", [finding]).fetchall() == [
            ("accept",)
        ]


def test_one_command_decides_all_findings_of_a_question(home: Path) -> None:
    lake = lake_at(home)
    text = f'{POLICY}limits:\n  - {{app: openai/chatgpt, hours: "20:00-22:00"}}\n'
    refresh(lake.path, zone=ZONE, policy=compiled(read(text, "policy.yml", "v2"), lambda name: []))
    asked = "SELECT finding FROM findings WHERE app = 'openai/chatgpt' AND status = 'open'"
    with open_views(lake.path) as views:
        first, second = (row[0] for row in views.execute(asked).fetchall())
    words = ["restrict", "--reason", "no agreement", "--by", "ada"]
    unknown = run("decide", first, "ffffffffff", *words)
    assert isinstance(unknown.exception, UsageError) and "ffffffffff" in str(unknown.exception)
    assert run("decide", first, *words).output == f"{first}: restrict, by ada\n"
    told = run("decide", first, second, *words).output.splitlines()
    assert told == [f"{first}: already decided like that", f"{second}: restrict, by ada"]
    with open_views(lake.path) as views:
        assert views.execute(asked).fetchall() == []


def test_check_does_not_call_a_lake_clean_that_was_never_judged(home: Path) -> None:
    lake = HandmadeLake.furnished(home / "lake")
    Lake(lake.path).create()
    refresh(lake.path, zone=ZONE)
    checked = run("policy", "check", "--level", "low")
    assert isinstance(checked.exception, FindingsError)
    assert "no week of the lake can be judged" in str(checked.exception)
    assert "no finding" not in checked.output


def test_check_says_when_findings_are_those_of_another_policy(home: Path) -> None:
    lake = lake_at(home)
    (home / "policy.yml").write_text(POLICY + "# changed\n", encoding="utf-8")
    checked = run("policy", "check", "--level", "critical")
    assert isinstance(checked.exception, PolicyError) and "shadowai compact" in str(checked.exception)
    judged = read_state(lake.path)
    judged.final = [key for key in judged.inputs if key.startswith("findings/")]  # as after `erase`
    write_state(lake.path, judged)
    stated = command.policy_of(settings_from(None))
    changed = compiled(read(POLICY, "policy.yml", stated.version), lambda name: [])
    refresh(lake.path, zone=ZONE, policy=changed)
    checked = run("policy", "check", "--level", "critical")
    assert isinstance(checked.exception, PolicyError) and "rows of the newest week" in str(checked.exception)


def test_simulate_prints_what_would_change_and_is_logged(home: Path) -> None:
    lake = lake_at(home)
    (home / "new.yml").write_text(POLICY.replace("unsanctioned", "restricted"), encoding="utf-8")
    told = run("policy", "simulate", "new.yml")
    assert told.exit_code == 0, told.output
    lines = sorted(
        line.split("\t")[:6] for line in told.output.splitlines() if line.startswith(("new", "gone"))
    )
    assert [[line[0], line[3]] for line in lines] == [["gone", "unsanctioned_use"], ["new", "restricted_use"]]
    assert "policy simulate" in (lake.path / "restricted" / "access.log").read_text("utf-8")
