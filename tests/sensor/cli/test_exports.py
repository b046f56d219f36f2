"""`shadowai export` as a user meets it: files, words and exit codes; and a resolver that obeys the list."""

from __future__ import annotations

import errno
import json
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from analytics.lake import open_views
from analytics.publish import lacking
from sensor.cli.exports_data import DATA
from sensor.cli.exports_shared import put
from sensor.cli.options import analysing
from sensor.errors import LakeError, UsageError
from sensor.store.lake import Lake
from tests.analytics.exports.schemas import (
    ECS,
    OCSF_DETECTION_FINDING,
    OCSF_EVENTS,
    STIX,
    faults,
)
from tests.sensor.cli.test_policy import furnished, home, lake_at, run, state

__all__ = ["home", "state"]


def test_the_list_names_its_targets(home: Path) -> None:
    listed = run("export", "--list").output
    names = {
        "rpz",
        "squid",
        "panos",
        "fortigate",
        "nftables",
        "squid-tenants",
        "events",
        "findings",
        "assets",
    }
    assert names <= {line.split()[0] for line in listed.splitlines()}


def test_a_list_is_written_with_its_versions_and_the_same_for_the_same_moment(home: Path) -> None:
    words = ("export", "edl", "--as-of", "2026-11-26T08:00:00", "--out", "a.txt")
    assert run(*words).exit_code == 0
    text = (home / "a.txt").read_text()
    assert "\n*.chatgpt.com\n" in text and "make it again after 2026-12-26" in text
    assert run(*words[:-1], "b.txt").exit_code == 0
    assert (home / "b.txt").read_text() == text
    bare = run(*words[:-2], "--bare")
    assert bare.stderr + bare.stdout == text and "#" not in bare.stdout


def test_a_long_list_of_omissions_is_only_counted_on_stderr(home: Path) -> None:
    """A list of a thousand services wrote as many lines over the terminal."""
    words = ("export", "edl", "--status", "unreviewed", "--as-of", "2026-11-26T08:00:00")
    done = run(*words, "--out", "a.txt")
    assert len(done.stderr.splitlines()) < 10
    assert done.stderr.splitlines()[-1].endswith(" indicators; a.txt says which, and why")
    lacks = [text for text in (home / "a.txt").read_text().splitlines() if text.startswith("# left out: ")]
    assert len(lacks) > 500
    assert len(run(*words).stderr.splitlines()) >= len(lacks)


def test_a_closed_pipe_is_not_reported_as_a_lake_error(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), analysing(Lake(tmp_path)):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_full_disk_leaves_the_old_list_and_nothing_half(home: Path) -> None:
    def pieces() -> Iterator[str]:
        yield "half.example\n"
        raise OSError(errno.ENOSPC, "No space left on device")

    (home / "list.txt").write_text("old.example\n")
    with pytest.raises(UsageError, match="no space left"):
        put(pieces(), home / "list.txt")
    assert (home / "list.txt").read_text() == "old.example\n"
    assert [path.name for path in home.iterdir() if path.name.endswith(".part")] == []


def test_a_link_stays_a_link_and_a_folder_is_refused(home: Path) -> None:
    (home / "link.txt").symlink_to(home / "list.txt")
    put(["new.example\n"], home / "link.txt")
    assert (home / "link.txt").is_symlink() and (home / "list.txt").read_text() == "new.example\n"
    (home / "list.txt").chmod(0o604)
    put(["newer.example\n"], home / "link.txt")
    assert (home / "list.txt").stat().st_mode & 0o777 == 0o604  # else a resolver could not read it any more
    for folder in (home, Path(), Path("/")):
        with pytest.raises(UsageError, match="is a directory"):
            put(["new.example\n"], folder)


def test_settings_exempt_names_and_set_the_last_day_of_a_list(home: Path) -> None:
    with (home / "shadowai.toml").open("a") as file:
        file.write('\n[exports]\nnever = ["chatgpt.com"]\nvalid_days = 3\n')
    done = run("export", "edl", "--as-of", "2026-11-26T08:00:00")
    assert "\nchatgpt.com\n" not in done.stdout and "after 2026-11-29" in done.stdout
    assert "on your own never-block list: chatgpt.com" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "rpzz"), "no target 'rpzz'"),
        (("export", "findings", "--restricted"), "findings takes no --restricted"),
        (("export", "events", "--app", "openai/chatgpt"), "events takes no --app"),
        (("export", "rpz", "--format", "json"), "rpz takes no --format"),
        (("export", "squid-tenants", "--mode", "allow"), "squid-tenants takes no --mode"),
        (("export", "hosts", "--mode", "allow"), "hosts cannot allow"),
        (("export", "edl", "--mode", "deny"), "no mode 'deny'"),
        (("export", "edl", "--status", "bad"), "no status 'bad'"),
        (("export", "edl", "--app", "no/such"), "no service 'no/such'"),
        (("export", "edl", "--status", "tolerated"), "nothing to block"),
        (("export", "edl", "--expires", "2020-01-01"), "is past"),
        (("export", "edl", "--out", "/nowhere/x"), "no such file"),
        (("export", "events", "--format", "xml"), "no format 'xml'"),
    ],
)
def test_mistakes_are_said(home: Path, words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert isinstance(done.exception, UsageError) and said in str(done.exception)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, state: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        return lake_at(furnished(tmp_path_factory.mktemp("home"), state, patch)).path


class TestData:
    """Events and findings of one lake, checked against tables of the public schemas."""

    @pytest.fixture
    def lake(self, built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(built.parent)
        return built

    def rows(self, *words: str) -> list[dict[str, Any]]:
        done = run("export", *words)
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_csv_json_and_parquet_hold_the_same_rows(self, lake: Path) -> None:
        for form in ("csv", "json", "parquet"):
            assert run("export", "events", "--format", form, "--out", f"e.{form}").exit_code == 0
        apps = [row["app"] for row in json.loads((lake.parent / "e.json").read_text())]
        assert apps and set(apps) == {"openai/chatgpt"}
        assert pl.read_csv(lake.parent / "e.csv")["app"].to_list() == apps
        assert pl.read_parquet(lake.parent / "e.parquet")["app"].to_list() == apps

    def test_ocsf_records_are_of_their_classes(self, lake: Path) -> None:
        events = self.rows("events", "--format", "ocsf", "--restricted")
        weeks = self.rows("events", "--format", "ocsf")
        findings = self.rows("findings", "--format", "ocsf")
        assert len(events) == 6 and weeks and findings
        assert [faults(row, OCSF_EVENTS[row["class_uid"]]) for row in (*events, *weeks)] == [[]] * (
            6 + len(weeks)
        )
        assert [faults(row, OCSF_DETECTION_FINDING) for row in findings] == [[]] * len(findings)
        for row in (*events, *weeks, *findings):
            assert row["type_uid"] == row["class_uid"] * 100 + row["activity_id"]
        assert all(row["dst_endpoint"]["hostname"] == "chatgpt.com" for row in events)
        assert events[0]["traffic"]["bytes_out"] == 1000

    def test_ecs_records_have_fields_and_words_of_ecs(self, lake: Path) -> None:
        events = self.rows("events", "--format", "ecs", "--restricted")
        others = [*self.rows("events", "--format", "ecs"), *self.rows("findings", "--format", "ecs")]
        assert len(events) == 6 and others
        assert [faults(row, ECS) for row in (*events, *others)] == [[]] * (6 + len(others))
        assert events[0]["event"]["type"] == ["connection", "allowed"]

    def test_stix_is_a_bundle_whose_sightings_refer_to_what_is_in_it(self, lake: Path) -> None:
        for words in (("events", "--restricted"), ("events",), ("findings",)):
            bundle = json.loads(run("export", *words, "--format", "stix").stdout)
            assert bundle.keys() == {"type", "id", "objects"} and bundle["type"] == "bundle"
            made = {one["id"]: one for one in bundle["objects"]}
            sightings = [one for one in made.values() if one["type"] == "sighting"]
            assert sightings and len(made) == len(bundle["objects"])
            assert [faults(one, STIX[one["type"]]) for one in made.values()] == [[]] * len(made)
            for one in sightings:
                assert one["sighting_of_ref"] in made and one["first_seen"] <= one["last_seen"]

    def test_a_record_that_breaks_a_schema_is_found_out(self, lake: Path) -> None:
        row = self.rows("events", "--format", "ocsf", "--restricted")[0]
        del row["metadata"]["version"]
        row |= {"severity_id": "1", "made_up": 1}
        assert faults(row, OCSF_EVENTS[4001]) == [
            "missing: metadata.version", "severity_id: '1'", "no such field: made_up",
        ]  # fmt: skip

    def test_only_restricted_names_single_people_and_it_is_logged(self, lake: Path) -> None:
        log = lake / "restricted" / "access.log"
        log.unlink(missing_ok=True)
        opened = run("export", "events", "--format", "ecs").stdout
        assert "source" not in json.loads(opened.splitlines()[0])["labels"] and "a0" not in opened
        assert not log.exists()
        self.rows("events", "--format", "ecs", "--restricted")
        assert "shadowai export events" in log.read_text()

    @pytest.mark.parametrize("form", ["csv", "parquet", "stix"])
    def test_what_is_of_single_people_is_closed_to_others_also_in_an_old_file(
        self, lake: Path, tmp_path: Path, form: str
    ) -> None:
        out = tmp_path / "events"
        out.touch(mode=0o666)
        run("export", "events", "--format", form, "--restricted", "--out", out)
        assert out.stat().st_size and out.stat().st_mode & 0o027 == 0


def test_a_service_that_no_department_shows_is_an_event_of_everyone() -> None:
    """Few used it, so that it has no row but that of everyone; it must not be missing in a SIEM."""
    weeks = [("all", "all"), ("all", "a/chat"), ("Sales", "all"), ("Sales", "a/chat"), ("other", "a/chat"),
             ("all", "b/few")]  # fmt: skip
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE usage_weekly (week DATE, department VARCHAR, app VARCHAR)")
        connection.executemany("INSERT INTO usage_weekly VALUES ('2026-11-09', ?, ?)", weeks)
        connection.execute("INSERT INTO usage_weekly VALUES ('2026-11-16', 'all', 'a/chat')")
        found = connection.execute(DATA["events"][1]).fetchall()
    assert [(str(week), department, app) for week, department, app in found] == [
        ("2026-11-09", "Sales", "a/chat"),
        ("2026-11-09", "all", "b/few"),
        ("2026-11-09", "other", "a/chat"),
        ("2026-11-16", "all", "a/chat"),
    ]


def test_a_lake_of_an_earlier_release_says_what_to_run(built: Path, home: Path) -> None:
    shutil.copytree(built, home / "lake")
    assert lacking(home / "lake") == ""
    with duckdb.connect(str(home / "lake" / "open.duckdb")) as views:
        views.execute("DROP VIEW hours_weekly")
    manifest = json.loads((home / "lake" / "manifest.json").read_text())
    manifest |= {"k": 5, "privacy": "pseudonymous"}
    del manifest["tables"]["sightings"]["columns"]["client_class"]
    (home / "lake" / "manifest.json").write_text(json.dumps(manifest))
    with open_views(home / "lake") as views:
        ((finding,),) = views.execute("SELECT min(finding) FROM findings").fetchall()
    decide = ("decide", finding, "resolve", "--reason", "replaced")
    for words in (("report", "weekly"), ("export", "events", "--as-of", "2020-01-01T00:00:00"), decide):
        refused = run(*words)
        assert isinstance(refused.exception, LakeError), words
        assert "has no hours_weekly.week; run `shadowai compact`" in str(refused.exception)
    assert not list((home / "lake").rglob("decision-*")), "nothing is on record that was refused"


def _ask(port: int, name: str) -> tuple[int, bytes]:
    """(response code, whole answer) for an A question to a resolver on loopback."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        sock.sendto(question, ("127.0.0.1", port))
        answer = sock.recv(2048)
    return answer[3] & 15, answer


def test_a_resolver_with_the_list_denies_the_service_and_answers_for_others(home: Path) -> None:
    program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("dnsmasq is not installed")
    assert run("export", "dnsmasq", "--out", "ai.conf").exit_code == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--keep-in-foreground", "--conf-file=ai.conf", f"--port={port}",
        "--listen-address=127.0.0.1", "--bind-interfaces",
        "--no-resolv", "--no-hosts", "--address=/ordinary.test/192.0.2.9", "--pid-file=", "--user=",
    ]  # fmt: skip
    with subprocess.Popen([program, *options], cwd=home, stderr=subprocess.PIPE) as running:
        try:
            for _ in range(30):
                try:
                    _ask(port, "ordinary.test")
                    break
                except OSError:
                    time.sleep(0.1)
            assert _ask(port, "chatgpt.com")[0] == 3
            assert _ask(port, "a.b.chatgpt.com")[0] == 3
            code, answer = _ask(port, "files.oaiusercontent.com")
            assert code == 0 and answer.endswith(bytes(4))
            code, answer = _ask(port, "www.ordinary.test")
            assert code == 0 and answer.endswith(socket.inet_aton("192.0.2.9"))
        finally:
            running.terminate()
