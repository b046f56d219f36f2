"""`shadowai decide`: records a decision about one or more findings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensor.cli.options import (
    ConfigOption,
    LakeOption,
    analysing,
    check_release,
    existing_lake,
    settings_from,
)

if TYPE_CHECKING:
    from sensor.store.lake import Lake


class Decision(StrEnum):
    """The possible decisions about a finding."""

    ACCEPT = "accept"
    RESTRICT = "restrict"
    RESOLVE = "resolve"


def command(
    findings: Annotated[
        list[str],
        typer.Argument(
            metavar="FINDING", help="Ids, as the report shows them (`shadowai sql 'FROM findings'`)."
        ),
    ],
    decision: Annotated[
        Decision,
        typer.Argument(metavar="DECISION", help="accept the risk, restrict the use, or mark it resolved."),
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the decision.")
    ] = "",
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="Who decides.", show_default="account")
    ] = "",
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Last day it holds, like 2027-03-31; accept needs one, resolve takes none.",
        ),
    ] = None,
    lake: LakeOption = None,
    config: ConfigOption = None,
) -> None:
    """Record a decision about one or more findings.

    Recording the same decision twice makes one entry. If one of the findings is unknown, nothing is recorded.

    An accepted finding is open again after --until, a resolved or restricted one when it is seen in a
    later week, a restricted one not before --until. Nothing is ever changed or deleted: the latest
    decision counts.
    """
    import polars as pl

    from analytics.refresh import refresh
    from sensor import schema
    from sensor.account import account
    from sensor.store.segments import Commits

    settings = settings_from(config, lake=lake)
    place = existing_lake(settings)
    known = {finding: _known(place, finding) for finding in findings}
    now = datetime.now(UTC)
    _check(decision, reason, until)
    end = None if until is None else _end_of(until, settings.zone, now)
    stated: dict[str, Any] = {
        "decision": decision.value,
        "valid_until": end.isoformat() if end else None,
        "reason": reason.strip(),
        "decided_by": by.strip() or account(),
    }
    with analysing(place):
        check_release(place)  # before anything is on record
        for finding, last_seen in known.items():
            about = {"finding": finding, **stated}
            latest, before = _latest(place, finding)
            if latest == _identity(about, last_seen, before):
                typer.echo(f"{finding}: already decided like that")
                continue
            identity = _identity(about, last_seen, latest)
            row = {**about, "valid_until": end, "decision_id": identity, "decided_at": now}
            rows = schema.DECISIONS.conform(
                pl.DataFrame([row], schema_overrides={"valid_until": schema.TIME})
            )
            Commits(place, f"decision-{identity}").commit(0, 0, {"decisions": rows})
            last = f" until {until:%Y-%m-%d}" if until else ""
            typer.echo(f"{finding}: {decision.value}{last}, by {stated['decided_by']}")
        refresh(place.path, zone=settings.zone, k=settings.k)


def _check(decision: Decision, reason: str, until: datetime | None) -> None:
    """Raises UsageError for a decision without a reason, or that lacks a date or has one in vain."""
    from sensor.errors import UsageError

    if not reason.strip():
        raise UsageError("a decision needs a reason", place="--reason", hint='--reason "pilot with legal"')
    if decision is Decision.ACCEPT and until is None:
        raise UsageError("a risk is accepted only until a date", place="--until", hint="--until 2027-03-31")
    if decision is Decision.RESOLVE and until is not None:
        hint = "it is open again when it is seen in a later week"
        raise UsageError("what is resolved needs no date", place="--until", hint=hint)


def _identity(stated: dict[str, Any], last_seen: str, before: str | None) -> str:
    """The id of a decision, from its words, the week the finding was last seen in, and the previous decision.

    So the same words are a new decision if the finding has returned, or was decided differently in between.
    """
    import hashlib
    import json

    text = json.dumps({**stated, "last_seen": last_seen, "before": before}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _end_of(day: datetime, zone: str, now: datetime) -> datetime:
    """The last second of `day` in time zone `zone`. Raises UsageError if that is past."""
    from zoneinfo import ZoneInfo

    from sensor.errors import UsageError

    try:
        midnight = (day + timedelta(days=1)).replace(tzinfo=ZoneInfo(zone))
    except OverflowError:
        raise UsageError(f"{day:%Y-%m-%d} never ends", place="--until", hint="name an earlier day") from None
    end = midnight.astimezone(UTC) - timedelta(seconds=1)
    if end < now:
        raise UsageError(f"{day:%Y-%m-%d} is past", place="--until", hint="name a future day")
    return end


def _known(lake: Lake, finding: str) -> str:
    """The week the finding was last seen in. Raises UsageError if there is no such finding."""
    from analytics.lake import open_views
    from sensor.errors import UsageError

    with analysing(lake), open_views(lake.path) as views:
        row = views.execute("SELECT last_seen FROM findings WHERE finding = ?", [finding]).fetchone()
        if row is None:
            near = views.execute(
                "SELECT finding FROM findings WHERE starts_with(finding, ?) ORDER BY finding LIMIT 1",
                [finding[:4]],
            ).fetchone()
            hint = (
                f"did you mean {near[0]}?"
                if near
                else "shadowai sql 'SELECT finding, title, service FROM findings'"
            )
            raise UsageError(f"no finding {finding!r}", hint=hint)
    return str(row[0])


def _latest(lake: Lake, finding: str) -> tuple[str | None, str | None]:
    """Ids of the decision about the finding that counts, and of the one before it."""
    from analytics.lake import open_views

    with open_views(lake.path) as views:
        rows = views.execute(
            "SELECT decision_id FROM decisions WHERE finding = ? "
            "ORDER BY decided_at DESC, decision_id LIMIT 2",
            [finding],
        ).fetchall()
    latest, before, *_ = [*(row[0] for row in rows), None, None]
    return latest, before
