"""`shadowai export`: the policy as a list, and rows of the lake, for firewalls, proxies, SIEMs and other
tools.

A family is a module with `exports()`: the names it takes, what each is for, and what writes it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from sensor.cli import exports_data, exports_lists, exports_tenants
from sensor.cli.exports_shared import Asked, Export
from sensor.cli.options import (
    AsOfOption,
    ConfigOption,
    LakeOption,
    OutOption,
    PolicyOption,
    SignaturesOption,
    settings_from,
)
from sensor.cli.table import print_table

_FAMILIES = (exports_lists, exports_tenants, exports_data)
#: Parameters that apply to every export.
_COMMON = frozenset({"target", "list_", "out", "as_of", "lake", "config"})


TargetArgument = Annotated[str | None, typer.Argument(metavar="TARGET", help="A target of --list.")]
ListOption = Annotated[bool, typer.Option("--list", help="List the targets, with what each can say.")]
StatusOption = Annotated[
    str | None,
    typer.Option(
        "--status",
        metavar="A,B",
        help="Statuses of the policy.",
        show_default="block: unsanctioned; allow: sanctioned,tolerated",
    ),
]
AppOption = Annotated[
    list[str] | None,
    typer.Option("--app", metavar="APP", help="Only this service, whatever its status; repeatable."),
]
ModeOption = Annotated[str, typer.Option("--mode", metavar="MODE", help="block or allow.")]
BareOption = Annotated[bool, typer.Option("--bare", help="Write entries only; comments go to stderr.")]
ExpiresOption = Annotated[
    datetime | None,
    typer.Option(
        "--expires",
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="Last day the list may be used.",
        show_default="30 days on",
    ),
]
FileFormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="csv, json, parquet; events, findings: ocsf, ecs, stix; assets: cyclonedx.",
    ),
]
RestrictedOption = Annotated[
    bool,
    typer.Option("--restricted", help="Single events, or the inventory of assets, with tokens; logged."),
]


def command(
    context: typer.Context,
    target: TargetArgument = None,
    list_: ListOption = False,
    status: StatusOption = None,
    app: AppOption = None,
    mode: ModeOption = "block",
    out: OutOption = None,
    bare: BareOption = False,
    expires: ExpiresOption = None,
    form: FileFormatOption = "csv",
    restricted: RestrictedOption = False,
    as_of: AsOfOption = None,
    lake: LakeOption = None,
    policy: PolicyOption = None,
    signatures: SignaturesOption = None,
    config: ConfigOption = None,
) -> None:
    """Write block or allow lists, events, findings or assets.

    Lists follow the policy, for a firewall, proxy or resolver.

    The file and stderr say what is left out, and who else the list affects; with --out, stderr only counts
    a long list of omissions. Exit code 2, and no file, if nothing is left to list.
    """
    known = {export.name: export for family in _FAMILIES for export in family.exports()}
    if list_ or target is None:
        _list(known)
        return
    export = _named(target, known)
    _only_its_options(context, export)
    settings = settings_from(config, policy=policy, lake=lake, signatures=signatures)
    export.write(
        Asked(
            settings, mode=mode, status=status, apps=tuple(app or ()), form=form, restricted=restricted,
            expires=expires, as_of=as_of, out=out, now=datetime.now(UTC), bare=bare,
        )
    )  # fmt: skip


def _named(target: str, known: dict[str, Export]) -> Export:
    """The export called `target`. Raises UsageError, with similar names."""
    import difflib

    from sensor.errors import UsageError

    if target in known:
        return known[target]
    near = difflib.get_close_matches(target, known, 3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    raise UsageError(f"no target {target!r}", hint=hint)


def _only_its_options(context: typer.Context, export: Export) -> None:
    """Raises UsageError for an option that this export would ignore."""
    from sensor.errors import UsageError

    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        given = source is not None and source.name == "COMMANDLINE"
        if given and option.name not in _COMMON | export.options:
            raise UsageError(f"{export.name} takes no {option.opts[0]}", hint="shadowai export --list")


def _list(known: dict[str, Export]) -> None:
    print_table(
        ("target", "for", "modes", "can say"),
        [(one.name, one.title, ", ".join(one.modes) or "-", ", ".join(one.says)) for one in known.values()],
    )
