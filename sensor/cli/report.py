"""`shadowai report`: the weekly page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensor.cli.options import (
    AsOfOption,
    ConfigOption,
    LakeOption,
    analysing,
    existing_lake,
    settings_from,
)


def command(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to write.")] = Path(
        "weekly-report.html"
    ),
    week: Annotated[
        str | None, typer.Option(help="ISO week such as 2026-W46.", show_default="newest")
    ] = None,
    as_of: AsOfOption = None,
    lake: LakeOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the weekly report, one HTML page."""
    from analytics.report import weekly
    from sensor.errors import UsageError

    place = existing_lake(settings_from(config, lake=lake))
    try:
        with analysing(place):
            weekly(place.path, out, week=week, as_of=as_of)
    except ValueError as error:
        raise UsageError(str(error), hint="shadowai report --week 2026-W46") from None
    except OSError as error:
        raise UsageError(
            error.strerror or str(error), place=str(out), hint="name a file with --out"
        ) from None
    typer.echo(str(out))
