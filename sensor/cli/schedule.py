"""`shadowai schedule`: systemd units that do every hour, night and week what has to be done, and services
that keep a sensor running."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensor.cli.options import ConfigOption, settings_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensor.settings import Settings

#: unit -> (what it does, command, when; OnCalendar as in systemd.time(7))
JOBS = {
    "compact": ("compact the lake and publish its views", "compact", "hourly"),
    "retain": ("delete what is past its retention", "retain", "*-*-* 02:40"),
    "alert": ("tell new findings and silent sensors", "alert", "*:0/15"),
    "report": ("send the weekly report", "report send", "Mon *-*-* 06:30"),
}
#: jobs that send; where nobody receives anything they would only fail
_NEEDS = {"alert": "alerts", "report": "reports"}
#: commands that run until they are stopped: what each is for, and the kinds of sockets it opens
_LASTING = {
    "capture": ("listen to interfaces", "AF_UNIX AF_INET AF_INET6 AF_PACKET AF_NETLINK"),
    "follow": ("follow growing logs", "AF_UNIX"),
    "listen": ("take syslog from the network", "AF_UNIX AF_INET AF_INET6"),
}
#: exit codes that starting again cannot mend: wrong usage or setting, mistakes in catalog and policy
_FOR_GOOD = "2 4 8"


def command(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder for the units.")] = Path(
        "/etc/systemd/system"
    ),
    user: Annotated[str, typer.Option(help="Account the jobs run as; it owns lake and state.")] = "shadowai",
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COMMAND",
            help="Also keep this running: 'capture eth1 …', 'follow …' or 'listen …'; repeatable.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write systemd units for what recurs, and for what runs.

    Timers: compaction every hour, retention every night, alerts every 15 minutes, the weekly report on
    Monday. Services: what --service names, started at boot and again when it fails.
    """
    from sensor.errors import UsageError

    settings = settings_from(config)
    units: dict[str, str] = {}
    for name, words in _lasting(service or []):
        units[f"{name}.service"] = _running(words, user, config)
    for name, text in _timers(settings, user, config):
        units[name] = text
    try:
        to.mkdir(parents=True, exist_ok=True)
        for file, text in units.items():
            (to / file).write_text(text, encoding="utf-8")
            typer.echo(str(to / file))
    except OSError as error:
        what = error.strerror or str(error)
        raise UsageError(what, place=str(to), hint="choose a folder you may write with --to") from None
    first = [] if _is_account(user) else [f"useradd --system {shlex.quote(user)}"]
    if missing := [shlex.quote(str(folder)) for folder in _folders(settings) if not folder.exists()]:
        first.append(f"install -d -m 0750 -o {shlex.quote(user)} {' '.join(missing)}")
    begun = [file for file in units if "[Install]" in units[file]]
    last = ["systemctl daemon-reload", f"systemctl enable --now {' '.join(begun)}"]
    typer.echo(f"then: {' && '.join([*first, *last])}")


def _timers(settings: Settings, user: str, config: Path | None) -> Iterator[tuple[str, str]]:
    """Name and text of the units of every job that has something to do."""
    shared = [settings.base / d.path for d in settings.destinations if d.kind == "folder"]
    receiving = {what for what in _NEEDS.values() if any(getattr(d, what) for d in settings.destinations)}
    for name, (purpose, words, when) in JOBS.items():
        if name in _NEEDS and _NEEDS[name] not in receiving:
            typer.echo(f"{name}: left out, as no destination receives {_NEEDS[name]}")
            continue
        line = _line(words.split(), config)
        yield f"shadowai-{name}.service", _job(purpose, line, user, [*_folders(settings), *shared])
        yield f"shadowai-{name}.timer", _timer(purpose, _in_zone(when, settings.zone))


def _lasting(services: list[str]) -> Iterator[tuple[str, list[str]]]:
    """A name for the unit of each command, and its words. Raises UsageError where they do not name one."""
    from sensor.errors import UsageError

    met: list[str] = []
    for text in services:
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise UsageError(
                str(error).lower(), place=f"--service {text!r}", hint="close the quote"
            ) from None
        if not words or words[0] not in _LASTING:
            raise UsageError(
                "is no command that keeps running",
                place=f"--service {text!r}",
                hint=f"one of {', '.join(_LASTING)}, with its arguments",
            )
        met.append(words[0])
        nth = met.count(words[0])
        yield f"shadowai-{words[0]}" + (f"-{nth}" if nth > 1 else ""), words


def _running(words: list[str], user: str, config: Path | None) -> str:
    """The unit that keeps `words` running; they are read as the command itself would read them."""
    from sensor.cli.main import arguments

    given = arguments(words)
    if given["config"] is None and config is not None:
        given["config"] = config
    else:
        config = None  # it stands among the words
    settings = settings_from(given["config"], lake=given["lake"], state=given["state"])
    purpose, families = _LASTING[words[0]]
    return f"""{_head(purpose)}
[Service]
Type=exec
WorkingDirectory={_quoted(Path.cwd())}
ExecStart={_line(words, config)}
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={_FOR_GOOD}
TimeoutStopSec=120
{_capabilities(words[0], given)}{_confined(user, _folders(settings), families)}
[Install]
WantedBy=multi-user.target
"""


def _capabilities(name: str, given: dict[str, Any]) -> str:
    """What the account may do beyond others, as lines of a unit."""
    from sensor.cli.listen import endpoint

    needs = "CAP_NET_RAW" if name == "capture" else ""
    if name == "listen" and any(endpoint(text).port < 1024 for text in given["endpoints"] or []):
        needs = "CAP_NET_BIND_SERVICE"
    lines = f"AmbientCapabilities={needs}\n" if needs else ""
    return f"{lines}CapabilityBoundingSet={needs}\n"


def _folders(settings: Settings) -> list[Path]:
    """Where jobs write."""
    from sensor.settings import lake_path, state_path

    lake = lake_path(settings).absolute()
    return [lake, state_path(settings, lake).absolute()]


def _is_account(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _line(words: list[str], config: Path | None) -> str:
    """Our command with these words, as systemd reads it."""
    options = ["--config", str(config.resolve())] if config else []
    return " ".join([_program(), *(_quoted(word) for word in [*words, *options])])


def _program() -> str:
    """The command as systemd must name it: by its absolute path."""
    beside = Path(sys.executable).with_name("shadowai")
    found = str(beside) if beside.exists() else shutil.which("shadowai")
    return _quoted(Path(found or sys.argv[0]).absolute())


def _quoted(word: str | Path) -> str:
    """A word of a systemd command line: quotes, and `%` and `$` that mean themselves."""
    text = str(word).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if not text or any(c in text for c in " \t'\"\\;") else text


def _in_zone(when: str, zone: str) -> str:
    """Weeks begin in the report's zone, wherever the machine stands."""
    return when if when in ("hourly", "*:0/15") else f"{when} {zone}"


def _head(purpose: str) -> str:
    return f"""[Unit]
Description=Shadow AI Sensor: {purpose}
Wants=network-online.target
After=network-online.target
"""


def _job(purpose: str, line: str, user: str, folders: list[Path]) -> str:
    return f"""{_head(purpose)}
[Service]
Type=oneshot
ExecStart={line}
Nice=10
{_confined(user, folders, "AF_UNIX AF_INET AF_INET6")}"""


def _confined(user: str, folders: list[Path], families: str) -> str:
    """What every unit of ours is held to."""
    writable = " ".join(f"-{_quoted(folder)}" for folder in folders)
    return f"""User={user}
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ReadWritePaths={writable}
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies={families}
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
