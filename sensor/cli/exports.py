"""`shadowai export`: the policy as a list for a firewall, proxy or resolver.

The lists are made in analytics/exports from plain rows; here the catalog, the policy and the built-in
never-block names become such rows.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli import exports_data, exports_tenants
from sensor.cli.options import (
    AsOfOption,
    ConfigOption,
    LakeOption,
    PolicyOption,
    SignaturesOption,
    settings_from,
)
from sensor.cli.table import print_table

if TYPE_CHECKING:
    from analytics.exports.choose import Wanted
    from analytics.exports.interface import Provenance, Selection, Target
    from analytics.exports.statuses import Statuses
    from sensor.catalog.load import Catalog
    from sensor.settings import Settings

#: What a list holds unless told otherwise.
_DEFAULT = {"block": ("unsanctioned",), "allow": ("sanctioned", "tolerated")}


def command(
    target: Annotated[str | None, typer.Argument(metavar="TARGET", help="One of --list.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="The targets, and what each can say.")] = False,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Statuses of the policy.",
            show_default="block: unsanctioned; allow: sanctioned,tolerated",
        ),
    ] = None,
    app: Annotated[
        list[str] | None,
        typer.Option("--app", metavar="APP", help="Only this service, whatever its status; repeatable."),
    ] = None,
    mode: Annotated[str, typer.Option(help="block or allow.")] = "block",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="File instead of standard output.")
    ] = None,
    expires: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="Last day the list may be used.",
            show_default="30 days on",
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format", help="csv, json, parquet; events, findings: ocsf, ecs, stix; assets: cyclonedx."
        ),
    ] = "csv",
    restricted: Annotated[
        bool, typer.Option("--restricted", help="Events one by one with per-person tokens; logged.")
    ] = False,
    as_of: AsOfOption = None,
    lake: LakeOption = None,
    policy: PolicyOption = None,
    signatures: SignaturesOption = None,
    config: ConfigOption = None,
) -> None:
    """Write block or allow lists, events, findings or assets.

    Lists follow the policy, for a firewall, proxy or resolver.

    What is left out, and whom else the list hits, is said in the file and on stderr. Exit code 2 where
    nothing is left to list: no file is written then.
    """
    from analytics.exports.targets import targets
    from analytics.exports.write import left_out, write
    from sensor.errors import UsageError

    if list_ or target is None:
        _list()
        return
    settings = settings_from(
        config, policy=policy, lake=lake, signatures=tuple(signatures) if signatures else None
    )
    if target in exports_data.DATA:
        exports_data.export(settings, target, form, out, as_of, restricted)
        return
    if target == exports_tenants.NAME:
        _put(exports_tenants.text(settings, as_of, expires), out)
        return
    known = targets()
    if target not in known:
        hint = f"known: {', '.join((*known, exports_tenants.NAME, *exports_data.DATA))}"
        raise UsageError(f"no target {target!r}", hint=hint)
    chosen = known[target]
    made_at = as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of else datetime.now(UTC)
    wanted = _wanted(chosen, mode, status, app, made_at.date())
    last_day = expires.date() if expires else made_at.date() + timedelta(days=settings.exports.valid_days)
    if last_day < made_at.date():
        raise UsageError(f"{last_day} is past", place="--expires", hint="name a later day")
    selection, versions = _selected(settings, chosen, wanted)
    for text in (*(f"warning: {text}" for text in selection.warnings), *left_out(selection)):
        typer.echo(text, err=True)
    if not selection.entries:
        raise UsageError(
            f"nothing to {mode} for {target}",
            hint="the lines above say why; `shadowai policy explain APP` shows a service's status",
        )
    _put(write(chosen, selection, _provenance(wanted, versions, made_at, last_day)), out)


def _list() -> None:
    from analytics.exports.targets import targets

    print_table(
        ("target", "for", "modes", "can say"),
        [
            *((t.name, t.title, ", ".join(t.modes), ", ".join(sorted(t.says))) for t in targets().values()),
            (exports_tenants.NAME, "Squid, headers that let only own tenants in", "-", "tenant ids"),
        ],
    )


def _wanted(target: Target, mode: str, status: str | None, apps: list[str] | None, on: date) -> Wanted:
    """What was asked for. Raises UsageError."""
    from analytics.exports.choose import Wanted
    from analytics.exports.statuses import STATUSES
    from sensor.errors import UsageError

    if mode not in _DEFAULT:
        raise UsageError(f"no mode {mode!r}", place="--mode", hint="block or allow")
    if mode not in target.modes:
        raise UsageError(f"{target.name} cannot {mode}", place="--mode", hint=f"it can {target.modes[0]}")
    named = tuple(word.strip() for word in status.split(",")) if status else None
    for word in named or ():
        if word not in STATUSES:
            raise UsageError(f"no status {word!r}", place="--status", hint=f"of {', '.join(STATUSES)}")
    statuses = named or (STATUSES if apps else _DEFAULT[mode])
    return Wanted(mode, frozenset(statuses), on, frozenset(apps or ()))


def _selected(settings: Settings, target: Target, wanted: Wanted) -> tuple[Selection, tuple[str, str]]:
    """The selection, and the versions of catalog and policy. Raises UsageError, PolicyError, CatalogError."""
    from analytics.exports.choose import choose
    from analytics.exports.guard import Never
    from sensor.catalog.load import load
    from sensor.catalog.suffixes import CLOUD_APEXES, NEVER_HOSTS, SHARED_HOSTS, is_public_suffix
    from sensor.errors import UsageError
    from sensor.settings import lake_path, state_path

    catalog = load(*settings.signatures, cache=state_path(settings, lake_path(settings)) / "catalog")
    services = set(catalog.services["app"])
    for app in sorted(wanted.apps - services):
        raise UsageError(f"no service {app!r} in the catalog", hint="try `shadowai catalog search WORD`")
    statuses, version = _statuses(settings, catalog)
    built_in = {
        **dict.fromkeys(CLOUD_APEXES, "a platform that serves much else"),
        **dict.fromkeys(SHARED_HOSTS, "a host that serves much else"),
        **dict.fromkeys(NEVER_HOSTS, "others need it to work"),
    }
    selection = choose(
        target,
        wanted,
        catalog.indicators.to_dicts(),
        statuses,
        Never(built_in, settings.exports.never, is_public_suffix),
        experimental=set(catalog.services.filter("experimental")["app"]),
    )
    return selection, (catalog.version, version)


def _statuses(settings: Settings, catalog: Catalog) -> tuple[Statuses, str]:
    """The policy in force on the catalog's services, and its version. Raises PolicyError, UsageError.

    People of exceptions are not asked for: a list names none.
    """
    from analytics.exports.statuses import Statuses
    from analytics.policy.rows import compiled
    from sensor.cli.policy import policy_of

    policy = policy_of(settings)
    rows = compiled(policy, lambda account: ())
    found = Statuses(rows.policy.to_dicts(), rows.exceptions.to_dicts(), catalog.services.to_dicts())
    return found, policy.version


def _provenance(wanted: Wanted, versions: tuple[str, str], made_at: datetime, expires: date) -> Provenance:
    from analytics.exports.interface import Provenance

    asked = f"{wanted.mode} {', '.join(sorted(wanted.apps)) or ', '.join(sorted(wanted.statuses))}"
    return Provenance(*versions, asked, made_at, expires)


def _put(text: str, out: Path | None) -> None:
    from sensor.errors import UsageError

    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(error.strerror or str(error), place=str(out), hint="name another file") from None
