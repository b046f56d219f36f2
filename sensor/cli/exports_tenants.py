"""`shadowai export squid-tenants`: the headers of the catalog with the tenant ids of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sensor.cli.exports_shared import Asked, Export, put

if TYPE_CHECKING:
    import polars as pl

NAME = "squid-tenants"


def exports() -> Iterator[Export]:
    """The export of this module, for Squid."""
    title, options = "Squid, headers that let only own tenants in", frozenset({"expires", "signatures"})
    yield Export(NAME, title, (), ("tenant ids",), options, _write)


def _write(asked: Asked) -> None:
    """Squid's lines for the services whose header the catalog knows. Raises UsageError, CatalogError."""
    import polars as pl

    from analytics.exports.interface import Provenance
    from analytics.exports.tenants import Tenant, squid
    from sensor.errors import UsageError

    catalog, last_day = asked.catalog, asked.last_day
    rows = catalog.attributes.filter((pl.col("attribute") == "tenant_header") & (pl.col("value") != "none"))
    ids = asked.settings.exports.tenants
    if unknown := sorted(ids.keys() - set(rows["app"])):
        hint = f"the catalog knows one of {', '.join(sorted(rows['app']))}"
        raise UsageError(f"no tenant header of {unknown[0]}", place="[exports.tenants]", hint=hint)
    names = catalog.indicators.filter(pl.col("kind").is_in(["domain", "suffix"]) & (pl.col("role") == "use"))
    tenants = [
        Tenant(app, header, reference, _domains(names.filter(pl.col("app") == app)), ids.get(app, ""))
        for app, _, header, reference, _ in rows.rows()
    ]
    try:
        text = squid(tenants, Provenance(catalog.version, "", "", asked.made_at, last_day))
    except ValueError as error:
        raise UsageError(str(error)) from None
    put([text], asked.out)


def _domains(names: pl.DataFrame) -> tuple[str, ...]:
    """The domains in Squid's syntax: with a leading dot, a domain includes all names below it, none of which
    Squid wants named beside it."""
    import polars as pl

    trees = sorted(names.filter(pl.col("kind") == "suffix")["value"].unique())
    hosts = sorted(set(names.filter(pl.col("kind") == "domain")["value"]) - set(trees))
    tops, alone = (
        [name for name in some if not any(name.endswith(f".{tree}") for tree in trees)]
        for some in (trees, hosts)
    )
    return (*(f".{tree}" for tree in tops), *alone)
