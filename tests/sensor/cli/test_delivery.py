"""`report send`, `alert` and `schedule`, as a user runs them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.cli import main, schedule
from sensor.errors import UsageError
from tests.analytics.delivery.test_smtp import serving
from tests.analytics.reports.story import story_lake

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
    """The command as a shell would run it, in this process: a dozen starts of Python are slow."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(place),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["shadowai", *words])
        patch.setenv("HOME", str(place))
        code = main._run()
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return subprocess.CompletedProcess(words, code, *said)


def test_a_report_is_sent_once(place: Path) -> None:
    shown = run(place, "report", "send", "--dry-run")
    assert shown.returncode == 0 and shown.stdout.startswith("Subject: Shadow AI, week")
    assert "Bytes say nothing about sensitivity" in shown.stdout
    first = run(place, "report", "send")
    assert (first.returncode, first.stdout[:12]) == (0, "share: sent "), first.stderr
    (page,) = (place / "sent").iterdir()
    assert page.name.startswith("shadow-ai-2026-W") and "<html" in page.read_text(encoding="utf-8")
    second = run(place, "report", "send")
    assert second.returncode == 0 and "already; --again" in second.stdout


def test_only_the_weekly_report_takes_controls(place: Path) -> None:
    ignored = run(place, "report", "monthly", "--controls")
    assert ignored.returncode == 2 and "--controls" in ignored.stderr
    assert run(place, "report", "weekly", "--controls").returncode == 0


def test_an_unsent_report_is_named_and_waits(place: Path) -> None:
    done = run(place, "alert", "--test")
    assert done.returncode == 7 and "Connection refused" in done.stderr and "waits" in done.stderr
    assert len(list((place / "state" / "outbox" / "waiting" / "hook").iterdir())) == 1
    doctor = run(place, "doctor")
    assert "outbox: 1 letter waits" in doctor.stdout and "Connection refused" in doctor.stdout


def test_a_report_that_was_not_sent_is_tried_again_by_whatever_runs_next(place: Path) -> None:
    (place / "later").write_text("a file where the folder should be")
    settings = SETTINGS.split("[[destinations]]")
    text = "[[destinations]]".join(settings[:2]).replace("sent", "later").replace('"state"', '"later-state"')
    (place / "later.toml").write_text(text, encoding="utf-8")
    more = ("--config", "later.toml")
    for _ in range(2):  # a person who asks does not wait for the next try
        failed = run(place, "report", "send", *more)
        assert failed.returncode == 7 and "waits: " in failed.stderr and "already" not in failed.stdout
    (waiting,) = (place / "later-state" / "outbox" / "waiting" / "share").iterdir()
    (place / "later").unlink()
    early = run(place, "alert", *more)  # nobody receives alerts: nothing to tell, nothing due
    assert (early.returncode, early.stdout) == (0, ""), early.stderr
    kept = json.loads(waiting.read_text())
    waiting.write_text(json.dumps(kept | {"next_try": kept["since"]}))
    sent = run(place, "alert", *more)
    assert sent.returncode == 0 and sent.stdout.startswith("share: sent "), sent.stderr
    assert [path.suffix for path in (place / "later").iterdir()] == [".html"]
    units = run(place, "schedule", "--to", "later-units", *more).stdout
    assert "shadowai-alert.timer" in units


def test_a_secret_that_cannot_be_read_silences_no_other_destination(place: Path) -> None:
    text = SETTINGS.replace('"state"', '"own-state"').replace("url =", 'secret = {file = "gone"}\nurl =')
    other = '[[destinations]]\nname = "soc"\nkind = "folder"\npath = "soc"\nalerts = true\n'
    (place / "secret.toml").write_text(text + other, encoding="utf-8")
    done = run(place, "alert", "--test", "--config", "secret.toml")
    assert done.returncode == 7 and done.stdout.startswith("soc: sent ")
    assert "hook: " in done.stderr and "was not sent and waits" in done.stderr
    assert f"destinations.hook: {place / 'gone'}: no such file" in done.stderr


def test_an_unwritable_outbox_is_reported(place: Path) -> None:
    text = SETTINGS.replace('"state"', '"full-state"')
    (place / "full.toml").write_text(text, encoding="utf-8")
    (place / "full-state" / "outbox").mkdir(parents=True)
    (place / "full-state" / "outbox" / "waiting").write_text("a file where the folder should be")
    done = run(place, "alert", "--test", "--config", "full.toml")
    assert done.returncode == 7 and "outbox" in done.stderr and done.stderr.count("\n") == 1


def test_mistakes_are_named(place: Path) -> None:
    wrong = run(place, "report", "send", "--to", "shares")
    assert wrong.returncode == 2 and "did you mean share?" in wrong.stderr
    (place / "bad.toml").write_text(SETTINGS.replace("http://127.0.0.1:9", "http://example.com"))
    wrong = run(place, "alert", "--config", "bad.toml")
    assert wrong.returncode == 2 and "https://" in wrong.stderr


def test_systemd_accepts_the_units(place: Path) -> None:
    capture = "capture eth1 eth2 --sensor 'hq span' --exclude 10.99.0.0/16 --filter '1\n6 0 0 96'"
    services = (capture, "follow 'squid/100%*.log'", "listen udp://0.0.0.0:514", "listen tcp")
    given = [word for service in services for word in ("--service", service)]
    done = run(place, "schedule", "--to", "units", "--user", "root", "--config", "shadowai.toml", *given)
    assert done.returncode == 0, done.stderr
    units = sorted(path.name for path in (place / "units").iterdir())
    jobs = [
        f"shadowai-{job}.{kind}"
        for job in ("alert", "compact", "report", "retain")
        for kind in ("service", "timer")
    ]
    running = [f"shadowai-{name}.service" for name in ("capture", "follow", "listen", "listen-2")]
    assert units == sorted(jobs + running)
    text = {name: (place / "units" / name).read_text() for name in units}
    assert "OnCalendar=Mon *-*-* 06:30 Europe/Berlin" in text["shadowai-report.timer"]
    assert "OnCalendar=*:12\n" in text["shadowai-compact.timer"], "on the hour it waits for another hour"
    settings = f"--config {place / 'shadowai.toml'}"
    words = f'capture eth1 eth2 --sensor "hq span" --exclude 10.99.0.0/16 --filter "1\\n6 0 0 96" {settings}'
    assert f"shadowai {words}\n" in text["shadowai-capture.service"]
    assert "ExecReload=/bin/kill -HUP $MAINPID\n" in text["shadowai-capture.service"]
    assert "AmbientCapabilities=CAP_NET_RAW\n" in text["shadowai-capture.service"]
    assert "follow squid/100%%*.log" in text["shadowai-follow.service"]
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in text["shadowai-listen.service"]
    assert "AmbientCapabilities" not in text["shadowai-listen-2.service"]
    assert f"shadowai warm {settings}\n" in text["shadowai-follow.service"]
    assert done.stdout.splitlines()[-1].count(".timer") == 4
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    files = [str(place / "units" / name) for name in units]
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False
    )
    assert [line for line in checked.stderr.splitlines() if "shadowai" in line] == []


def test_two_captures_of_one_sensor_get_no_units(place: Path) -> None:
    """The lake takes one, and systemd would start the other anew for ever."""
    given = ("--service", "capture eth1", "--service", "capture eth2 --site hq", "--service", "capture eth3")
    done = run(place, "schedule", "--to", "units", "--user", "root", *given)
    assert done.returncode == 2
    assert "--service 'capture eth3': another captures as sensor live, too; give each" in done.stderr
    assert run(place, "schedule", "--to", "units", "--user", "root", *given[:4]).returncode == 0


def test_the_account_gets_a_lake_that_somebody_else_made(tmp_path: Path) -> None:
    """The services then could not write into the lake of a first scan by root."""
    (tmp_path / "lake").mkdir()
    share = '[[destinations]]\nname = "share"\nkind = "folder"\npath = "out"\nreports = true\n'
    (tmp_path / "shadowai.toml").write_text(f'lake = "lake"\nstate = "keys"\n{share}')
    steps = run(tmp_path, "schedule", "--to", "units", "--user", "shadowai-test").stdout.splitlines()[-1]
    assert f"install -d -m 0750 -o shadowai-test {tmp_path}/keys && " in steps
    assert f"chown -R shadowai-test {tmp_path}/lake && " in steps
    assert f"install -d -o shadowai-test {tmp_path}/out && " in steps, "systemd lets nobody make it"
    user = pwd.getpwuid(os.getuid()).pw_name
    assert "chown" not in run(tmp_path, "schedule", "--to", "units", "--user", user).stdout


def test_units_say_which_settings_lake_and_state_were_meant(tmp_path: Path) -> None:
    """They run in another folder, as an account with other folders of its own."""
    home = tmp_path / "a 100% $home"
    home.mkdir()
    (home / "shadowai.toml").write_text('lake = "our lake"\n')
    tmp_path.chmod(0o700)
    done = run(home, "schedule", "--to", "units", "--service", "follow x.log --state keys")
    assert done.returncode == 0, done.stderr
    assert f"shadowai: {home}/our lake: shadowai may not enter " in done.stderr
    follow, compact = ((home / "units" / f"shadowai-{n}.service").read_text() for n in ("follow", "compact"))
    escaped = str(home).replace("%", "%%")
    for unit in (follow, compact):
        assert f'--config "{escaped.replace("$", "$$")}/shadowai.toml"' in unit
        assert f'Environment="SHADOWAI_LAKE={escaped}/our lake" "SHADOWAI_STATE=' in unit
        assert f'ReadWritePaths=-"{escaped}/our lake" -"' in unit
    assert f'"SHADOWAI_STATE={escaped}/keys"' in follow
    assert f"WorkingDirectory=-{escaped}\n" in follow
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    files = [str(file) for file in (home / "units").iterdir()]
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False
    )
    assert [line for line in checked.stderr.splitlines() if "shadowai" in line] == []


def test_variables_of_the_shell_that_units_do_not_have_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A capture would store tokens where this shell asks for none."""
    monkeypatch.setenv("SHADOWAI_PRIVACY", "aggregate")
    monkeypatch.setenv("SHADOWAI_LAKE", "lake")
    done = run(tmp_path, "schedule", "--to", "units")
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "SHADOWAI_" in line]
    assert told == ["shadowai: the units do not know SHADOWAI_PRIVACY; put it into the settings"]


@pytest.mark.parametrize("user", ["", "two words"])
def test_units_run_as_an_account_that_has_a_name(user: str, tmp_path: Path) -> None:
    """With `--user "$UNSET"` the jobs ran as root."""
    with pytest.raises(UsageError, match="is no account"):
        schedule.command(to=tmp_path / "units", user=user)
    assert not (tmp_path / "units").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("scan x.pcap", "is no command that keeps running; one of capture, follow, listen"),
        ("capture eth1 'hq", "no closing quotation"),
        ("capture", "missing argument 'IFACE...'; see shadowai capture --help"),
        ("capture eth1 --nope", "no such option: --nope"),
        ("listen nowhere", "not an endpoint"),
    ],
)
def test_a_service_that_would_not_start_is_not_written(place: Path, command: str, said: str) -> None:
    done = run(place, "schedule", "--to", "none", "--service", command, "--config", "shadowai.toml")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    assert not (place / "none").exists()


def test_a_mail_brings_page_and_pdf_in_the_language_set(place: Path) -> None:
    pytest.importorskip("weasyprint")
    with serving() as (box, port):
        mail = f"""language = "de"
lake = "lake"
state = "mail-state"
[[destinations]]
name = "board"
kind = "smtp"
host = "127.0.0.1"
port = {port}
tls = "none"
sender = "sensor@example.com"
recipients = ["board@example.com"]
reports = true
pdf = true
"""
        (place / "mail.toml").write_text(mail, encoding="utf-8")
        done = run(place, "report", "send", "--week", "2026-W46", "--config", "mail.toml")
    assert done.returncode == 0, done.stderr
    (letter,) = box.mails
    assert letter["Subject"] == "Schatten-KI, Woche 46: 6 Entscheidungen stehen an"
    told = letter.get_body(("plain",)).get_content()
    assert "138 Personen" in told and "Niemand benannt, bis So, 29. Nov." in " ".join(told.split())
    page, pdf = letter.iter_attachments()
    assert [part.get_content_type() for part in (page, pdf)] == ["text/html", "application/pdf"]
    assert '<html lang="de">' in page.get_content()
    assert pdf.get_filename() == "shadow-ai-2026-W46.pdf" and pdf.get_content().startswith(b"%PDF-1.")


def test_an_unknown_name_gets_similar_names_or_a_list(place: Path) -> None:
    near = run(place, "report", "app", "chat gtp")
    assert (
        near.returncode == 2
        and "'chat gtp' is no service this lake shows; similar: openai/chatgpt" in near.stderr
    )
    none = run(place, "report", "department", "Xyz")
    assert none.returncode == 2
    assert "known: Engineering, Legal, Marketing, Research, Sales and unattributed" in none.stderr
    close = run(place, "report", "department", "enginering")
    assert close.returncode == 2 and "similar: Engineering" in close.stderr


def test_a_report_may_go_through_a_pipe(place: Path) -> None:
    for out in ("-", "/dev/stdout"):  # or wrote /dev/stdout.json
        piped = run(place, "report", "--format", "json", "--out", out)
        assert piped.returncode == 0 and json.loads(piped.stdout)["report"] == "weekly", out
    nowhere = run(place, "report", "--format", "json", "--out", "/dev/null")
    assert (nowhere.returncode, nowhere.stdout, Path("/dev/null.json").exists()) == (0, "", False)
    assert not [path for path in place.iterdir() if path.name.startswith("-")]
    several = run(place, "report", "--format", "json,md", "--out", "-")
    assert several.returncode == 2 and "2 formats on standard output; ask for one" in several.stderr
