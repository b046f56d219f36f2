"""`shadowai compact`: compacts closed hot parts, builds marts, publishes views; run by a timer every hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.options import (
    ConfigOption,
    LakeOption,
    PolicyOption,
    StateOption,
    analysing,
    existing_lake,
    settings_from,
)

if TYPE_CHECKING:
    from pathlib import Path

    from analytics.policy.rows import Compiled
    from sensor.errors import PolicyError
    from sensor.privacy.keys import Keys
    from sensor.settings import Settings
    from sensor.store.lake import Lake
    from sensor.store.sealed import SealedRows

#: at level `aggregate`, a past week stays open for late rows until none have come for this long
QUIET = timedelta(hours=48)


def command(
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    policy: PolicyOption = None,
    now: Annotated[
        bool, typer.Option("--now", help="Close the current hour too; only where no remote sensor writes.")
    ] = False,
    change_terms: Annotated[
        bool,
        typer.Option("--change-terms", help="Apply time zone, k and privacy of the settings to all."),
    ] = False,
) -> None:
    """Compact the lake and publish its views."""
    from sensor.store.compaction import waiting

    settings = settings_from(config, change_terms=change_terms, lake=lake, state=state, policy=policy)
    place = existing_lake(settings)
    if compact_and_publish(place, settings, include_current=now):
        later = "; what this hour brought follows when it is over, or with --now" if waiting(place) else ""
        typer.echo(f"compacted; open.duckdb and restricted.duckdb are up to date{later}")
    else:
        typer.echo("another compaction is running; nothing done")


def compact_and_publish(lake: Lake, settings: Settings, *, include_current: bool) -> bool:
    """Compaction, marts, findings, views, then what is past its grace; False if another process is at it.

    Without the keys that its tokens were made with, what takes them stays as it was published: the policy,
    people counted over weeks, the record. Raises LakeError where the state folder holds other keys, and
    PolicyError for a policy that cannot be read, after everything else was done: findings are then those of
    the policy published before.
    """
    from datetime import UTC

    from analytics.refresh import refresh
    from sensor.ingest.installation import sealed_rows
    from sensor.privacy.counting import Counting
    from sensor.privacy.keys import Keys
    from sensor.settings import state_path
    from sensor.store.compaction import SETTLE, Terms, compact, sweep
    from sensor.store.evidence import expire

    moment = datetime.now(UTC)
    state = state_path(settings)
    keys = Keys(state, settings.zone, settings.privacy)
    ours = keys.go_with(lake.key_prints(), lake.path)
    if ours:
        _copy_record(lake, state)
    terms = Terms(settings.zone, settings.k, settings.privacy, keys.prints())
    with analysing(lake):
        if not compact(lake, terms, now=moment, settle=timedelta() if include_current else SETTLE):
            return False
    policy, mistake = _policy(settings, keys) if ours else (None, None)
    sealed = sealed_rows(settings, state, keys)
    with analysing(lake):
        refresh(
            lake.path,
            zone=settings.zone,
            k=settings.k,
            unstored=sealed,
            policy=policy,
            counting=Counting(state, keys) if ours and settings.privacy == "pseudonymous" else None,
            blanks=state / "views",
        )
    if sealed is not None:
        _close_weeks(sealed, keys, moment)
    sweep(lake, now=moment)
    expire(lake.path, moment)
    if mistake is not None:
        raise mistake
    return True


def _copy_record(lake: Lake, state: Path) -> None:
    """Commit the audit log, so that the lake has a copy."""
    from sensor.privacy.audit import AuditLog
    from sensor.store.segments import Commits

    audit = AuditLog(state).frame()
    if not audit.is_empty():
        Commits(lake, "audit").commit(0, 0, {"audit": audit})


def _policy(settings: Settings, keys: Keys) -> tuple[Compiled | None, PolicyError | None]:
    """The policy of the settings, or the error that prevents its use."""
    from sensor.cli.policy import compiled_policy
    from sensor.errors import PolicyError

    try:
        return compiled_policy(settings, keys), None
    except PolicyError as error:
        return None, error


def _close_weeks(sealed: SealedRows, keys: Keys, now: datetime) -> None:
    """Close past weeks without late rows: their published figures stay, their rows and keys are deleted."""
    for week in sealed.over(now, QUIET.total_seconds()):
        keys.shred(week, now)
        sealed.delete(week)
