"""`shadowai who`: explains to whom an address is attributed at a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.options import (
    ConfigOption,
    LakeOption,
    StateOption,
    analysing,
    existing_lake,
    keys_of,
    settings_from,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sensor.settings import Settings

_TOKEN = re.compile(r"a\d+-[a-z2-7]{16}")


def command(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="An address, or its token.")],
    at: Annotated[
        str,
        typer.Option(
            "--at", metavar="TIME", help="Such as 2026-11-17T10:00; without offset in the reports' time zone."
        ),
    ],
    site: Annotated[
        str | None,
        typer.Option(metavar="SITE", help="Where the address is valid.", show_default="all"),
    ] = None,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Explain to whom an address is attributed at a time.

    Lists all leases of the address then, and of others of the same machine, which one decides, and why the
    others do not. This is entered in the audit log.
    """
    from zoneinfo import ZoneInfo

    from analytics.who import ask, sites
    from sensor.errors import UsageError
    from sensor.privacy.audit import AuditLog
    from sensor.settings import state_path
    from sensor.store.lake import log_access

    settings = settings_from(config, lake=lake, state=state)
    place = existing_lake(settings)
    folder = state_path(settings)
    moment = _moment(at, settings.zone)
    keys_of(settings, place)  # with other keys, the token would match nothing
    with analysing(place):
        known = sites(place.path)
        if site and site not in known:
            raise UsageError(f"no site '{site}' in the lake", place="--site", hint=", ".join(known))
        asked = {one: _written(address, one, moment, settings, folder) for one in ([site] if site else known)}
        AuditLog(folder).append("who", now=datetime.now(UTC), people=len(asked))
        for one, written in asked.items():
            log_access(place.path, query=f"who {written} --site {one} --at {moment.isoformat()}")
        answers = [ask(place.path, one, written, moment) for one, written in asked.items()]
    telling = [answer for answer in answers if answer.leases or answer.attributed_by != "nobody"] or answers
    for answer in telling:
        for line in answer.lines(ZoneInfo(settings.zone)):
            typer.echo(line)
    if settings.privacy == "pseudonymous" and any(answer.leases for answer in telling):
        typer.echo("names: shadowai reveal request TOKEN --reason … --as NAME", err=True)


def _moment(text: str, zone: str) -> datetime:
    from zoneinfo import ZoneInfo

    from sensor.errors import UsageError

    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is not a time", place="--at", hint="such as 2026-11-17T10:00") from None


def _written(address: str, site: str, moment: datetime, settings: Settings, state: Path) -> str:
    """The address as it is in the lake: its token at that time. Raises UsageError."""
    import polars as pl

    from sensor import schema
    from sensor.errors import UsageError
    from sensor.identity.scope import parse_address
    from sensor.privacy.keys import Keys
    from sensor.privacy.pseudonyms import token

    if _TOKEN.fullmatch(address):
        return address
    parsed = parse_address(address)
    if parsed is None:
        raise UsageError(
            f"{address!r} is neither an address nor a token of one", hint="write it like 10.1.2.3"
        )
    if settings.privacy == "aggregate":
        raise UsageError("level aggregate keeps nobody's rows", hint="nothing can be asked about an address")
    if settings.privacy == "clear":
        return str(parsed)
    keys = Keys(state, settings.zone, settings.privacy)
    (epoch,) = keys.epochs_in(pl.Series([moment], dtype=schema.TIME))
    if epoch not in {held.number for held in keys.epochs() if held.shredded_at is None}:
        raise UsageError(f"no key of {moment:%Y-%m-%d}", place=str(state), hint="shredded, or never made")
    return token(keys.of(epoch), epoch, f"site:{site}", "address", str(parsed))
