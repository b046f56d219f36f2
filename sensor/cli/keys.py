"""`shadowai keys`: make, rotate, shred and list the keys that make tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.options import ConfigOption, LakeOption, StateOption, settings_from

if TYPE_CHECKING:
    from pathlib import Path

    from sensor.privacy.keys import Epoch, Keys

app = typer.Typer(help="The keys behind the tokens, one an epoch of 13 weeks.", no_args_is_help=True)


@app.command("init")
def init(lake: LakeOption = None, state: StateOption = None, config: ConfigOption = None) -> None:
    """Make the key of this epoch now, where none is; a scan does it by itself."""
    import polars as pl

    keys, _ = _keys(config, lake, state)
    (epoch,) = keys.epochs_in(pl.Series([datetime.now(UTC)]))
    keys.of(epoch)
    _print([one for one in keys.epochs() if one.number == epoch])


@app.command("rotate")
def rotate(lake: LakeOption = None, state: StateOption = None, config: ConfigOption = None) -> None:
    """Let a new epoch begin next Monday: from then on all tokens are new. Nothing before it changes."""
    from sensor.privacy.audit import AuditLog

    keys, folder = _keys(config, lake, state)
    now = datetime.now(UTC)
    epoch = keys.rotate(now)
    AuditLog(folder).append("keys.rotate", now=now, case_id=str(epoch.number))
    _print([epoch])


@app.command("shred")
def shred(
    epoch: Annotated[int, typer.Argument(help="Number of the epoch, see `shadowai keys list`.")],
    reason: Annotated[str, typer.Option(help="Printed in the weekly report.")],
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Destroy a key: its tokens can never be linked or turned back again, and its weeks take no more rows."""
    from sensor.errors import UsageError
    from sensor.privacy.audit import AuditLog

    keys, folder = _keys(config, lake, state)
    found = {one.number: one for one in keys.epochs() if one.shredded_at is None}
    if epoch not in found:
        raise UsageError(f"no key of epoch {epoch}", hint="shadowai keys list")
    if not yes:
        typer.confirm(f"Destroy the key of {_line(found[epoch])}? This cannot be undone.", abort=True)
    now = datetime.now(UTC)
    AuditLog(folder).append("keys.shred", now=now, case_id=str(epoch), reason=reason)
    keys.shred(epoch, now)
    typer.echo(f"shredded; backups of {folder / 'keys'} must go, too")


@app.command("list")
def list_(lake: LakeOption = None, state: StateOption = None, config: ConfigOption = None) -> None:
    """Epochs with a key, or whose key was shredded."""
    keys, _ = _keys(config, lake, state)
    _print(keys.epochs())
    for problem in keys.problems():
        typer.echo(f"shadowai: {problem}", err=True)


def _keys(config: Path | None, lake: Path | None, state: Path | None) -> tuple[Keys, Path]:
    from sensor.privacy.keys import Keys
    from sensor.settings import lake_path, state_path

    settings = settings_from(config, lake=lake, state=state)
    folder = state_path(settings, lake_path(settings))
    return Keys(folder, settings.zone, settings.privacy), folder


def _print(epochs: list[Epoch]) -> None:
    for epoch in epochs:
        typer.echo(_line(epoch))
    if not epochs:
        typer.echo("no key yet; `shadowai keys init`, or the first scan, makes one")


def _line(epoch: Epoch) -> str:
    text = f"epoch {epoch.number}: {epoch.begin:%Y-%m-%d %H:%M} to {epoch.end:%Y-%m-%d %H:%M} UTC"
    return text + (f", shredded {epoch.shredded_at:%Y-%m-%d %H:%M}" if epoch.shredded_at else "")
