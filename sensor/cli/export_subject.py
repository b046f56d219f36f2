"""`shadowai export-subject`: an access request. Writes everything the lake has about one person to a
folder."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from sensor.errors import reason_of

if TYPE_CHECKING:
    from analytics.definitions import Mart, View
    from sensor.privacy.subject import Subject
    from sensor.store.lake import Lake
    from sensor.store.sealed import SealedRows

#: Rows `s` with the person's account; or without an account, but with an address they held then, or their
#: device.
_HELD = """EXISTS (
        SELECT 1 FROM theirs AS h
        WHERE h.site = s.site AND h.address = s.{column}
          AND h.valid_from <= s.seen_at AND (h.valid_to IS NULL OR s.seen_at < h.valid_to))"""
_THEIRS = f"list_contains($tokens, s.user_name) OR (s.user_name IS NULL AND {_HELD.format(column='client')})"
_OWN = f"{_THEIRS} OR (s.user_name IS NULL AND list_contains($things, s.device))"
#: Rows about what others did at a machine of this person, without naming them.
_AT_THEIRS = f"""
SELECT * EXCLUDE (client, client_port, client_mac, user_name, device, connection, event_id, user_agent, ja4,
                  segment)
FROM sightings AS s WHERE {_HELD.format(column="server")} AND NOT COALESCE({_OWN}, false) ORDER BY seen_at"""
#: table → which rows are the person's; `theirs` says when an address was
_ROWS = {
    "leases": "SELECT * FROM leases WHERE list_contains($tokens, user_name) "
    "OR (user_name IS NULL AND (list_contains($things, device) OR list_contains($things, mac))) "
    "ORDER BY valid_from, site, address",
    "directory": "SELECT * FROM directory WHERE list_contains($tokens, user_name) ORDER BY valid_from",
    "counting": "SELECT * FROM stored.counting WHERE list_contains($tokens, user_name)",
    "usage_hourly": "SELECT * FROM usage_hourly WHERE list_contains($tokens, subject) ORDER BY hour, app",
    "named_daily": "SELECT * FROM stored.named_daily WHERE list_contains($tokens, subject)",
    "not_use_hourly": "SELECT * FROM stored.not_use_hourly WHERE list_contains($tokens, subject)",
    "ai_servers_daily": "SELECT * FROM stored.ai_servers_daily WHERE list_contains($tokens, subject)",
    "rhythm_daily": "SELECT * FROM stored.rhythm_daily WHERE list_contains($tokens, subject)",
    "model_pulls_daily": "SELECT * FROM stored.model_pulls_daily WHERE list_contains($tokens, subject)",
    "finding_evidence": "SELECT * FROM stored.finding_evidence WHERE list_contains($tokens, subject)",
    "exception_people": "SELECT * FROM stored.exception_people WHERE list_contains($tokens, subject)",
    "sightings": f"SELECT * FROM sightings AS s WHERE {_OWN} ORDER BY seen_at, event_id",
    "at_their_machines": _AT_THEIRS,
    "restated": f"SELECT * FROM restated AS s WHERE {_THEIRS} ORDER BY seen_at, event_id",
    "names_by_client": f"SELECT * FROM names_by_client AS s WHERE {_OWN} ORDER BY seen_at, event_id",
}


class Format(StrEnum):
    """How the rows are written."""

    JSON = "json"
    CSV = "csv"


def command(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Account name, as the logs write it.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="New folder for the files.")],
    form: Annotated[Format, typer.Option("--format", help="json: one file; csv: one a table.")] = Format.JSON,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Write everything the lake has about one person.

    Covers all epochs whose key is held.
    """
    from sensor.ingest.installation import sealed_rows
    from sensor.privacy.audit import AuditLog
    from sensor.privacy.subject import Subject
    from sensor.settings import state_path

    settings = settings_from(config, lake=lake, state=state)
    place = existing_lake(settings)
    folder = state_path(settings)
    keys = keys_of(settings, place)
    subject = Subject.of(names_of(settings)(person), keys, settings.privacy)
    tables = _tables(place, subject)
    if sealed := sealed_rows(settings, folder, keys):
        tables |= _sealed(sealed, subject)
    AuditLog(folder).append("export", now=datetime.now(UTC), people=len(subject.tokens))
    about = {
        "person": person,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "level": settings.privacy,
        "tokens": list(subject.tokens),
        "epochs_without_a_key": list(subject.shredded),
        "not_included": "published figures of groups; the logs and captures these rows were made from",
        "meaning": _meaning(tables),
    }
    _write(out, form, about, tables)
    counts = ", ".join(f"{len(rows):,} {name}" for name, rows in tables.items())
    typer.echo(f"{out}: {counts}")
    if not any(tables.values()):
        say(f"the lake has no row about {person!r}; name the account as the logs write it")
    if subject.missing:
        names = ", ".join(subject.missing)
        say(f"rows made with the missing {names} are not in it; restore it")
    if subject.shredded:
        numbers = ", ".join(str(epoch) for epoch in subject.shredded)
        say(f"epochs {numbers} are missing: their keys were shredded, nobody can link those rows")


def _tables(lake: Lake, subject: Subject) -> dict[str, list[dict[str, Any]]]:
    from analytics.lake import open_views
    from analytics.subject import times_in

    found = {}
    with analysing(lake), open_views(lake.path, restricted=True) as views:
        times = times_in(views, subject.tokens)
        views.execute(
            "CREATE TEMP TABLE theirs "
            "(site VARCHAR, address VARCHAR, valid_from TIMESTAMPTZ, valid_to TIMESTAMPTZ)"
        )
        if times.held:
            views.executemany("INSERT INTO theirs VALUES (?, ?, ?, ?)", times.held)
        about = {"tokens": list(subject.tokens), "things": list(times.things)}
        for name, sql in _ROWS.items():
            cursor = views.execute(sql, {key: value for key, value in about.items() if f"${key}" in sql})
            columns = [column[0] for column in cursor.description or ()]
            found[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return found


def _sealed(sealed: SealedRows, subject: Subject) -> dict[str, list[dict[str, Any]]]:
    """At level `aggregate`: the rows that are kept sealed outside the lake until their week is closed."""
    from sensor.cli.erase import sealed_rules

    found = {}
    for name, rule in sealed_rules(sealed, subject).items():
        rows = sealed.rows(name)
        found[name] = rows.filter(rule.doomed(rows)).to_dicts()
    return found


def _meaning(tables: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, str]]:
    """The meaning of each table with rows (under the table's name) and of its fields."""
    from analytics.definitions import load_marts, load_views

    known: dict[str, Mart | View] = {mart.name: mart for mart in load_marts()}
    known |= {view.name: view for view in load_views()}
    found = {}
    for name, rows in tables.items():
        about = known.get({"at_their_machines": "sightings"}.get(name, name))
        if rows and about:
            columns = {field: about.columns[field].meaning for field in rows[0] if field in about.columns}
            found[name] = {name: f"a row is {about.row}", **columns}
    return found


def _write(out: Path, form: Format, about: dict[str, Any], tables: dict[str, list[dict[str, Any]]]) -> None:
    """Write the files into the new folder `out`, which only its owner can open. Raises UsageError."""
    from sensor.errors import UsageError

    try:
        out.mkdir(parents=True, mode=0o700)
        whole = about if form is Format.CSV else about | {"tables": tables}
        _text(out / "subject.json", json.dumps(whole, indent=1, ensure_ascii=False, default=_plain) + "\n")
        for name, rows in tables.items() if form is Format.CSV else ():
            path = _text(out / f"{name}.csv", "")
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
                writer.writeheader()
                writer.writerows({key: _plain(value) for key, value in row.items()} for row in rows)
    except OSError as error:
        raise UsageError(reason_of(error), place=str(out), hint="name a new folder") from None


def _text(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value
