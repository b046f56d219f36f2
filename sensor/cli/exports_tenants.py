"""`shadowai export squid-tenants`: the headers of the catalog with the tenant ids of the settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from sensor.settings import Settings

NAME = "squid-tenants"


def text(settings: Settings, as_of: datetime | None, expires: datetime | None) -> str:
    """Squid's lines for the services whose header the catalog knows. Raises UsageError."""
    import polars as pl

    from analytics.exports.interface import Provenance
    from analytics.exports.tenants import Tenant, squid
    from sensor.catalog.load import load
    from sensor.errors import UsageError
    from sensor.settings import lake_path, state_path

    catalog = load(*settings.signatures, cache=state_path(settings, lake_path(settings)) / "catalog")
    rows = catalog.attributes.filter((pl.col("attribute") == "tenant_header") & (pl.col("value") != "none"))
    ids = settings.exports.tenants
    if unknown := sorted(ids.keys() - set(rows["app"])):
        hint = f"the catalog knows one of {', '.join(sorted(rows['app']))}"
        raise UsageError(f"no tenant header of {unknown[0]}", place="[exports.tenants]", hint=hint)
    names = catalog.indicators.filter(pl.col("kind").is_in(["domain", "suffix"]) & (pl.col("role") == "use"))
    made_at = as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of else datetime.now(UTC)
    last_day = expires.date() if expires else made_at.date() + timedelta(days=settings.exports.valid_days)
    tenants = [
        Tenant(app, header, reference, _domains(names.filter(pl.col("app") == app)), ids.get(app, ""))
        for app, _, header, reference, _ in rows.rows()
    ]
    try:
        return squid(tenants, Provenance(catalog.version, "", "", made_at, last_day))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _domains(names: pl.DataFrame) -> tuple[str, ...]:
    """As Squid writes them: a dot in front stands for the name and all below it, and then alone."""
    import polars as pl

    trees = sorted(names.filter(pl.col("kind") == "suffix")["value"].unique())
    hosts = sorted(set(names.filter(pl.col("kind") == "domain")["value"]))
    alone = [h for h in hosts if not any(h == tree or h.endswith(f".{tree}") for tree in trees)]
    return (*(f".{tree}" for tree in trees), *alone)
