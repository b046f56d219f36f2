"""`shadowai export TARGET`: the policy as a list for a firewall, proxy or resolver.

The lists are made in analytics/exports from plain rows; here the catalog, the policy and the built-in
never-block names become such rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import typer

from sensor.cli.exports_shared import Asked, Export, put

if TYPE_CHECKING:
    from analytics.exports.choose import Wanted
    from analytics.exports.interface import Selection, Target
    from analytics.exports.statuses import Statuses
    from sensor.catalog.load import Catalog
    from sensor.settings import Settings

_OPTIONS = frozenset({"status", "app", "mode", "expires", "policy", "signatures", "bare"})
#: Mode → statuses of the services that a list contains by default.
_DEFAULT = {"block": ("unsanctioned",), "allow": ("sanctioned", "tolerated")}
#: If more lines than this are left out of a list that goes to a file, stderr gets only their number.
_MOST_REPEATED = 20


def exports() -> Iterator[Export]:
    """The exports of this module, one per file in analytics/exports/targets."""
    from analytics.exports.targets import targets

    for target in targets().values():
        says = tuple(sorted(target.says))
        yield Export(target.name, target.title, target.modes, says, _OPTIONS, partial(_write, target))


def _write(target: Target, asked: Asked) -> None:
    """Write a list. Raises UsageError, PolicyError, CatalogError."""
    from analytics.exports.interface import Provenance
    from analytics.exports.write import comments, entries, left_out
    from sensor.errors import UsageError

    wanted, last_day = _wanted(target, asked), asked.last_day
    selection, versions = _selected(target, wanted, asked)
    if not asked.bare or not selection.entries:
        lacks = list(left_out(selection))
        if selection.entries and asked.out is not None and len(lacks) > _MOST_REPEATED:
            lacks = [f"left out: {len(selection.left_out):,} indicators; {asked.out} says which, and why"]
        for text in (*(f"warning: {text}" for text in selection.warnings), *lacks):
            typer.echo(text, err=True)
    if not selection.entries:
        raise UsageError(
            f"nothing to {wanted.mode} for {target.name}",
            hint="the lines above say why; `shadowai policy explain APP` shows a service's status",
        )
    what = f"{wanted.mode} {', '.join(sorted(wanted.apps)) or ', '.join(sorted(wanted.statuses))}"
    provenance = Provenance(*versions, what, asked.made_at, last_day)
    head, lines = comments(target, selection, provenance), entries(target, selection, provenance)
    if asked.bare:
        typer.echo("".join(head), nl=False, err=True)
        put(lines, asked.out)
    else:
        put((*head, *lines), asked.out)


def _wanted(target: Target, asked: Asked) -> Wanted:
    from analytics.exports.choose import Wanted
    from analytics.exports.statuses import STATUSES
    from sensor.errors import UsageError

    if asked.mode not in _DEFAULT:
        raise UsageError(f"no mode {asked.mode!r}", place="--mode", hint="block or allow")
    if asked.mode not in target.modes:
        raise UsageError(
            f"{target.name} cannot {asked.mode}", place="--mode", hint=f"it can {target.modes[0]}"
        )
    named = tuple(word.strip() for word in asked.status.split(",")) if asked.status else None
    for word in named or ():
        if word not in STATUSES:
            raise UsageError(f"no status {word!r}", place="--status", hint=f"of {', '.join(STATUSES)}")
    statuses = named or (STATUSES if asked.apps else _DEFAULT[asked.mode])
    return Wanted(asked.mode, frozenset(statuses), asked.made_at.date(), frozenset(asked.apps))


def _selected(target: Target, wanted: Wanted, asked: Asked) -> tuple[Selection, tuple[str, str]]:
    """The selection, and the versions of catalog and policy."""
    from analytics.exports.choose import choose
    from analytics.exports.guard import Never
    from sensor.catalog.suffixes import CLOUD_APEXES, NEVER_HOSTS, SHARED_HOSTS, is_public_suffix
    from sensor.errors import UsageError

    catalog = asked.catalog
    services = set(catalog.services["app"])
    for app in sorted(wanted.apps - services):
        raise UsageError(f"no service {app!r} in the catalog", hint="try `shadowai catalog search WORD`")
    statuses, version = _statuses(asked.settings, catalog)
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
        Never(built_in, asked.settings.exports.never, is_public_suffix),
        experimental=set(catalog.services.filter("experimental")["app"]),
    )
    return selection, (catalog.version, version)


def _statuses(settings: Settings, catalog: Catalog) -> tuple[Statuses, str]:
    """The policy in force on the catalog's services, and its version.

    People in exceptions are not needed, because a list names no persons.
    """
    from analytics.exports.statuses import Statuses
    from analytics.policy.rows import compiled
    from sensor.cli.policy import policy_of

    policy = policy_of(settings)
    rows = compiled(policy, lambda account: ())
    found = Statuses(rows.policy.to_dicts(), rows.exceptions.to_dicts(), catalog.services.to_dicts())
    return found, policy.version
