"""What a scan prints about its inputs."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from sensor.cli.scan import publish_when_free
from sensor.cli.scan_outcome import condensed, line, progress_bar
from sensor.ingest import scan
from sensor.ingest.installation import Declared, Installation
from sensor.ingest.summary import Summary
from sensor.settings import Settings
from sensor.sources import detect
from sensor.sources.inputs import open as opening
from sensor.sources.logs.formats.dnsmasq import DnsmasqFormat
from sensor.sources.logs.formats.squid import SquidFormat
from sensor.store.lake import Lake
from tests.product import compiled_once


def test_every_kind_of_a_mixed_file_is_advised_that_lacks_what_was_sent(tmp_path: Path) -> None:
    (tmp_path / "mixed.log").write_text(
        "1700000000.123 900 10.0.0.1 TCP_MISS/200 4000 POST https://chatgpt.com/a u DIRECT/192.0.2.1 a/b\n"
        "Nov 14 10:00:00 gw dnsmasq[123]: query[A] chatgpt.com from 10.0.0.9\n"
    )
    settings = Settings(lake=tmp_path / "lake", state=compiled_once(tmp_path / "state"))
    plan = detect.plan(opening.find([tmp_path / "mixed.log"]).files)
    shared = Installation(settings, Declared())
    outcome = scan.run(shared, plan, replace=False, progress_bar=partial(progress_bar, quiet=True))
    assert set(outcome.advice) == {SquidFormat.advice, DnsmasqFormat.advice}


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
