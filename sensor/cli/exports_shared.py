"""Shared by the kinds of `shadowai export`: the options, the class `Export`, and writing files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.cli.options import catalog_of

if TYPE_CHECKING:
    from sensor.catalog.load import Catalog
    from sensor.settings import Settings


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    settings: Settings
    mode: str
    status: str | None
    apps: tuple[str, ...]
    form: str
    restricted: bool
    expires: datetime | None
    as_of: datetime | None
    out: Path | None
    now: datetime  # UTC
    bare: bool = False  # a list without its comment lines

    @property
    def made_at(self) -> datetime:
        """The time the file is made for."""
        return self.as_of.replace(tzinfo=self.as_of.tzinfo or UTC) if self.as_of else self.now

    @property
    def last_day(self) -> date:
        """The last day on which a list may be used. Raises UsageError for a day in the past."""
        from sensor.errors import UsageError

        made_on = self.made_at.date()
        if self.expires is None:
            return made_on + timedelta(days=self.settings.exports.valid_days)
        if self.expires.date() < made_on:
            raise UsageError(f"{self.expires:%Y-%m-%d} is past", place="--expires", hint="name a later day")
        return self.expires.date()

    @property
    def catalog(self) -> Catalog:
        """The catalog of the settings. Raises CatalogError."""
        return catalog_of(self.settings)


@dataclass(frozen=True)
class Export:
    """A kind of file that `shadowai export` makes."""

    name: str
    title: str
    modes: tuple[str, ...]
    says: tuple[str, ...]
    options: frozenset[str]  # parameters of the command that mean something here
    write: Callable[[Asked], None]


def put(pieces: Iterable[str], out: Path | None) -> None:
    """Write text to the file `out`, completely or not at all; to standard output if it is None. Raises
    UsageError.

    A firewall may fetch the file at any moment, and must not get half a list; nor be kept from the new one:
    it has the mode of the old one, and where we may set it, its owner.
    """
    import shutil
    from contextlib import suppress

    from sensor.errors import UsageError, reason_of

    if out is None:
        sys.stdout.writelines(pieces)
        return
    special = out.exists() and not out.is_file()  # a pipe or device is written as it is
    target = out if special else Path(os.path.realpath(out))  # a link stays one
    part = target if special else target.with_name(f".{target.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(pieces)
        if not special:
            if target.exists():
                with suppress(PermissionError):
                    shutil.chown(part, target.stat().st_uid, target.stat().st_gid)
                shutil.copymode(target, part)
            part.replace(target)
    except OSError as error:
        raise UsageError(reason_of(error), place=str(out), hint="name another file") from None
    finally:
        if not special:
            part.unlink(missing_ok=True)
