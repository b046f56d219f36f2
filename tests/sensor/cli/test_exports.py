"""`shadowai export` as a user meets it: files, words and exit codes; and a resolver that obeys the list."""

from __future__ import annotations

import json
import re
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sensor.errors import UsageError
from tests.sensor.cli.test_policy import home, lake_at, run, state

__all__ = ["home", "state"]


def test_the_list_names_its_targets(home: Path) -> None:
    listed = run("export", "--list").output
    assert {"rpz", "squid", "panos", "fortigate", "nftables"} <= {
        line.split()[0] for line in listed.splitlines()
    }


def test_a_list_is_written_with_its_versions_and_the_same_for_the_same_moment(home: Path) -> None:
    words = ("export", "edl", "--as-of", "2026-11-26T08:00:00", "--out", "a.txt")
    assert run(*words).exit_code == 0
    text = (home / "a.txt").read_text()
    assert "\n*.chatgpt.com\n" in text and "make it again after 2026-12-26" in text
    assert run(*words[:-1], "b.txt").exit_code == 0
    assert (home / "b.txt").read_text() == text


def test_settings_spare_names_and_say_how_long_a_list_is_good(home: Path) -> None:
    with (home / "shadowai.toml").open("a") as file:
        file.write('\n[exports]\nnever = ["chatgpt.com"]\nvalid_days = 3\n')
    done = run("export", "edl", "--as-of", "2026-11-26T08:00:00")
    assert "\nchatgpt.com\n" not in done.stdout and "after 2026-11-29" in done.stdout
    assert "on your own never-block list: chatgpt.com" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "rpzz"), "no target 'rpzz'"),
        (("export", "hosts", "--mode", "allow"), "hosts cannot allow"),
        (("export", "edl", "--mode", "deny"), "no mode 'deny'"),
        (("export", "edl", "--status", "bad"), "no status 'bad'"),
        (("export", "edl", "--app", "no/such"), "no service 'no/such'"),
        (("export", "edl", "--status", "tolerated"), "nothing to block"),
        (("export", "edl", "--expires", "2020-01-01"), "is past"),
        (("export", "edl", "--out", "/nowhere/x"), "No such file"),
        (("export", "events", "--format", "xml"), "no format 'xml'"),
    ],
)
def test_mistakes_are_said(home: Path, words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert isinstance(done.exception, UsageError) and said in str(done.exception)


class TestData:
    """Events and findings of one lake. OCSF, ECS and STIX are checked by the rules named in each test: their
    validators are not among our dependencies."""

    @pytest.fixture
    def lake(self, home: Path) -> Path:
        return lake_at(home).path

    def rows(self, *words: str) -> list[dict[str, Any]]:
        done = run("export", *words)
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_csv_json_and_parquet_hold_the_same_rows(self, lake: Path, home: Path) -> None:
        for form in ("csv", "json", "parquet"):
            assert run("export", "events", "--format", form, "--out", f"e.{form}").exit_code == 0
        apps = [row["app"] for row in json.loads((home / "e.json").read_text())]
        assert apps and set(apps) == {"openai/chatgpt"}
        assert pl.read_csv(home / "e.csv")["app"].to_list() == apps
        assert pl.read_parquet(home / "e.parquet")["app"].to_list() == apps

    def test_ocsf_has_what_the_classes_require(self, lake: Path) -> None:
        """Required by OCSF 1.3: ids that agree, time in ms, metadata; dst_endpoint, finding_info."""
        required = {"activity_id", "category_uid", "class_uid", "type_uid", "severity_id", "time", "metadata"}
        events = self.rows("events", "--format", "ocsf", "--restricted")
        findings = self.rows("findings", "--format", "ocsf")
        assert len(events) == 6 and findings
        for row in (*events, *findings, *self.rows("events", "--format", "ocsf")):
            assert required <= row.keys()
            assert row["type_uid"] == row["class_uid"] * 100 + row["activity_id"]
            assert row["category_uid"] == row["class_uid"] // 1000
            assert row["time"] > 10**12 and row["metadata"]["version"] and row["metadata"]["product"]
        assert all(row["dst_endpoint"]["hostname"] == "chatgpt.com" for row in events)
        assert events[0]["traffic"]["bytes_out"] == 1000
        assert all({"uid", "title"} <= row["finding_info"].keys() for row in findings)

    def test_ecs_has_its_base_fields_and_allowed_words(self, lake: Path) -> None:
        """By ECS 8.11: @timestamp and ecs.version required; event.kind and category are from closed lists."""
        events = self.rows("events", "--format", "ecs", "--restricted")
        assert len(events) == 6
        for row in (*events, *self.rows("findings", "--format", "ecs")):
            assert row["@timestamp"].startswith("2026-11-") and row["ecs"]["version"]
            assert row["event"]["kind"] in ("event", "metric", "alert")
            assert row["event"]["category"] == ["network"]
        assert events[0]["event"]["type"] == ["connection", "allowed"]

    def test_stix_is_a_bundle_whose_sightings_refer_to_what_is_in_it(self, lake: Path) -> None:
        """By STIX 2.1: ids of type and UUID, timestamps in ms, first_seen before last_seen, count above 0."""
        for words in (("events", "--restricted"), ("events",), ("findings",)):
            bundle = json.loads(run("export", *words, "--format", "stix").stdout)
            known = {made["id"] for made in bundle["objects"]}
            sightings = [made for made in bundle["objects"] if made["type"] == "sighting"]
            assert bundle["type"] == "bundle" and sightings and len(known) == len(bundle["objects"])
            for made in bundle["objects"]:
                assert re.fullmatch(rf"{made['type']}--[0-9a-f-]{{36}}", made["id"])
                assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}Z", made["created"])
            for made in sightings:
                assert made["sighting_of_ref"] in known and made["first_seen"] <= made["last_seen"]
                assert made.get("count", 1) > 0

    def test_only_restricted_names_single_people_and_it_is_logged(self, lake: Path) -> None:
        log = lake / "restricted" / "access.log"
        opened = run("export", "events", "--format", "ecs").stdout
        assert "source" not in json.loads(opened.splitlines()[0])["labels"] and "a0" not in opened
        assert not log.exists() or "shadowai export" not in log.read_text()
        self.rows("events", "--format", "ecs", "--restricted")
        assert "shadowai export events" in log.read_text()


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
