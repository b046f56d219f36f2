"""`shadowai schedule`: systemd units that do every hour, night and week what has to be done."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from sensor.cli.options import ConfigOption, settings_from

#: unit -> (what it does, command, when; OnCalendar as in systemd.time(7))
JOBS = {
    "compact": ("compact the lake and publish its views", "compact", "hourly"),
    "retain": ("delete what is past its retention", "retain", "*-*-* 02:40"),
    "alert": ("tell new findings and silent sensors", "alert", "*:0/15"),
    "report": ("send the weekly report", "report send", "Mon *-*-* 06:30"),
}
#: jobs that send; where nobody receives anything they would only fail
_NEEDS = {"alert": "alerts", "report": "reports"}


def command(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder for the units.")] = Path(
        "/etc/systemd/system"
    ),
    user: Annotated[str, typer.Option(help="Account the jobs run as; it owns lake and state.")] = "shadowai",
    config: ConfigOption = None,
) -> None:
    """Write systemd timers for what recurs.

    Compaction every hour, retention every night, alerts every 15 minutes, the weekly report on Monday.
    """
    from sensor.errors import UsageError
    from sensor.settings import lake_path, state_path

    settings = settings_from(config)
    lake = lake_path(settings).absolute()
    folders = (lake, state_path(settings, lake).absolute())
    shared = [settings.base / d.path for d in settings.destinations if d.kind == "folder"]
    program = _program()
    options = f" --config {_quoted(config.resolve())}" if config else ""
    receiving = {what for what in _NEEDS.values() if any(getattr(d, what) for d in settings.destinations)}
    written = []
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name, (purpose, words, when) in JOBS.items():
            if name in _NEEDS and _NEEDS[name] not in receiving:
                typer.echo(f"{name}: left out, as no destination receives {_NEEDS[name]}")
                continue
            line = f"{program} {words}{options}"
            units = {
                f"shadowai-{name}.service": _service(purpose, line, user, [*folders, *shared]),
                f"shadowai-{name}.timer": _timer(purpose, _in_zone(when, settings.zone)),
            }
            for file, text in units.items():
                (to / file).write_text(text, encoding="utf-8")
                written.append(file)
    except OSError as error:
        what = error.strerror or str(error)
        raise UsageError(what, place=str(to), hint="choose a folder you may write with --to") from None
    for file in written:
        typer.echo(str(to / file))
    timers = " ".join(file for file in written if file.endswith(".timer"))
    typer.echo(f"then: systemctl daemon-reload && systemctl enable --now {timers}")


def _program() -> str:
    """The command as systemd must name it: by its absolute path."""
    beside = Path(sys.executable).with_name("shadowai")
    found = str(beside) if beside.exists() else shutil.which("shadowai")
    return _quoted(Path(found or sys.argv[0]).absolute())


def _quoted(path: Path) -> str:
    """A path on a systemd command line: quotes, and `%` and `$` that mean themselves."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if any(c in text for c in " \t'\"\\;") else text


def _in_zone(when: str, zone: str) -> str:
    """Weeks begin in the report's zone, wherever the machine stands."""
    return when if when in ("hourly", "*:0/15") else f"{when} {zone}"


def _service(purpose: str, line: str, user: str, folders: list[Path]) -> str:
    writable = " ".join(f"-{_quoted(folder)}" for folder in folders)
    return f"""[Unit]
Description=Shadow AI Sensor: {purpose}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User={user}
ExecStart={line}
Nice=10
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ReadWritePaths={writable}
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
UMask=0027
"""


def _timer(purpose: str, when: str) -> str:
    return f"""[Unit]
Description=Shadow AI Sensor: {purpose}

[Timer]
OnCalendar={when}
Persistent=true
RandomizedDelaySec=60

[Install]
WantedBy=timers.target
"""
