"""`shadowai privacy-sheet`: fields, purposes, retention, recipients, coverage; from schema and settings."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.exports_shared import put
from sensor.cli.options import ConfigOption, LakeOption, OutOption, StateOption, analysing, settings_from

if TYPE_CHECKING:
    from sensor.destinations import AnyDestination
    from sensor.privacy.sheet import Facts
    from sensor.settings import Settings


class Format(StrEnum):
    """The formats of the sheet."""

    MD = "md"
    HTML = "html"


#: Sources of one sensor mostly see the same minutes, so each day has those of the source that saw most.
_COVERAGE = """
WITH days AS (
  SELECT sensor, site, day, MAX(minutes_seen) AS minutes, SUM(flows) AS flows, SUM(named_flows) AS named
  FROM coverage_daily WHERE minutes_seen > 0 GROUP BY sensor, site, day
)
SELECT sensor, site, CAST(MIN(day) AS VARCHAR), CAST(MAX(day) AS VARCHAR), SUM(minutes), SUM(flows),
       SUM(named)
FROM days GROUP BY sensor, site ORDER BY sensor, site
"""


def command(
    form: Annotated[Format, typer.Option("--format", help="Markdown or HTML.")] = Format.MD,
    out: OutOption = None,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the data-protection sheet of this installation."""
    from sensor.privacy import sheet

    facts = facts_of(settings_from(config, lake=lake, state=state))
    text = sheet.page(facts) if form is Format.HTML else sheet.markdown(facts)
    put([text], out)
    if out is not None:
        typer.echo(str(out))


def facts_of(settings: Settings) -> Facts:
    """What the sheet says about this installation; without a lake, nothing about coverage."""
    from importlib.metadata import version

    from analytics.definitions import load_marts
    from sensor.privacy.keys import Keys
    from sensor.privacy.sheet import Derived, Facts
    from sensor.privacy.vault import Custodians
    from sensor.settings import lake_path, state_path

    place, about = lake_path(settings), settings.about
    folder = state_path(settings)
    keys = Keys(folder, settings.zone, settings.privacy)
    return Facts(
        level=settings.privacy,
        k=settings.k,
        zone=settings.zone,
        retention_days=settings.retention.model_dump(),
        controller=about.controller,
        contact=about.contact,
        legal_basis=about.legal_basis,
        recipients=about.recipients,
        destinations=[_destination(one) for one in settings.destinations],
        evidence=keys.has_evidence(),
        excluded=settings.networks.exclude,
        only=settings.networks.only,
        origins=settings.identity.origins,
        from_packets=settings.identity.from_packets,
        names_by_client=settings.keeps_names_by_client,
        count_key=keys.count() is not None,
        custodians=dict(Custodians(folder).names()),
        derived=[
            Derived(
                mart.name,
                mart.row,
                mart.zone,
                mart.period,
                [(name, column.meaning, column.unit) for name, column in mart.columns.items()],
            )
            for mart in load_marts()
        ],
        coverage=_coverage(place),
        version=version("shadow-ai-sensor"),
    )


def _destination(one: AnyDestination) -> tuple[str, str]:
    """What is sent to a destination, and its place. Of a URL only the host, because the rest may be
    secret."""
    from urllib.parse import urlsplit

    what = " and ".join(word for word, sent in (("reports", one.reports), ("alerts", one.alerts)) if sent)
    match one.kind:
        case "smtp":
            where = f"mail to {', '.join(one.recipients)}"
        case "folder":
            where = f"folder {one.path}"
        case "webhook":
            where = f"webhook at {urlsplit(one.url).hostname}"
        case "syslog":
            where = f"syslog at {one.host}"
    return what, f"{one.name}: {where}"


def _coverage(place: Path) -> list[str]:
    """A text about the coverage of each sensor; empty without a lake."""
    from analytics.lake import open_views
    from sensor.store.lake import Lake

    if not (place / "open.duckdb").exists():
        return []
    with analysing(Lake(place)), open_views(place) as views:
        rows = views.execute(_COVERAGE).fetchall()
    lines = []
    for sensor, site, first, last, minutes, flows, named in rows:
        line = f"{sensor} ({site}): {int(minutes) / 60:,.0f} hours seen from {first} to {last}"
        line += f", {int(named or 0) / int(flows):.0%} of connections named" if flows else ""
        lines.append(line + ".")
    return [*lines, "What no sensor watched is unknown, not clean."]
