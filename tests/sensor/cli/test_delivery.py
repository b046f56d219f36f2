"""`report send`, `alert` and `schedule`, as a user runs them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.analytics.reports.story import story_lake

ROOT = Path(__file__).parents[3]
SETTINGS = """
lake = "lake"
state = "state"
zone = "Europe/Berlin"
[[destinations]]
name = "share"
kind = "folder"
path = "sent"
reports = true
[[destinations]]
name = "hook"
kind = "webhook"
url = "http://127.0.0.1:9/nobody"
alerts = true
level = "low"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivery")
    story_lake(folder / "lake")
    (folder / "lake" / "sources").mkdir()
    (folder / "shadowai.toml").write_text(SETTINGS, encoding="utf-8")
    return folder


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from sensor.cli.main import run; run()", *words]
    environment = {"HOME": str(place), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        program, cwd=place, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_report_is_sent_once(place: Path) -> None:
    shown = run(place, "report", "send", "--dry-run")
    assert shown.returncode == 0 and shown.stdout.startswith("Subject: Shadow AI, week")
    assert "Bytes are not sensitivity" in shown.stdout
    first = run(place, "report", "send")
    assert (first.returncode, first.stdout[:12]) == (0, "share: sent "), first.stderr
    (page,) = (place / "sent").iterdir()
    assert page.name.startswith("shadow-ai-2026-W") and "<html" in page.read_text(encoding="utf-8")
    second = run(place, "report", "send")
    assert second.returncode == 0 and "already; --again" in second.stdout


def test_what_is_not_sent_is_said_and_waits(place: Path) -> None:
    done = run(place, "alert", "--test")
    assert done.returncode == 7 and "Connection refused" in done.stderr and "waits" in done.stderr
    assert len(list((place / "state" / "outbox" / "waiting" / "hook").iterdir())) == 1
    doctor = run(place, "doctor")
    assert "outbox: 1 letter waits" in doctor.stdout and "Connection refused" in doctor.stdout


def test_mistakes_are_named(place: Path) -> None:
    wrong = run(place, "report", "send", "--to", "shares")
    assert wrong.returncode == 2 and "did you mean share?" in wrong.stderr
    (place / "bad.toml").write_text(SETTINGS.replace("http://127.0.0.1:9", "http://example.com"))
    wrong = run(place, "alert", "--config", "bad.toml")
    assert wrong.returncode == 2 and "https://" in wrong.stderr


def test_units_that_systemd_takes(place: Path) -> None:
    done = run(place, "schedule", "--to", "units", "--user", "root", "--config", "shadowai.toml")
    assert done.returncode == 0, done.stderr
    units = sorted(path.name for path in (place / "units").iterdir())
    assert units == [
        f"shadowai-{job}.{kind}"
        for job in ("alert", "compact", "report", "retain")
        for kind in ("service", "timer")
    ]
    report = (place / "units" / "shadowai-report.timer").read_text()
    assert "OnCalendar=Mon *-*-* 06:30 Europe/Berlin" in report
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    files = [str(place / "units" / name) for name in units]
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False
    )
    assert [line for line in checked.stderr.splitlines() if "shadowai" in line] == []
