"""`shadowai audit`: shows what was done with personal data, and verifies that the record is complete."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from sensor.cli.options import ConfigOption, LakeOption, StateOption, analysing, say, settings_from

app = typer.Typer(help="The record of reveals, erasures, exports and deletions.", no_args_is_help=True)


@app.command("show")
def show(
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    last: Annotated[int, typer.Option(min=1, metavar="N", help="Number of entries.")] = 50,
) -> None:
    """The newest entries, oldest first."""
    from sensor.privacy.audit import AuditLog

    for entry in AuditLog(_places(config, lake, state)[1]).entries()[-last:]:
        counts = [
            f"{count} {one if count == 1 else more}"
            for count, one, more in (
                (entry.people, "token", "tokens"),
                (entry.deleted_rows, "row deleted", "rows deleted"),
                (entry.deleted_files, "file", "files"),
            )
            if count is not None
        ]
        words = [entry.case_id or "", entry.done_by, ", ".join(counts), entry.reason or "", entry.hash[:12]]
        typer.echo("\t".join([str(entry.entry), entry.done_at, entry.action, *words]))


@app.command("verify")
def verify(
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HASH",
            help="A hash kept elsewhere (a report's page, the system's log), or its beginning.",
        ),
    ] = None,
) -> None:
    """Check the chain, and compare it with the copies in the lake. Exit code 5 if anything was changed."""
    from sensor.privacy.audit import AuditLog

    place, folder = _places(config, lake, state)
    log = AuditLog(folder)
    copies = copies_in(place)
    problems = log.verify(copies, witness or ())
    for problem in problems:
        say(problem)
    if problems:
        raise typer.Exit(5)
    for case_id, account in log.one_account().items():
        said = f"case {case_id} was asked for and approved from one account ({account})"
        say(f"{said}: nothing shows that they were two people")
    entries = log.entries()
    newest = entries[-1].hash if entries else "none"
    count = f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}"
    typer.echo(f"{count}, chain whole, {len(copies)} also in the lake; newest hash {newest}")


def _places(config: Path | None, lake: Path | None, state: Path | None) -> tuple[Path, Path]:
    from sensor.settings import lake_path, state_path

    settings = settings_from(config, lake=lake, state=state)
    place = lake_path(settings)
    return place, state_path(settings)


def copies_in(lake: Path) -> dict[int, list[str]]:
    """The hashes of entries that the lake holds: in its table `audit`, and in archived reports."""
    from analytics.lake import open_views
    from analytics.reports.write import kept_rows
    from sensor.store.lake import Lake

    found: dict[int, list[str]] = defaultdict(list)
    if (lake / "open.duckdb").exists():
        with analysing(Lake(lake)), open_views(lake) as views:
            for entry, digest in views.execute("SELECT entry, hash FROM audit").fetchall():
                found[entry].append(digest)
    for row in kept_rows(lake, "weekly", "privacy_log"):
        found[row["entry"]].append(row["hash"])
    return dict(found)
