"""`shadowai erase`: an erasure request. Rows are hidden at once, then deleted; what it cannot reach is
listed."""

from __future__ import annotations

import secrets
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
    names_of,
    say,
    settings_from,
)

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from analytics.subject import Times
    from sensor.cli.deletion import Deletion
    from sensor.privacy.keys import Keys
    from sensor.privacy.subject import Subject
    from sensor.settings import Settings
    from sensor.store.lake import Lake
    from sensor.store.purge import Deleted, Rule
    from sensor.store.sealed import SealedRows


def command(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Account name, as the logs write it.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Printed in the weekly report: name nobody.")],
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    now: Annotated[
        bool, typer.Option("--now", help="Close the current hour first; only where no remote sensor writes.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete every row about one person. Published figures of past weeks, which are about groups, stay."""
    from sensor.cli.compact import compact_and_publish
    from sensor.cli.deletion import Deletion, ask
    from sensor.privacy import rotation
    from sensor.privacy.audit import AuditLog
    from sensor.privacy.counting import Counting
    from sensor.privacy.reveal import Reveals
    from sensor.privacy.subject import Subject
    from sensor.privacy.vault import Vault
    from sensor.settings import state_path

    settings = settings_from(config, lake=lake, state=state)
    place = existing_lake(settings)
    folder = state_path(settings)
    keys = keys_of(settings, place)
    names = names_of(settings)(person)
    subject = Subject.of(names, keys, settings.privacy)
    AuditLog(folder).check()
    if not yes:
        ask(f"Delete every row about {person}?")
    moment, case = datetime.now(UTC), secrets.token_hex(4)
    sealed = _unseal_without(settings, folder, keys, subject, moment)
    compact_and_publish(place, settings, include_current=now)
    when = _times(place, subject)
    _hide(place, subject, case, moment)
    about = {"case_id": case, "reason": reason, "people": len(subject.tokens)}
    with Deletion.of(folder, "erase", now=moment, **about) as deletion:
        typer.echo(deletion.record(files=_delete(place, settings, subject, when, deletion)))
    if counted := Counting(folder, keys).forget(names):
        typer.echo(f"taken out of the counts of {counted} weeks")
    if leases := rotation.forget(folder / rotation.FOLDER, keys, names, when.things, moment):
        typer.echo(
            f"{leases} leases that would go on in the next epoch taken out of the state folder, and out of "
            "what is running"
        )
    if settings.privacy == "aggregate":
        typer.echo(f"{sealed} sealed rows of the running week deleted")
    if settings.privacy == "pseudonymous":
        tokens = [*subject.tokens, *when.things]
        forgotten = Vault(folder, keys).forget(tokens)
        cases = Reveals(folder, keys, moment).forget(tokens)
        typer.echo(f"{forgotten} records taken out of the vault, and out of {cases} cases of reveal")
    if not deletion.gone and not sealed:
        say(f"found no row about {person!r}; name the account as the logs write it")
    for line in _not_reached(place, settings, subject):
        typer.echo(line)


def _times(lake: Lake, subject: Subject) -> Times:
    """Which addresses the person held and when, and the person's devices."""
    from analytics.subject import times

    with analysing(lake):
        return times(lake.path, subject.tokens)


def _unseal_without(settings: Settings, state: Path, keys: Keys, subject: Subject, now: datetime) -> int:
    """At level `aggregate`: deletes the person's sealed rows of the running week; returns their number."""
    from sensor.ingest.installation import sealed_rows

    sealed = sealed_rows(settings, state, keys)
    if sealed is None:
        return 0
    rules = sealed_rules(sealed, subject)
    return sealed.without({name: rule.doomed for name, rule in rules.items()}, now)


def sealed_rules(sealed: SealedRows, subject: Subject) -> dict[str, Rule]:
    """Conditions for the person's rows among the sealed ones, by table name."""
    from analytics.counting.frames import store_frame
    from analytics.lake import connect
    from analytics.subject import times_in

    with connect() as connection:
        connection.execute("CREATE SCHEMA lake")
        for name in ("leases", "directory"):
            store_frame(connection, f"sealed_{name}", sealed.rows(name))
            connection.execute(f"CREATE VIEW lake.{name} AS FROM sealed_{name}")
        return _rules(subject, times_in(connection, subject.tokens, "lake.leases"))


def _hide(lake: Lake, subject: Subject, case: str, now: datetime) -> None:
    import polars as pl

    from sensor.privacy.subject import erasures
    from sensor.schema import TIME
    from sensor.store.segments import Commits

    rows = erasures(subject, pl.lit(now, dtype=TIME))
    Commits(lake, f"erasure-{case}").commit(0, 0, {"erasures": rows})


def _delete(lake: Lake, settings: Settings, subject: Subject, times: Times, deletion: Deletion) -> int:
    """Delete the person's rows; returns how many files were deleted."""
    from analytics import forget
    from analytics.refresh import refresh
    from sensor.cli.deletion import days_of, monday_of
    from sensor.store import purge

    monday = monday_of(settings.zone, deletion.now)

    def keep_figures(gone: list[Deleted]) -> None:
        deletion.announce(gone)
        with analysing(lake):
            kept = days_of(gone, "sightings")
            forget.keep_figures(lake.path, zone=settings.zone, sightings=kept, before=monday)

    gone = purge.purge(lake, _rules(subject, times), now=deletion.now, before=keep_figures)
    with analysing(lake):
        marts = forget.erase(lake.path, subject.tokens, times, before=monday, announce=deletion.announce)
        refresh(lake.path, zone=settings.zone, k=settings.k)
        forget.remove(lake.path, marts)
    return purge.remove(lake, gone, now=datetime.now(UTC)) + len(marts)


def _rules(subject: Subject, times: Times) -> dict[str, Rule]:
    import polars as pl

    from sensor import schema
    from sensor.privacy.subject import during
    from sensor.store.purge import Rule

    types = {name: schema.LEASES.dtypes[name] for name in ("site", "address", "valid_from", "valid_to")}
    held = pl.DataFrame(list(times.held), schema=types, orient="row")

    def seen(frame: pl.DataFrame) -> pl.Series:
        return subject.rows_of(frame, held, times.things)

    # Rows about what others did at a machine of this person are kept, without the machine's name and address.
    served = Rule(seen, emptied=lambda frame: during(frame, "server", held), columns=("server", "host"))
    return {
        "sightings": served,
        "restated": Rule(seen),
        "names_by_client": Rule(seen),
        "leases": Rule(lambda frame: subject.leases_of(frame, times.things)),
        "directory": Rule(subject.named),
        "counting": Rule(subject.named),
    }


def _not_reached(lake: Lake, settings: Settings, subject: Subject) -> list[str]:
    """Texts about what was not deleted."""
    from sensor.store import purge

    lines = []
    if purge.leaves_some(lake):
        lines.append("not reached: rows of the open hour, hidden; run it again after the hour")
    if subject.shredded:
        numbers = ", ".join(str(epoch) for epoch in subject.shredded)
        lines.append(f"not reached: epochs {numbers}, whose keys were shredded; nobody can link those rows")
    if subject.missing:
        names = ", ".join(subject.missing)
        lines.append(f"not reached: rows made with the missing {names}; restore it, and run it again")
    if settings.privacy == "aggregate":
        lines.append(
            "not reached: sealed rows of weeks that are over; they go with their key when the week is closed"
        )
        lines.append("not reached: rows of logs read again while the week runs are counted; run erase again")
        return [*lines, "not reached: the logs and captures themselves, reports, exports and backups"]
    lines.append(
        "not reached: the logs and captures themselves, reports, exports, shipped copies and backups"
    )
    lines.append(
        "reading the same logs, or a people file that names them, brings rows back: they stay hidden; run "
        "erase again to delete them"
    )
    return lines
