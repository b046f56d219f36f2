"""Shared by commands that send: destinations as transports, the outbox, and printing what was sent."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.errors import reason_of

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.delivery.letter import Transport
    from analytics.delivery.outbox import Outbox
    from analytics.delivery.silence import Watcher
    from sensor.destinations import AnyDestination, Secret
    from sensor.settings import Settings

ToOption = Annotated[
    list[str] | None,
    typer.Option("--to", metavar="NAME", help="Only this destination; repeatable.", show_default="all"),
]


def chosen(settings: Settings, names: list[str] | None, receives: str) -> tuple[AnyDestination, ...]:
    """The destinations named, else all that receive `reports` or `alerts`. Raises UsageError."""
    import difflib

    from sensor.errors import UsageError

    known = {destination.name: destination for destination in settings.destinations}
    for name in names or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known) or 'none'}"
            raise UsageError("no such destination in the settings", place=name, hint=hint)
    picked = tuple(d for d in known.values() if (d.name in names if names else getattr(d, receives)))
    if not picked:
        raise UsageError(
            f"no destination receives {receives}", hint="add [[destinations]]; docs/settings.md shows one"
        )
    return picked


def watchers(settings: Settings) -> list[Watcher]:
    """The sensors of the settings, declared when the settings file was last changed."""
    from datetime import UTC, datetime

    from analytics.delivery.silence import Watcher

    if settings.file is None:
        return []
    changed = datetime.fromtimestamp(settings.file.stat().st_mtime, UTC)
    return [Watcher(sensor.name, sensor.site, sensor.cadence_s, changed) for sensor in settings.sensors]


def transports(settings: Settings, destinations: Iterable[AnyDestination]) -> dict[str, Transport]:
    """The transport of each destination, by name. Where a secret cannot be read, its letters wait: one wrong
    file must not silence all other destinations."""
    from analytics.delivery.letter import Unusable
    from sensor.errors import UsageError

    found: dict[str, Transport] = {}
    for destination in destinations:
        try:
            found[destination.name] = _transport(settings, destination)
        except UsageError as error:
            found[destination.name] = Unusable(str(error))
    return found


def _transport(settings: Settings, to: AnyDestination) -> Transport:
    from importlib.metadata import version

    from analytics.delivery.folder import Folder
    from analytics.delivery.smtp import Smtp
    from analytics.delivery.syslog import Syslog
    from analytics.delivery.webhook import Webhook

    authority = settings.base / to.authority if to.authority else None
    match to.kind:
        case "smtp":
            password = _secret(settings, to.name, to.password)
            return Smtp(to.host, to.sender, to.recipients, to.port, to.tls, to.account, password, authority)
        case "folder":
            return Folder(settings.base / to.path)
        case "webhook":
            secret = _secret(settings, to.name, to.secret)
            return Webhook(to.url, secret, authority, to.attachments)
        case "syslog":
            return Syslog(
                to.host, to.port, to.transport, to.style, authority=authority,
                version=version("shadow-ai-sensor"),
            )  # fmt: skip


def _secret(settings: Settings, name: str, secret: Secret | None) -> str | None:
    from sensor.errors import UsageError

    if secret is None:
        return None
    place = f"destinations.{name}"
    if secret.env is not None:
        if not (value := os.environ.get(secret.env)):
            raise UsageError(f"{secret.env} is not set", place=place, hint="set the variable")
        return value
    path = settings.base / (secret.file or Path())
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        hint = "check the path and who may read it"
        raise UsageError(f"{path}: {reason_of(error)}", place=place, hint=hint) from None
    if not value:
        raise UsageError(f"{path} is empty", place=place, hint="write the secret into it")
    return value


@contextmanager
def outbox(settings: Settings) -> Iterator[Outbox]:
    """The outbox of the state folder, locked for the block. Raises DeliveryError."""
    from analytics.delivery.outbox import Outbox, OutboxBusy
    from sensor.errors import DeliveryError
    from sensor.settings import state_path

    box = Outbox(state_path(settings) / "outbox")
    try:
        with box.locked():
            yield box
    except OutboxBusy:
        raise DeliveryError("another process is sending", hint="try again when it is done") from None
    except OSError as error:  # from the outbox itself; errors of transports are part of their outcomes
        raise DeliveryError(
            reason_of(error),
            place=error.filename or str(box.folder),
            hint="make room there and run it again; what was not written down as sent is sent again",
        ) from None


def send(
    box: Outbox, settings: Settings, ways: Mapping[str, Transport], now: datetime, *, early: bool = False
) -> None:
    """Send the letters that are due, or all that wait (`early`), by `ways`, and print the outcome.

    Raises DeliveryError if anything was not sent.
    """
    from sensor.errors import DeliveryError

    outcomes = [
        *box.abandon({d.name for d in settings.destinations}, now),
        *box.flush(ways, now, early=early),
    ]
    for outcome in outcomes:
        if outcome.result == "sent":
            typer.echo(f"{outcome.destination}: sent '{outcome.subject}'")
    failed = [outcome for outcome in outcomes if outcome.result != "sent"]
    if failed:
        lines = [f"{o.destination}: '{o.subject}' {_NOT_SENT[o.result]}: {o.reason}" for o in failed]
        hint = "it is tried again by the next `shadowai alert` or `shadowai report send`, for three days"
        waits = any(outcome.result == "waiting" for outcome in failed)
        raise DeliveryError("\n".join(lines), hint=hint if waits else "correct the setting, then --again")


_NOT_SENT = {"waiting": "was not sent and waits", "given up": "was given up"}
