"""`shadowai keys`: make, rotate, shred and list the keys that make tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from sensor.cli.options import ConfigOption, LakeOption, StateOption, say, settings_from

if TYPE_CHECKING:
    from pathlib import Path

    from sensor.privacy.keys import Epoch, Keys

#: the name of the count-only key for `shred`
COUNT = "count"
_COUNT_LINE = "count-only key: held; accounts read from now on are counted over months, quarters and years"

app = typer.Typer(help="Manage the keys behind the tokens.", no_args_is_help=True)


@app.command("init")
def init(
    count: Annotated[
        bool,
        typer.Option(
            "--count",
            help="Make the count-only key instead: people can then be counted over more than an epoch, "
            "and whoever holds the key can try out names (docs/privacy.md).",
        ),
    ] = False,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Make the key of this epoch now, if there is none; a scan does so automatically."""
    import polars as pl

    from sensor.privacy.audit import AuditLog

    keys, folder, zone = _keys(config, lake, state, makes=True)
    if count:
        if keys.count() is None:
            AuditLog(folder).check()
            keys.make_count()
            AuditLog(folder).append("keys.count", now=datetime.now(UTC))
        typer.echo(_COUNT_LINE)
        return
    (epoch,) = keys.epochs_in(pl.Series([datetime.now(UTC)]))
    keys.of(epoch)
    _print([one for one in keys.epochs() if one.number == epoch], zone)


@app.command("rotate")
def rotate(lake: LakeOption = None, state: StateOption = None, config: ConfigOption = None) -> None:
    """Let a new epoch begin next Monday: from then on all tokens are new. Nothing before it changes."""
    from sensor.privacy.audit import AuditLog

    keys, folder, zone = _keys(config, lake, state, makes=True)
    now = datetime.now(UTC)
    AuditLog(folder).check()
    epoch = keys.rotate(now)
    AuditLog(folder).append("keys.rotate", now=now, case_id=str(epoch.number))
    _print([epoch], zone)


@app.command("shred")
def shred(
    epoch: Annotated[
        str,
        typer.Argument(
            metavar="EPOCH", help="Number of the epoch, see `shadowai keys list`; or `count`, for that key."
        ),
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Printed in the weekly report.")],
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Destroy a key: its tokens can never be linked or resolved again, and its weeks take no more rows."""
    import shutil

    from sensor.cli.deletion import ask
    from sensor.errors import UsageError
    from sensor.privacy.audit import AuditLog

    keys, folder, zone = _keys(config, lake, state)
    found = {str(one.number): one for one in keys.epochs() if keys.holds(one.number)}
    if epoch not in found and not (epoch == COUNT and keys.count()):
        raise UsageError(f"no key of epoch {epoch}", hint="shadowai keys list")
    what = "the count-only key" if epoch == COUNT else f"the key of {_line(found[epoch], zone)}"
    now = datetime.now(UTC)
    if epoch in found and found[epoch].begin <= now < found[epoch].end:
        typer.echo(f"epoch {epoch} is running: what is read of it is set aside from now on", err=True)
    if not yes:
        ask(f"Destroy {what}?")
    AuditLog(folder).append("keys.shred", now=now, case_id=epoch, reason=reason)
    if epoch == COUNT:
        keys.shred_count()
        shutil.rmtree(folder / "count", ignore_errors=True)
        typer.echo("what was counted by it leaves the lake with the next compaction")
    else:
        keys.shred(int(epoch), now)
    typer.echo(f"shredded; backups of {folder / 'keys'} must go, too")


@app.command("list")
def list_(lake: LakeOption = None, state: StateOption = None, config: ConfigOption = None) -> None:
    """Epochs with a key, or whose key was shredded."""
    keys, _, zone = _keys(config, lake, state)
    _print(keys.epochs(), zone)
    if keys.count():
        typer.echo(_COUNT_LINE)
    for problem in keys.problems():
        say(problem)


def _keys(
    config: Path | None, lake: Path | None, state: Path | None, *, makes: bool = False
) -> tuple[Keys, Path, ZoneInfo]:
    """The keys, their state folder and the report zone. One that `makes` keys must have those of the lake."""
    from sensor.privacy.keys import Keys
    from sensor.settings import lake_path, state_path
    from sensor.store.lake import Lake

    settings = settings_from(config, lake=lake, state=state)
    folder = state_path(settings)
    keys = Keys(folder, settings.zone, settings.privacy)
    if makes:
        place = lake_path(settings)
        keys.check(Lake(place).key_prints(), place)
    return keys, folder, ZoneInfo(settings.zone)


def _print(epochs: list[Epoch], zone: ZoneInfo) -> None:
    for epoch in epochs:
        typer.echo(_line(epoch, zone))
    if not epochs:
        typer.echo("no key yet; `shadowai keys init`, or the first scan, makes one")


def _line(epoch: Epoch, zone: ZoneInfo) -> str:
    last = epoch.end.astimezone(zone) - timedelta(days=1)
    text = f"epoch {epoch.number}: {epoch.begin.astimezone(zone):%Y-%m-%d} to {last:%Y-%m-%d}, {zone}"
    return text + (f", shredded {epoch.shredded_at:%Y-%m-%d %H:%M} UTC" if epoch.shredded_at else "")
