"""`shadowai doctor`: the right to capture, each interface's state, and when each sensor was last heard."""

from __future__ import annotations

import json
import os
import resource
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from analytics.refresh import refresh
from sensor import schema
from sensor.cli import doctor, doctor_capture
from sensor.errors import UsageError
from sensor.privacy.audit import AuditLog
from sensor.settings import Retention, Settings, load
from sensor.sources.packets.ports import afpacket, netdev
from sensor.store.lake import Lake
from tests.analytics.handmade import HandmadeLake, sighting


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """An interface `span0` that says what the test wants."""
    says: dict[str, object] = {"offloads": "", "link": netdev.UP, "type": netdev.ETHERNET, "missed": 0}
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "span0")])
    monkeypatch.setattr(netdev, "offloads", lambda opened, name: says["offloads"])
    monkeypatch.setattr(netdev, "link_state", lambda name: says["link"])
    monkeypatch.setattr(netdev, "link_type", lambda opened, name: says["type"])
    monkeypatch.setattr(netdev, "missed", lambda name: says["missed"])
    monkeypatch.setattr(afpacket, "check", lambda names: None)
    monkeypatch.setattr("sys.platform", "linux")
    return says


def test_a_port_ready_for_capture(port: dict[str, object]) -> None:
    assert doctor_capture.lines() == [
        ("live capture", "allowed (CAP_NET_RAW)"),
        ("interface span0", "link up, GRO and LRO off"),
    ]


@pytest.mark.parametrize(
    ("what", "value", "says"),
    [
        ("offloads", "GRO", "GRO on, packet counts too low: ethtool -K span0 gro off lro off"),
        ("offloads", None, "unknown (the driver does not say)"),
        ("link", netdev.DOWN, "link down"),
        ("type", netdev.UNKNOWN_LINK, "frames of a kind we do not decode"),
        ("missed", 12_345, "12,345 frames missed"),
    ],
)
def test_problems_of_a_port_are_listed(what: str, value: object, says: str, port: dict[str, object]) -> None:
    port[what] = value
    assert says in dict(doctor_capture.lines())["interface span0"]


def test_without_the_privilege_doctor_names_it(
    port: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(names: list[str]) -> None:
        raise UsageError("needs CAP_NET_RAW", place=names[0], hint="run it as root")

    monkeypatch.setattr(afpacket, "check", refused)
    text = dict(doctor_capture.lines())["live capture"]
    assert "needs CAP_NET_RAW" in text and "run it as root" in text


def test_capture_is_reported_impossible_outside_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert doctor_capture.lines() == [("live capture", "needs Linux; captures and logs are read anywhere")]


def test_doctor_runs_on_this_machine() -> None:
    for what, text in doctor_capture.lines():
        assert what.startswith(("live capture", "interface ")) and text


def test_when_each_sensor_was_last_heard(tmp_path: Path) -> None:
    """An alert about a silent sensor sends its reader to doctor, which knew of no sensor."""
    (tmp_path / "lake" / "sources").mkdir(parents=True)
    with duckdb.connect(tmp_path / "lake" / "open.duckdb") as connection:
        connection.execute("""
            CREATE TABLE coverage AS
            SELECT now()::TIMESTAMPTZ AS minute, 'fine' AS sensor, 'hq' AS site, 7 AS packets
            UNION ALL VALUES (TIMESTAMPTZ '2026-11-23 03:30+00', 'span', 'main', 7),
              (now(), 'span', 'lab', 7),
              ('2026-11-23 03:31+00', 'span', 'main', 0), ('2020-01-01 00:00+00', 'imported', 'main', NULL)
        """)
    file = tmp_path / "shadowai.toml"
    file.write_text("".join(f'[[sensors]]\nname = "{name}"\n' for name in ("branch", "fine", "span")))
    os.utime(file, (0, 0))
    told = {name: (ok, text) for name, ok, text in doctor._sensors(load(file, lake=tmp_path / "lake"))}
    assert list(told) == [
        "sensor branch", "sensor fine (hq)", "sensor fine (main)", "sensor imported",
        "sensor span (lab)", "sensor span (main)",
    ]  # fmt: skip
    assert told["sensor branch"][1].startswith("SILENT, nothing of it is stored yet; the settings expect it")
    assert told["sensor fine (main)"] == (True, "nothing of it is stored yet"), "it runs with another site"
    assert told["sensor fine (hq)"][0] and told["sensor span (lab)"][0]
    assert told["sensor imported"] == (True, "last heard 2020-01-01 00:00 UTC")
    silent = "SILENT, last heard 2026-11-23 03:30 UTC; the settings expect it every 3600 s"
    assert told["sensor span (main)"] == (None, silent)


def test_clocks_that_differ_are_told(tmp_path: Path) -> None:
    day = "2026-11-17 {}:00:{:02}"
    rows = [
        sighting(day.format(hour, second), flow=hour, sensor=name)
        for hour in range(10, 20)
        for name, second in (("fw", 40), ("span", 0))
    ]
    lake = HandmadeLake.furnished(tmp_path, *rows)
    assert list(doctor._clocks(lake.path)) == [], "not published yet"
    (lake.path / "sources").mkdir()
    refresh(lake.path, zone="UTC")
    [(what, ok, text)] = doctor._clocks(lake.path)
    assert (what, ok) == ("clocks", None)
    assert text.startswith("fw is 40 s ahead of span, by 10 connections both saw")


def test_a_record_that_is_not_the_one_of_the_lake_is_no_whole_one(tmp_path: Path) -> None:
    """In a new state folder `retain` begins anew at entry 1; doctor called that whole."""
    (tmp_path / "lake" / "sources").mkdir(parents=True)
    with duckdb.connect(tmp_path / "lake" / "open.duckdb") as connection:
        connection.execute("CREATE TABLE audit AS SELECT 1 AS entry, 'abc' AS hash")
    assert doctor._record(tmp_path / "lake", tmp_path / "state")[1] is None  # it only reports
    AuditLog(tmp_path / "state").append("retain", now=datetime.now(UTC))
    assert doctor._record(tmp_path / "lake", tmp_path / "state")[1] is False


def test_rows_that_nobody_publishes_are_told(tmp_path: Path) -> None:
    """The timer of `compact` had failed, and all that was said is that the sensors were silent."""
    assert doctor._published(tmp_path)[1:] == (True, "nothing yet")
    hour = datetime.now(UTC).replace(minute=0)
    for ago, late in ((1, False), (5, True), (6, True)):
        since = hour - timedelta(hours=ago)
        part = Lake(tmp_path).hot(schema.SIGHTINGS) / f"part={since:%Y-%m-%dT%H}.0000"
        part.mkdir(parents=True)
        _, ok, text = doctor._published(tmp_path)
        assert ok is (None if late else True)
        assert text.startswith(f"OVERDUE, rows stored since {since:%Y-%m-%d %H:%M} UTC") == late
    manifest = {"format": 1, "compacted_at": "2026-11-20T10:12:31+00:00"}
    Lake(tmp_path).close(f"{hour:%Y-%m-%dT%H}.0000")
    Lake(tmp_path).replace_manifest(manifest)
    assert doctor._published(tmp_path)[1:] == (True, "last 2026-11-20 10:12 UTC")


def test_days_past_their_retention_are_told(tmp_path: Path) -> None:
    """No timer runs `retain`, or it asks each night: nobody would notice."""
    kept, today = Retention(sightings=30, names=40), datetime.now(UTC).date()
    assert doctor._retention(kept, tmp_path)[1] is True, "no lake yet"

    def told(name: str, days: int) -> tuple[bool | None, str]:
        cold = {
            f"{today - timedelta(90)}": [],
            f"{today - timedelta(days)}": ["a"],
            f"{today}": ["b"],
            "unknown": ["c"],
        }
        tables = {name: {"cold": cold}}
        (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "tables": tables}))
        return doctor._retention(kept, tmp_path)[1:]

    assert told("sightings", 32)[0] is True
    assert told("sightings", 33) == (
        None,
        f"OVERDUE, sightings of {today - timedelta(33)} are still there, to be kept for 30 days; "
        "`shadowai retain` deletes them or says why not",
    )
    assert told("names", 33)[0] is True and told("names", 43)[0] is None
    assert told("names_by_client", 10)[0] is None


def test_a_state_folder_that_is_a_file_is_told_among_the_rest(tmp_path: Path) -> None:
    """It ended doctor with one line about a file of the vault, to be restored."""
    (tmp_path / "state").touch()
    assert doctor._vault(tmp_path / "state")[1:] == (
        False,
        f"{tmp_path}/state/vault/roles.json: not a directory; check the folder's owner",
    )


def test_a_state_folder_of_another_account_is_a_finding_among_others() -> None:
    """Doctor ended with it, and told nothing else."""

    def closed(folder: Path) -> doctor.Finding:
        raise PermissionError(13, "Permission denied", str(folder / "log.jsonl"))

    found = doctor._read("record", closed, Path("state"))
    assert found == ("record", False, "state/log.jsonl: permission denied")


def test_a_lake_that_is_not_published_yet_stops_no_scan(tmp_path: Path) -> None:
    """As in the first hour of a capture."""
    (tmp_path / "lake" / "sources").mkdir(parents=True)
    ((name, ok, text),) = doctor._sensors(Settings(lake=tmp_path / "lake"))
    assert (name, ok) == ("sensors", None) and "not published yet" in text


@pytest.mark.parametrize(
    ("text", "what", "says"),
    [
        (
            '[[sensors]]\nname = "a"\nsource = "squidd"',
            "formats",
            "sensors.a.source: no format 'squidd'; did you",
        ),
        ('formats = ["nothing.toml"]', "formats", "nothing.toml: no such file"),
        ('policy = "nothing.yml"', "policy", "nothing.yml: no such file"),
        ("", "formats", "built in, and 0 of your own"),
        ("", "policy", "none"),
    ],
)
def test_what_the_settings_name_is_looked_at(text: str, what: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "shadowai.toml"
    file.write_text(text)
    name, ok, told = getattr(doctor, f"_{what}")(load(file))
    assert (name, ok) == (what, not text) and says in told


def test_a_policy_that_names_what_is_not_in_the_catalog_is_said(tmp_path: Path) -> None:
    """It is in force: the service stayed a finding, and doctor said ok."""
    (tmp_path / "policy.yml").write_text("version: 1\nstatus:\n  - {app: opanai/api, status: tolerated}\n")
    (tmp_path / "shadowai.toml").write_text('policy = "policy.yml"\nstate = "state"\n')
    name, ok, told = doctor._policy(load(tmp_path / "shadowai.toml"))
    assert (name, ok) == ("policy", None) and "no app 'opanai/api'" in told


def test_a_full_disk_is_no_place_for_a_lake(tmp_path: Path) -> None:
    """An empty file finds room on it."""
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        name, ok, told = doctor._writable("lake", tmp_path / "lake")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    assert (name, ok) == ("lake", False) and "cannot be written" in told
