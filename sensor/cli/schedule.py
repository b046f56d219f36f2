"""`shadowai schedule`: systemd timers for the hourly, nightly and weekly jobs, and services that keep a
sensor running."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensor.cli.options import ConfigOption, say, settings_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sensor.settings import Settings

#: unit -> (what it does, command, when; OnCalendar as in systemd.time(7)). Compaction takes an hour that has
#: been over for ten minutes (`SETTLE`).
JOBS = {
    "compact": ("compact the lake and publish its views", "compact", "*:12"),
    "retain": ("delete what is past its retention", "retain", "*-*-* 02:40"),
    "alert": ("tell new findings and silent sensors, send again what waits", "alert", "*:0/15"),
    "report": ("send the weekly report", "report send", "Mon *-*-* 06:30"),
}
#: jobs that send → the kind of receivers; without any, the job would only fail and gets no timer. `alert`
#: sends a report again that could not be sent.
_NEEDS = {"alert": ("alerts", "reports"), "report": ("reports",)}
#: commands that run until they are stopped → what each is for, and the address families of its sockets
_LASTING = {
    "capture": ("listen to interfaces", "AF_UNIX AF_INET AF_INET6 AF_PACKET AF_NETLINK"),
    "follow": ("follow growing logs", "AF_UNIX"),
    "listen": ("take syslog from the network", "AF_UNIX AF_INET AF_INET6"),
}
#: settings that every unit has as variables
_IN_UNITS = {"lake", "state"}
#: exit codes after which a restart is useless: wrong usage or setting, mistakes in catalog and policy
_FOR_GOOD = "2 4 8"


def command(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder for the units.")] = Path(
        "/etc/systemd/system"
    ),
    user: Annotated[
        str, typer.Option(metavar="NAME", help="Account the jobs run as; it owns lake and state.")
    ] = "shadowai",
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COMMAND",
            help="Also keep this running: 'capture eth1 …', 'follow …' or 'listen …'; repeatable.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write systemd timers for jobs, and services for sensors.

    Timers: compaction every hour, retention every night, alerts every 15 minutes, the weekly report on
    Monday. Services: what --service names, started at boot and again when it fails.
    """
    from sensor.errors import UsageError, reason_of

    if not user or user.split() != [user]:  # systemd would run the jobs as root, or not at all
        raise UsageError(f"{user!r} is no account", place="--user", hint="name one, such as shadowai")
    settings = settings_from(config)
    shared = [settings.base / d.path for d in settings.destinations if d.kind == "folder"]
    units = {f"{name}.service": _running(words, user, config) for name, words in _lasting(service or [])}
    units |= dict(_timers(settings, user, shared))
    try:
        to.mkdir(parents=True, exist_ok=True)
        for file, text in units.items():
            (to / file).write_text(text, encoding="utf-8")
            typer.echo(str(to / file))
    except OSError as error:
        what = reason_of(error)
        raise UsageError(what, place=str(to), hint="choose a folder you may write with --to") from None
    first = _preparing(settings, user, shared)
    begun = [file for file in units if "[Install]" in units[file]]
    last = ["systemctl daemon-reload", f"systemctl enable --now {' '.join(begun)}"]
    typer.echo(f"then: {' && '.join([*first, *last])}")
    _say_what_units_lack(settings, user)


def _preparing(settings: Settings, user: str, shared: Sequence[Path]) -> list[str]:
    """The shell commands that make the account, give it the lake and the state, and make the folders of
    destinations: a unit can write only to what is there when it starts."""
    uid, account = _uid(user), shlex.quote(user)
    commands = [] if uid is not None else [f"useradd --system {account}"]
    missing, others = [], []
    for folder in _folders(settings):
        if not folder.exists():
            missing.append(shlex.quote(str(folder)))
        elif folder.stat().st_uid != uid:  # as after a first scan by root
            others.append(shlex.quote(str(folder)))
    if missing:
        commands.append(f"install -d -m 0750 -o {account} {' '.join(missing)}")
    if others:
        commands.append(f"chown -R {account} {' '.join(others)}")
    if absent := [shlex.quote(str(folder)) for folder in shared if not folder.exists()]:
        commands.append(f"install -d -o {account} {' '.join(absent)}")
    return commands


def _say_what_units_lack(settings: Settings, user: str) -> None:
    """Print what a unit lacks: variables of this shell, and folders that its account cannot enter."""
    from sensor.settings import ENVIRONMENT_PREFIX, VARIABLES

    for name in sorted(set(VARIABLES) - _IN_UNITS):
        if os.environ.get(variable := f"{ENVIRONMENT_PREFIX}{name.upper()}"):
            say(f"the units do not know {variable}; put it into the settings")
    for path in (_program(), *_folders(settings)):
        if shut := _shut(path, user):
            say(f"{path}: {user} may not enter {shut}; keep it elsewhere, or let {user} in")
    for to in settings.destinations:
        secret = getattr(to, "password", None) or getattr(to, "secret", None)
        if secret is not None and secret.env is not None:
            what = f"the units do not know {secret.env}; name a file in the settings"
            say(f"destinations.{to.name}: {what}")


def _timers(settings: Settings, user: str, shared: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Name and text of the units of each job that applies to these settings; `shared` are the folders of
    destinations."""
    for name, (purpose, words, when) in JOBS.items():
        needs = _NEEDS.get(name)
        if needs and not any(getattr(d, what) for d in settings.destinations for what in needs):
            typer.echo(f"{name}: left out, because no destination receives {' or '.join(needs)}")
            continue
        yield f"shadowai-{name}.service", _job(purpose, words, user, settings, shared)
        yield f"shadowai-{name}.timer", _timer(purpose, _in_zone(when, settings.zone))


def _lasting(services: list[str]) -> Iterator[tuple[str, list[str]]]:
    """For each command of a service, the unit's name and the command's words. Raises UsageError for other
    commands, and for captures of one sensor, of which the lake would refuse all but one."""
    from sensor.cli.main import arguments
    from sensor.errors import UsageError

    met: list[str] = []
    sensors: list[tuple[str, str | None]] = []
    for text in services:
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise UsageError(str(error).lower(), place=f"--service {text!r}") from None
        if not words or words[0] not in _LASTING:
            raise UsageError(
                "is no command that keeps running",
                place=f"--service {text!r}",
                hint=f"one of {', '.join(_LASTING)}, with its arguments",
            )
        if words[0] == "capture":
            given = arguments(words)
            sensors.append((given["sensor"], given["site"]))
        if len(set(sensors)) < len(sensors):
            what = f"another captures as sensor {sensors[-1][0]}, too"
            hint = "give each a --sensor of its own"
            raise UsageError(what, place=f"--service {text!r}", hint=hint)
        met.append(words[0])
        nth = met.count(words[0])
        yield f"shadowai-{words[0]}" + (f"-{nth}" if nth > 1 else ""), words


def _running(words: list[str], user: str, config: Path | None) -> str:
    """The unit that keeps the command `words` running. The words are checked as the command itself would.

    Kernels are compiled first: not while the ring fills. Relative names mean what they mean here, if the
    account may enter this folder.
    """
    from sensor.cli.main import arguments

    given = arguments(words)
    settings = settings_from(given["config"] or config, lake=given["lake"], state=given["state"])
    purpose, families = _LASTING[words[0]]
    return f"""{_head(purpose)}
[Service]
Type=exec
WorkingDirectory=-{str(Path.cwd()).replace("%", "%%")}
ExecStartPre={_line(["warm"], settings)}
ExecStart={_line(words, settings)}
ExecReload=/bin/kill -HUP $MAINPID
TimeoutStartSec=600
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={_FOR_GOOD}
TimeoutStopSec=120
{_capabilities(words[0], given)}{_confined(user, settings, families)}
[Install]
WantedBy=multi-user.target
"""


def _capabilities(name: str, given: dict[str, Any]) -> str:
    """The capabilities of the unit's account, as lines of the unit."""
    from sensor.cli.listen import endpoint

    needs = "CAP_NET_RAW" if name == "capture" else ""
    if name == "listen" and any(endpoint(text).port < 1024 for text in given["endpoints"] or []):
        needs = "CAP_NET_BIND_SERVICE"
    lines = f"AmbientCapabilities={needs}\n" if needs else ""
    return f"{lines}CapabilityBoundingSet={needs}\n"


def _folders(settings: Settings) -> tuple[Path, Path]:
    """The lake, and the state."""
    from sensor.settings import lake_path, state_path

    lake = lake_path(settings).absolute()
    return lake, state_path(settings).absolute()


def _shut(path: Path, user: str) -> Path | None:
    """The uppermost folder above `path` that others may not enter and `user` does not own; None if there is
    none."""
    if user == "root":
        return None
    uid = _uid(user)
    for folder in reversed(path.parents):
        try:
            status = folder.stat()
        except OSError:  # does not exist yet, or cannot be entered
            return None
        if not status.st_mode & stat.S_IXOTH and status.st_uid != uid:
            return folder
    return None


def _uid(name: str) -> int | None:
    """The uid of an account; None if it does not exist."""
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _line(words: list[str], settings: Settings) -> str:
    """The command line `shadowai` with these words for systemd, with the settings file in use here."""
    says = any(word.partition("=")[0] == "--config" for word in words)
    named = ["--config", str(settings.file)] if settings.file and not says else []
    return " ".join(_quoted(word).replace("$", "$$") for word in [str(_program()), *words, *named])


def _program() -> Path:
    """The command as systemd must name it: by its absolute path."""
    beside = Path(sys.executable).with_name("shadowai")
    found = str(beside) if beside.exists() else shutil.which("shadowai")
    return Path(found or sys.argv[0]).absolute()


def _quoted(word: str | Path) -> str:
    """A word for a unit file: quoted if necessary, with `%` and line ends (of a BPF program) escaped."""
    text = str(word).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", "\\n")
    return f'"{text}"' if not text or any(c in text for c in " \t'\"\\;") else text


def _in_zone(when: str, zone: str) -> str:
    """The time of a timer in the report's time zone, which may differ from the machine's."""
    return when if when.startswith("*:") else f"{when} {zone}"


def _head(purpose: str) -> str:
    return f"""[Unit]
Description=Shadow AI Sensor: {purpose}
Wants=network-online.target
After=network-online.target
"""


def _job(purpose: str, words: str, user: str, settings: Settings, shared: Sequence[Path]) -> str:
    return f"""{_head(purpose)}
[Service]
Type=oneshot
ExecStart={_line(words.split(), settings)}
Nice=10
{_confined(user, settings, "AF_UNIX AF_INET AF_INET6", shared)}"""


def _confined(user: str, settings: Settings, families: str, shared: Sequence[Path] = ()) -> str:
    """The hardening of every unit, and the lake and state folders in use here: the defaults of the unit's
    account would be others."""
    lake, state = _folders(settings)
    variables = [_quoted(f"SHADOWAI_{name}={folder}") for name, folder in (("LAKE", lake), ("STATE", state))]
    writable = [f"-{_quoted(folder)}" for folder in (lake, state, *shared)]
    return f"""User={user}
Environment={" ".join(variables)}
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ReadWritePaths={" ".join(writable)}
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
