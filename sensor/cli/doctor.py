"""`shadowai doctor`: the settings in force, the state of lake and keys, and what would stop a scan or
capture."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sensor.cli.options import ConfigOption, LakeOption, StateOption, settings_from
from sensor.errors import reason_of

if TYPE_CHECKING:
    from sensor.settings import Retention, Settings

#: What was looked at, whether it is well (None: nobody says which port is the mirror's), and how it is.
Finding = tuple[str, bool | None, str]
#: Size of the file that is made to see whether there is room.
TRIAL_BYTES = 1_000_000
#: Days that the timer of `retain` may be late, and hours that of `compact` may be.
_LATE_DAYS, _LATE_HOURS = 2, 3
_MARKS = {True: "ok ", False: "NO ", None: "   "}


def command(lake: LakeOption = None, state: StateOption = None, config: ConfigOption = None) -> None:
    """Show what is in force and what would stop a scan. Exit code 5 if something would."""
    from sensor.settings import lake_path, state_path

    settings = settings_from(config, lake=lake, state=state)
    place = lake_path(settings)
    folder = state_path(settings)
    findings = [
        *_versions(),
        _writable("lake", place),
        _writable("state (keys, caches)", folder),
        _keys_apart(place, folder),
        _key_files(place, folder, settings),
        _read("vault", _vault, folder),
        _read("record", _record, place, folder),
        _read("published", _published, place),
        _read("retention", partial(_retention, settings.retention), place),
        _read("outbox", _outbox, folder),
        *_sensors(settings),
        *_clocks(place),
        _catalog(settings.signatures, folder),
        _formats(settings),
        _policy(settings),
        _people(settings),
        _kernels(folder),
        ("names by client", True, _by_client(settings)),
        ("settings", True, f"privacy {settings.privacy}, k {settings.k}, time zone {settings.zone}"),
        _tshark(),
        *_live(),
    ]
    for name, ok, text in findings:
        typer.echo(f"{_MARKS[ok]} {name}: {text}")
    if any(ok is False for _, ok, _ in findings):
        raise typer.Exit(5)


def _versions() -> Iterator[Finding]:
    from importlib.metadata import version

    yield "python", True, platform.python_version()
    packages = ("shadow-ai-sensor", "polars", "duckdb", "numba", "cryptography")
    yield "packages", True, ", ".join(f"{name} {version(name)}" for name in packages)


def _read(name: str, look: Callable[..., Finding], *folders: Path) -> Finding:
    """What `look` finds in `folders`, or that they are closed to this account."""
    from sensor.errors import LakeError

    try:
        return look(*folders)
    except LakeError as error:
        return name, False, str(error)
    except OSError as error:
        return name, False, f"{error.filename}: {reason_of(error)}"


def _writable(name: str, folder: Path) -> Finding:
    """Whether files can be made. Permission bits and free blocks are no proof, so a file is made in the
    nearest existing folder, and removed."""
    import tempfile

    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest) as trial:
            trial.write(bytes(TRIAL_BYTES))
    except OSError as error:
        return (
            name,
            False,
            f"{folder} cannot be written ({reason_of(error)}); choose another",
        )
    return name, True, str(folder)


def _people(settings: Settings) -> Finding:
    """How many lines of the identity files can be used, and which cannot."""
    from sensor.errors import UsageError
    from sensor.identity.known import Known
    from sensor.identity.subnets import with_subnets
    from sensor.identity.tables import Problems

    identity, problems = settings.identity, Problems()
    if not (identity.people or identity.directory or identity.owners):
        return "people", True, "no file; addresses stay addresses unless a log names accounts"
    try:
        known = Known.of(with_subnets(settings, problems), problems)
    except UsageError as error:
        return "people", False, str(error)
    addresses = 0 if known.people is None else known.people.height
    text = f"{addresses} addresses in {identity.people}" if identity.people else "no file of addresses"
    if known.exports.height:
        text += f", {known.exports.height} rows of accounts and owners"
    if problems.count:
        return "people", False, f"{text}; {problems.count} lines cannot be used: {'; '.join(problems.listed)}"
    return "people", True, text


def _by_client(settings: Settings) -> str:
    """Whether `names_by_client` is on, which stores single persons' browsing."""
    if settings.keeps_names_by_client:
        days = settings.retention.names_by_client
        return f"ON: which client was at which unknown name is kept for {days} days, for `shadowai rematch`"
    return "off" if not settings.names_by_client else "off: never at level aggregate"


def _keys_apart(lake: Path, state: Path) -> Finding:
    inside = state.absolute().is_relative_to(lake.absolute())
    text = (
        "keys would lie inside the lake they protect; set --state elsewhere" if inside else "outside the lake"
    )
    return "keys", not inside, text


def _key_files(lake: Path, state: Path, settings: Settings) -> Finding:
    """Whether the keys are readable by this account alone, and belong to the tokens of this lake."""
    from sensor.errors import LakeError
    from sensor.privacy.keys import Keys
    from sensor.store.lake import Lake

    try:
        keys = Keys(state, settings.zone, settings.privacy)
        ours = keys.go_with(Lake(lake).key_prints(), lake)
        problems = keys.problems()
    except (LakeError, OSError) as error:
        return "key files", False, str(error)
    if not ours:
        return "key files", True, "none of this lake's: enough to report and to compact, not to scan"
    held = sum(epoch.shredded_at is None for epoch in keys.epochs())
    counts = ", a count-only key" if keys.count() else ""
    text = f"{held} epoch{'' if held == 1 else 's'}{counts}, readable by their owner only"
    return "key files", not problems, "; ".join(problems) or text


def _vault(state: Path) -> Finding:
    from sensor.errors import LakeError
    from sensor.privacy.vault import ROLES, Custodians

    try:
        names = Custodians(state).names()
    except LakeError as error:
        return "vault", False, str(error)
    missing = [role for role in ROLES if role not in names.values()]
    if missing:
        return "vault", True, f"no {' and no '.join(missing)}: tokens cannot be turned back by anyone"
    return "vault", True, ", ".join(f"{name} ({role})" for name, role in sorted(names.items()))


def _outbox(state: Path) -> Finding:
    from analytics.delivery.outbox import Outbox

    waiting = Outbox(state / "outbox").waiting()
    if not waiting:
        return "outbox", True, "nothing waits to be sent"
    last = next((w for w in waiting if w.last_error), waiting[0])
    text = f"{len(waiting)} letter{'s wait' if len(waiting) > 1 else ' waits'}"
    return "outbox", True, f"{text}; {last.destination}: {last.last_error or 'not tried yet'}"


def _sensors(settings: Settings) -> Iterator[Finding]:
    """When each sensor was last heard. A silent one stops no scan, nor does a lake not yet published."""
    from datetime import UTC, datetime

    from analytics.delivery.silence import last_heard
    from analytics.lake import open_views
    from sensor.cli.delivery import watchers
    from sensor.cli.options import analysing
    from sensor.errors import LakeError
    from sensor.settings import lake_path
    from sensor.store.lake import Lake

    lake, heard = Lake(lake_path(settings)), {}
    try:
        if lake.exists():
            with analysing(lake), open_views(lake.path) as connection:
                heard = last_heard(connection)
    except LakeError as error:
        yield "sensors", None, str(error)
        return
    declared = {(watcher.name, watcher.site): watcher for watcher in watchers(settings)}
    places = sorted({*heard, *declared})
    names = [name for name, _ in places]
    for name, site in places:
        last, watcher = heard.get((name, site)), declared.get((name, site))
        text = f"last heard {last:%Y-%m-%d %H:%M} UTC" if last else "nothing of it is stored yet"
        silent = watcher is not None and watcher.is_silent(watcher.last_of(heard), datetime.now(UTC))
        if watcher is not None and silent:
            text = f"SILENT, {text}; the settings expect it every {watcher.cadence_s} s"
        place = f" ({site})" if names.count(name) > 1 else ""
        yield f"sensor {name}{place}", None if silent else True, text


def _clocks(folder: Path) -> Iterator[Finding]:
    """Which sensors' clocks differ. Says nothing of a lake that is not published, or closed to this account:
    others do."""
    from analytics.counting.clocks import apart
    from analytics.lake import open_views
    from sensor.cli.options import analysing
    from sensor.errors import LakeError
    from sensor.store.lake import Lake

    lake = Lake(folder)
    try:
        if lake.exists():
            with analysing(lake), open_views(lake.path, restricted=True) as connection:
                for sensor, other, ahead_s, connections in apart(connection):
                    late, early = (sensor, other) if ahead_s > 0 else (other, sensor)
                    text = f"{early} is {abs(ahead_s):.0f} s ahead of {late}"
                    text += f", by {connections} connections both saw"
                    yield "clocks", None, f"{text}; lookups and logged requests may count twice"
    except LakeError:
        return


def _record(lake: Path, state: Path) -> Finding:
    """Whether the chain is intact, and the one that the lake has copies of: another state folder starts its
    own."""
    from sensor.cli.audit import copies_in
    from sensor.cli.deletion import PENDING
    from sensor.privacy.audit import AuditLog

    log = AuditLog(state)
    copies, count = copies_in(lake), len(log.entries())
    if copies and not count:
        return "record", None, f"none here; the lake has copies of one, up to entry {max(copies)}"
    problems = log.verify(copies)
    if not problems and (log.path.parent / PENDING).exists():
        return "record", None, "a deletion runs or was interrupted; `shadowai retain` enters what it began"
    whole = f"{count} {'entry' if count == 1 else 'entries'}, chain whole"
    return "record", not problems, problems[0] if problems else whole


def _published(lake: Path) -> Finding:
    """Whether rows wait that `compact` should have published. Nothing else tells that no timer runs it: to
    all reports, the sensors are silent then."""
    from datetime import UTC, datetime, timedelta

    from sensor.store.compaction import waiting
    from sensor.store.lake import Lake

    hours = waiting(Lake(lake))
    if hours and hours[0] < f"{datetime.now(UTC) - timedelta(hours=_LATE_HOURS):%Y-%m-%dT%H}":
        since = hours[0].partition(".")[0].replace("T", " ")
        what = f"rows stored since {since}:00 UTC are in no report"
        return "published", None, f"OVERDUE, {what}; let a timer run `shadowai compact` every hour"
    at = Lake(lake).manifest().get("compacted_at")
    return "published", True, f"last {at[:16].replace('T', ' ')} UTC" if at else "nothing yet"


def _retention(kept: Retention, lake: Path) -> Finding:
    """Whether days lie there that `retain` should have deleted: no timer runs it, or it asks each night."""
    from datetime import UTC, datetime, timedelta

    from sensor.store.lake import Lake

    tables = Lake(lake).manifest()["tables"]
    for name in ("names_by_client", "sightings", "names"):
        days = getattr(kept, name)
        due = (datetime.now(UTC) - timedelta(days=days + _LATE_DAYS)).date().isoformat()
        cold = tables.get(name, {}).get("cold", {})
        if late := sorted(day for day, files in cold.items() if files and day < due):
            what = f"{name} of {late[0]} are still there, to be kept for {days} days"
            return "retention", None, f"OVERDUE, {what}; `shadowai retain` deletes them or says why not"
    return "retention", True, f"sightings {kept.sightings} days, weekly figures {kept.published}"


def _catalog(overlays: tuple[Path, ...], state: Path) -> Finding:
    from sensor.catalog.load import load
    from sensor.errors import CatalogError

    try:
        catalog = load(*overlays, cache=state / "catalog")
    except CatalogError as error:
        return "catalog", False, str(error).splitlines()[0]
    return "catalog", True, f"{catalog.services.height} services, version {catalog.version}"


def _formats(settings: Settings) -> Finding:
    """Whether the settings name kinds of input that exist, and formats of one's own that can be read."""
    from sensor.cli.options import add_formats, check_kinds
    from sensor.errors import UsageError

    try:
        add_formats(settings, None)
        check_kinds(settings)
    except UsageError as error:
        return "formats", False, str(error)
    return "formats", True, f"built in, and {len(settings.formats)} of your own"


def _policy(settings: Settings) -> Finding:
    from sensor.cli.policy import mistaken
    from sensor.errors import PolicyError

    if settings.policy is None:
        return "policy", True, "none"
    try:
        mistake = mistaken(settings)
    except PolicyError as error:
        return "policy", False, str(error).splitlines()[0]
    if mistake:
        return "policy", None, f"in force, but {mistake}; `shadowai policy check` lists all mistakes"
    return "policy", True, str(settings.policy)


def _kernels(state: Path) -> Finding:
    from sensor.decode import warming
    from sensor.decode.kernels import jit

    kept = jit.use(state / "kernels")
    text = (
        "not compiled yet; `shadowai warm` or the first scan does it"
        if warming.missing(*warming.PACKETS)
        else f"compiled, {kept}"
    )
    return "kernels", True, text


def _live() -> Iterator[Finding]:
    from sensor.cli import doctor_capture

    yield from ((what, None, text) for what, text in doctor_capture.lines())


def _tshark() -> Finding:
    import shutil

    absent = "not installed; only for `scan --engine tshark`, link types we do not decode"
    return "tshark", True, shutil.which("tshark") or absent
