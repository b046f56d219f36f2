"""Options that several commands share, and how commands get settings and a lake."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sensor.catalog.load import Catalog
    from sensor.errors import UsageError
    from sensor.ingest.installation import Installation
    from sensor.privacy.counting import Counting
    from sensor.privacy.keys import Keys
    from sensor.settings import Settings
    from sensor.sources.interface import Source
    from sensor.store.lake import Lake

LakeOption = Annotated[
    Path | None,
    typer.Option(
        "--lake",
        metavar="DIR",
        help="Folder of the lake.",
        show_default="settings, else the user's data folder",
    ),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings file.", show_default="shadowai.toml")
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="Policy file.", show_default="settings"),
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state", metavar="DIR", help="Folder for keys and caches.", show_default="the user's state folder"
    ),
]
SignaturesOption = Annotated[
    list[Path] | None,
    typer.Option("--signatures", metavar="DIR", help="Folder laid over the built-in catalog; repeatable."),
]
AsOfOption = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        formats=[
            "%Y-%m-%dT%H:%M:%S.%f",
            "%Y-%m-%dT%H:%M:%S",
            "%Y-%m-%d %H:%M:%S",
            "%Y-%m-%dT%H:%M",
            "%Y-%m-%d",
        ],
        help="Use only what was in the lake at that time (UTC), like 2026-11-23T08:00:00.",
        show_default="now",
    ),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="File instead of standard output.")
]
SensorOption = Annotated[
    str | None,
    typer.Option("--sensor", metavar="NAME", help="Name of the sensor that saw or wrote what is read."),
]
SiteOption = Annotated[str | None, typer.Option("--site", metavar="SITE", help="Site of that sensor.")]
LogFormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="Read everything as this kind (`shadowai sources`); lines of other log formats go to those.",
    ),
]
CustomOption = Annotated[
    list[Path] | None,
    typer.Option("--custom", metavar="FILE", help="A log format of your own, written in TOML; repeatable."),
]


def say(line: str) -> None:
    """Print a line to stderr, with the name of the program."""
    typer.echo(f"shadowai: {line}", err=True)


def add_formats(settings: Settings, files: list[Path] | None) -> None:
    """Register the log formats described in the settings and by `--custom`. Raises UsageError."""
    from sensor.sources.logs import custom, known_formats

    for file in (*settings.formats, *(files or ())):
        known_formats.add(custom.read(file))


def check_kinds(settings: Settings) -> None:
    """Raises UsageError where the settings name a kind of input that does not exist, as its time zone would
    be ignored. Call it after `add_formats`."""
    from sensor.sources.detect import kinds_by_name

    kinds = kinds_by_name()
    named = {f"sources.{name}": name for name in settings.sources}
    named |= {f"sensors.{one.name}.source": one.source for one in settings.sensors if one.source}
    for place, name in named.items():
        if name not in kinds:
            raise _no_kind(name, kinds, f"{settings.file}: {place}")


def settings_from(config: Path | None, *, change_terms: bool = False, **options: Any) -> Settings:
    """Settings from file, environment and options. If they do not set zone, k or level, those of the lake are
    used.

    Raises UsageError if they differ from those of the lake, unless `change_terms`: figures published under
    one k must not be undermined because a scan was started from another folder.
    """
    from sensor.errors import UsageError
    from sensor.settings import lake_path, load
    from sensor.store.lake import Lake

    settings = load(config, **options)
    lake = Lake(lake_path(settings))
    made_with = lake.manifest() if lake.exists() else {}
    for name in ("zone", "k", "privacy"):
        kept, now = made_with.get(name), getattr(settings, name)
        if kept is None or kept == now or change_terms:
            continue
        if name == "privacy" and kept != "aggregate":
            continue  # a stricter level may be set at any time; "clear" must be in the settings each time
        if name in settings.model_fields_set:
            hint = "`shadowai compact --change-terms` changes it for the whole lake"
            raise UsageError(
                f"{name} is {now}, but this lake was made with {kept}", place=str(lake.path), hint=hint
            )
        settings = settings.model_copy(update={name: kept})
    return settings


def installation_of(
    settings: Settings, sensor: str | None, site: str | None, vantage: str | None = None
) -> Installation:
    """The installation for all inputs of a run. Prints lines of identity files that cannot be used to stderr.

    Raises UsageError, CatalogError, LakeError.
    """
    from sensor.ingest.installation import Declared, Installation

    installation = Installation(settings, Declared(sensor, site, vantage))
    for line in installation.unusable:
        say(line)
    return installation


def kind_named(name: str | None) -> type[Source] | None:
    """The source called `name`. Raises UsageError."""
    if name is None:
        return None
    from sensor.sources.detect import kinds_by_name

    kinds = kinds_by_name()
    if name not in kinds:
        raise _no_kind(name, kinds, "--format")
    return kinds[name]


def _no_kind(name: str, kinds: Iterable[str], place: str) -> UsageError:
    import difflib

    from sensor.errors import UsageError

    near = difflib.get_close_matches(name, kinds, 1)
    hint = f"did you mean {near[0]}?" if near else "`shadowai sources` lists them"
    return UsageError(f"no format {name!r}", place=place, hint=hint)


def command_behind(context: typer.Context) -> str | None:
    """The name of the subcommand after a group's own options, if there is one.

    Raises UsageError for options before it: the subcommand would ignore them, and read another lake.
    """
    from sensor.errors import UsageError

    name = context.invoked_subcommand
    for parameter in context.command.params if name else ():
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            option = parameter.opts[0]
            raise UsageError(f"{option} has no effect before `{name}`", hint=f"write it after `{name}`")
    return name


def existing_lake(settings: Settings) -> Lake:
    """The lake to read from. Raises LakeError if there is none yet."""
    from sensor.errors import LakeError
    from sensor.settings import lake_path
    from sensor.store.lake import Lake

    lake = Lake(lake_path(settings))
    if not lake.exists():
        raise LakeError("no lake here yet", place=str(lake.path), hint="fill one with `shadowai scan PATH`")
    return lake


def keys_of(settings: Settings, lake: Lake) -> Keys:
    """The keys of the state folder. Raises LakeError if the tokens of `lake` were made with others."""
    from sensor.privacy.keys import Keys
    from sensor.settings import state_path

    keys = Keys(state_path(settings), settings.zone, settings.privacy)
    keys.check(lake.key_prints(), lake.path)
    return keys


def catalog_of(settings: Settings) -> Catalog:
    """The catalog that the settings name. Raises CatalogError."""
    from sensor.catalog.load import load
    from sensor.settings import state_path

    return load(*settings.signatures, cache=state_path(settings) / "catalog")


def counting_then(settings: Settings, lake: Lake, as_of: datetime | None) -> Counting | None:
    """Counts people over several weeks as of an earlier moment; None for the present, or without a readable
    key."""
    from sensor.errors import LakeError
    from sensor.privacy.counting import Counting
    from sensor.settings import state_path

    if as_of is None or settings.privacy != "pseudonymous":
        return None
    try:
        return Counting(state_path(settings), keys_of(settings, lake))
    except (LakeError, OSError):
        return None


def names_of(settings: Settings) -> Callable[[str], tuple[str, ...]]:
    """Gives all names of the person whose account somebody typed, by the directory exports of the settings.

    They are read when the first account is asked for. If one cannot be read, which `scan` reports, people
    have the typed name alone.
    """
    from sensor.errors import UsageError
    from sensor.identity.known import Known
    from sensor.identity.tables import Problems
    from sensor.privacy.names import Names

    @cache
    def names() -> Names:
        try:
            return Names.of(Known.of(settings, Problems()).exports)
        except UsageError:
            return Names()

    return lambda account: names().all_of(account)


@contextmanager
def closed_to_others(about_persons: bool, out: Path | None = None) -> Iterator[None]:
    """Sets a umask that makes files written inside the block no more accessible than the restricted zone.

    An existing file `out` loses its wider permissions, too. Does nothing unless the files are
    `about_persons`. Raises UsageError.
    """
    from sensor.errors import UsageError, reason_of

    umask = os.umask(0o077)
    os.umask(umask | 0o027 if about_persons else umask)
    try:
        if about_persons and out is not None and out.is_file() and (mode := out.stat().st_mode) & 0o027:
            try:
                out.chmod(mode & ~0o027)
            except OSError as error:
                what = f"others may read it: {reason_of(error)}"
                raise UsageError(what, place=str(out), hint="name another file") from None
        yield
    finally:
        os.umask(umask)


#: The hint if a file of the lake is damaged or missing.
_RESTORE = "restore it from a backup, or read the inputs again into another lake"
#: The file in an error message of DuckDB: of the lake, or of the state folder.
_FILE = re.compile(r'file "([^"]+)"')
#: What is quoted of a message of DuckDB that contains it.
_SYSTEM_ERRORS = ("No space left on device", "Permission denied")
#: DuckDB's message about a missing file.
_MISSING = "No files found"


@contextmanager
def analysing(lake: Lake) -> Iterator[None]:
    """Turns errors of reading a lake (damaged, unreadable, too old, disk full) into LakeError."""
    import duckdb
    from polars.exceptions import PolarsError

    from analytics.lake import LakeUnreadable
    from sensor.durable import explained
    from sensor.errors import LakeError
    from sensor.store.lake import damaged

    try:
        with explained(lake.path):
            yield
    except LakeUnreadable as error:
        if isinstance(error.__cause__, duckdb.BinderException):
            check_release(lake)
        raise LakeError(str(error)) from None
    except (duckdb.BinderException, duckdb.CatalogException):
        check_release(lake)
        raise
    except duckdb.OutOfMemoryException:
        what, hint = "this needs more memory than there is", "ask for a shorter time, or free some"
        raise LakeError(what, place=str(lake.path), hint=hint) from None
    except (duckdb.Error, PolarsError) as error:
        text = " ".join(str(error).partition("LINE ")[0].split())
        if file := damaged(lake.path):
            raise LakeError("no whole Parquet file", place=str(file), hint=_RESTORE) from None
        if _MISSING in text:
            raise LakeError(text, place=str(lake.path), hint=_RESTORE) from None
        # DuckDB reports a full disk as a failed transaction.
        if not isinstance(error, (duckdb.IOException, duckdb.TransactionException)):
            raise
        what = next((known.lower() for known in _SYSTEM_ERRORS if known in text), text)
        hint = "make room and run `shadowai compact`; what was committed is safe"
        if "Permission denied" in text:
            hint = "check the folder's owner"
        named = _FILE.search(text)
        raise LakeError(what, place=named[1] if named else str(lake.path), hint=hint) from None


def check_release(lake: Lake) -> None:
    """Raises LakeError if the lake was made by an earlier release and not compacted since."""
    from analytics.publish import lacking
    from sensor.errors import LakeError

    if column := lacking(lake.path):
        what = f"made by an earlier version of shadowai: it has no {column}"
        raise LakeError(what, place=str(lake.path), hint="run `shadowai compact`, then this again") from None
