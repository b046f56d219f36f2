"""What a scan prints about its inputs."""

import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sensor.cli.scan import publish_when_free
from sensor.cli.scan_outcome import condensed, line, progress_bar
from sensor.ingest import scan
from sensor.ingest.installation import Declared, Installation
from sensor.ingest.summary import Summary
from sensor.settings import Settings
from sensor.sources import detect
from sensor.sources.inputs import open as opening
from sensor.sources.interface import File, Input
from sensor.sources.logs.formats.dnsmasq import DnsmasqFormat
from sensor.sources.logs.formats.squid import SquidFormat
from sensor.store.lake import Lake
from tests.product import compiled_once


def test_every_kind_of_a_mixed_file_is_advised_that_lacks_what_was_sent(tmp_path: Path) -> None:
    """Of a syslog with a proxy's lines in it was said that it tells of no use."""
    (tmp_path / "mixed.log").write_text(
        "1700000000.123 900 10.0.0.1 TCP_MISS/200 4000 POST https://chatgpt.com/a u DIRECT/192.0.2.1 a/b\n"
        "Nov 14 10:00:00 gw dnsmasq[123]: query[A] chatgpt.com from 10.0.0.9\n"
        "Nov 14 10:00:01 gw CRON[99]: (root) CMD (run-parts /etc/cron.hourly)\n"
    )
    settings = Settings(lake=tmp_path / "lake", state=compiled_once(tmp_path / "state"))
    plan = detect.plan(opening.find([tmp_path / "mixed.log"]).files)
    shared = Installation(settings, Declared())
    outcome = scan.run(shared, plan, replace=False, progress_bar=partial(progress_bar, quiet=True))
    assert "audit-only" in outcome.read[0][2].kinds
    assert set(outcome.advice) == {SquidFormat.advice, DnsmasqFormat.advice}


@pytest.mark.parametrize(
    ("line", "newest", "settings", "told"),
    [
        ("Nov 14 10:00:00 gw", 10, {}, "lies 5 h before"),
        ("Nov 14 10:00:00 gw", 10, {"sources": {"dnsmasq": {"timezone": "UTC"}}}, ""),  # somebody has looked
        ("2026-11-14T10:00:00+00:00 gw", 10, {}, ""),
        ("Nov 14 10:00:00 gw", 10.5, {}, ""),  # half an hour: just quiet
        ("Nov 14 10:00:00 gw", 15, {}, ""),
        ("Nov 14 10:00:00 gw", 17, {}, "lies 2.0 h after the file was last written; set [sources.dnsmasq]"),
        ("Nov 14 10:00:00 gw", 15 + 24 * 400, {}, "400 days after the file was last written; correct"),
    ],
)
def test_a_log_of_another_zone_is_doubted(
    tmp_path: Path, line: str, newest: float, settings: dict[str, Any], told: str
) -> None:
    """West of UTC, logs were read hours early without a word."""
    head, written = (
        f"{line} dnsmasq[1]: query[A] claude.ai from 10.0.0.9\n",
        datetime(2026, 11, 14, 15, tzinfo=UTC),
    )
    file = File("dns.log", "x", head.encode(), len(head), io.BytesIO, "dns.log", written)
    summary = Summary(
        "dns.log", "dnsmasq", last_seen=datetime(2026, 11, 14, tzinfo=UTC) + timedelta(hours=newest)
    )
    outcome = scan.Outcome()
    scan._conclude(
        DnsmasqFormat,
        Input((file,), "x"),
        summary,
        outcome,
        Settings.model_validate({"lake": tmp_path} | settings),
    )
    (doubt,) = outcome.doubts or [""]
    assert (told in doubt) if told else not doubt


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        (
            {},
            "times of bind have no offset; read as UTC, they are 1 h later than its lines were ",
        ),
        ({"bind": {"timezone": "Europe/Berlin"}}, ""),
        ({"bind": {"timezone": "UTC"}}, ""),  # somebody has looked
    ],
)
def test_local_times_behind_the_stamp_of_a_relay_are_doubted(
    tmp_path: Path, zone: dict[str, Any], told: str
) -> None:
    """What another log told in UTC counted twice, and nothing said so."""
    lines = "".join(
        f"2026-11-14T10:{nth}:01+01:00 ns1 named[8]: 14-Nov-2026 10:{nth}:00.412 queries: info: client "
        f"@0x7f1c 10.0.0.9#5353 (claude.ai): query: claude.ai IN A + (10.0.0.2)\n"
        for nth in range(10, 25)
    )
    (tmp_path / "dns.log").write_text(lines)
    values = {"lake": tmp_path / "lake", "state": compiled_once(tmp_path / "state"), "sources": zone}
    installation = Installation(Settings.model_validate(values), Declared())
    plan = detect.plan(opening.find([tmp_path / "dns.log"]).files)
    outcome = scan.run(installation, plan, replace=False, progress_bar=partial(progress_bar, quiet=True))
    (doubt,) = outcome.doubts or [""]
    assert (told in doubt) if told else not doubt


def test_a_scan_that_ends_beside_another_waits_to_show_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = [False, False, True]
    monkeypatch.setattr(
        "sensor.cli.scan.compact_and_publish", lambda lake, settings, include_current: busy.pop(0)
    )
    publish_when_free(Lake(tmp_path), Settings(), quiet=False, again_s=0)
    assert capsys.readouterr().err.count("another compaction is running") == 1
    assert busy == []


def test_a_mixed_file_names_its_kinds_the_most_lines_first() -> None:
    summary = Summary("syslog.log", "squid", records=9)
    summary.kinds = Counter(squid=2, dnsmasq=5, fortigate=2)
    assert line(summary) == "syslog.log: dnsmasq + fortigate + squid, 9 records, 0 sightings"
    summary.kinds |= Counter(unbound=1, bind=1)
    assert line(summary).startswith("syslog.log: dnsmasq + fortigate + squid + bind + 1 more, ")
    summary.kinds = Counter(squid=9)
    assert line(summary).startswith("syslog.log: squid, 9 records")


def test_a_log_of_leases_is_not_told_to_carry_nothing() -> None:
    summary = Summary("dhcpd.log", "isc-dhcpd", records=9, kinds=Counter({"isc-dhcpd": 9}))
    summary.carried = Counter(used=9, with_time=9)
    assert line(summary) == "dhcpd.log: isc-dhcpd, 9 records of who held an address"
    summary.kinds["squid"] = 1
    assert ", 9 records, 0 sightings\n    carries: time all, user none" in line(summary)


def test_many_inputs_of_the_same_kinds_are_told_together() -> None:
    def one(nth: int, kind: str) -> Summary:
        summary = Summary(f"{nth}.log", kind, records=10, sightings=nth)
        summary.kinds, summary.apps = Counter({kind: 10}), Counter(claude=nth)
        summary.carried = Counter(used=8, with_user=4)
        if nth % 2:
            summary.reasons, summary.places = Counter({"no known format": 2}), {"no known format": "77"}
        return summary

    few, many = [one(nth, "bind") for nth in range(10)], [one(nth, "squid") for nth in range(11)]
    assert condensed([*many, *few])[1:] == few
    (told,) = condensed(many)
    assert (told.records, told.sightings, told.apps) == (110, 55, Counter(claude=55))
    lines = line(told).splitlines()
    assert lines[0] == "0.log and 10 more: squid, 110 records, 55 sightings of 1 service"
    assert "user 50 %" in lines[1]
    assert lines[2:] == ["    not used: 10 × no known format (first at 77 of 1.log)"]
