"""`shadowai candidates`: names that look like AI services and match no signature; a person decides about
each.

`accept` writes an entry into a folder of your own signatures, marked experimental; `dismiss` keeps the
reason in the state folder, and the name is not listed again. No entry is ever made automatically.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensor.cli.options import (
    ConfigOption,
    LakeOption,
    SignaturesOption,
    StateOption,
    analysing,
    catalog_of,
    command_behind,
    existing_lake,
    settings_from,
)
from sensor.cli.table import print_table

if TYPE_CHECKING:
    import polars as pl

    from sensor.settings import Settings

app = typer.Typer(help="Names that look like AI and that no signature knows.", no_args_is_help=False)

#: One row per host with the columns of `sensor.match.candidates.NAMES`.
_QUERY = """
SELECT host, any_value(domain) AS domain, sum(lookups)::BIGINT AS lookups,
       sum(connections)::BIGINT AS connections, TRY_CAST(sum(bytes_up) AS BIGINT) AS bytes_up,
       TRY_CAST(sum(bytes_down) AS BIGINT) AS bytes_down, sum(streams)::BIGINT AS streams,
       sum(even_streams)::BIGINT AS even_streams, max(clients) AS clients,
       arg_max(near_app, ROW(near_clients, near_app)) FILTER (near_clients IS NOT NULL) AS near_app,
       max(near_clients) AS near_clients,
       max(cname) AS cname, max(client_class) AS client_class, min(first_seen) AS first_seen,
       count(DISTINCT bucket::DATE) AS days
FROM names
GROUP BY host
HAVING max(last_seen) >= now() - to_days(?)
"""


@app.callback(invoke_without_command=True)
def listed(
    context: typer.Context,
    days: Annotated[
        int, typer.Option("--days", metavar="DAYS", min=1, help="Names seen within this many days.")
    ] = 30,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Show at most this many, best first.")
    ] = 20,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """List the names that look most like AI, each with its strongest reasons."""
    if command_behind(context):
        return
    settings = settings_from(config, lake=lake, state=state, signatures=signatures)
    found = _ranked(settings, days)
    rows = (
        (row["rank"], row["host"], row["score"], "; ".join(row["reasons"]), row["clients"], row["first_seen"])
        for row in found.iter_rows(named=True)
    )
    columns = ("rank", "host", "score", "why", "clients", "first seen")
    best = list(islice(rows, limit))
    if not best:
        typer.echo(f"no name of the last {days} days looks like AI, but for those dismissed", err=True)
    print_table(columns, best)


@app.command("accept")
def accept(
    host: Annotated[str, typer.Argument(metavar="HOST", help="A listed host, or a domain.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What people call the service.")],
    category: Annotated[
        str, typer.Option("--category", metavar="WORD", help="A word of categories.yml.")
    ] = "chat",
    access: Annotated[str, typer.Option("--access", metavar="CLASS", help="web, api, cli …")] = "web",
    lake: LakeOption = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """Write an entry for HOST into the first folder of your own signatures, marked experimental."""
    from sensor.catalog.load import BUILT_IN
    from sensor.errors import UsageError

    host = _spelt(host)
    settings = settings_from(config, lake=lake)
    folders = (*(signatures or ()), *settings.signatures)
    if not folders:
        raise UsageError("no folder of your own signatures", hint="name one: --signatures DIR")
    entry = _entry(host, name, category, access)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not slug:
        raise UsageError(f"'{name}' has no letter or digit", hint="give the service's name in Latin letters")
    vendor = folders[0] / "vendors" / slug
    # a file at the same place would replace the one there
    known = [place / "vendors" / slug for place in (*folders, BUILT_IN)]
    if found := next((place for place in known if (place / f"{slug}.yml").exists()), None):
        hint = "edit it, or choose another --name"
        raise UsageError("this entry exists already", place=str(found / f"{slug}.yml"), hint=hint)
    files = {f"{slug}.yml": entry}
    if not any((place / "vendor.yml").exists() for place in (vendor, known[-1])):
        files["vendor.yml"] = {"name": name, "homepage": f"https://{host}"}
    _write(vendor, files)
    typer.echo(f"{vendor / slug}.yml written; it counts wherever --signatures {folders[0]} is given")


@app.command("dismiss")
def dismiss(
    host: Annotated[
        str, typer.Argument(metavar="HOST", help="A listed host, or a domain with everything below it.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why it is not AI, for whoever asks later.")
    ],
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Take HOST off the list, with a reason."""
    host = _spelt(host)
    settings = settings_from(config, lake=lake, state=state)
    kept = _dismissed(settings)
    kept[host] = {"reason": reason, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    file = _dismissals(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".tmp")
    draft.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(file)
    typer.echo(f"{host} is not listed again ({file})")


def _spelt(host: str) -> str:
    """The host as the lake spells names."""
    return host.lower().rstrip(".")


def _ranked(settings: Settings, days: int) -> pl.DataFrame:
    """The ranking of all names of the lake seen within `days`, without those dismissed.

    They are taken out first: the ranking has one name per domain, and another one may be worth a look.
    """
    import polars as pl

    from analytics.exports.guard import ancestors
    from analytics.lake import open_views
    from sensor.match.candidates import NAMES, rank
    from sensor.match.index import Index
    from sensor.store.lake import log_access

    place = existing_lake(settings)
    with analysing(place):
        views = open_views(place.path, restricted=True)
        log_access(place.path, query="shadowai candidates: names of all hosts")
        rows = views.execute(_QUERY, [days]).fetchall()
    dismissed = _dismissed(settings).keys()
    rows = [row for row in rows if dismissed.isdisjoint(ancestors(row[0]))]
    names = pl.DataFrame(rows, schema=NAMES, orient="row")
    catalog = catalog_of(settings)
    return rank(names, Index.build(catalog.indicators), datetime.now(UTC))


def _entry(host: str, name: str, category: str, access: str) -> dict[str, Any]:
    """An entry for everything below `host`, with a hit as proof, which `catalog check` runs."""
    from sensor.catalog.model import is_host
    from sensor.errors import UsageError

    if not is_host(host):
        raise UsageError(f"'{host}' is not a host name", hint="write it like chat.example.com")
    return {
        "name": name,
        "category": category,
        "experimental": True,
        "indicators": [
            {
                "suffix": host,
                "access": access,
                "certainty": "unsure",
                "reference": "general knowledge",
                "checked": datetime.now(UTC).date(),
            }
        ],
        "hits": [{"host": host}, {"host": f"www.{host}"}],
        "misses": [{"host": f"not{host}"}],
    }


def _write(vendor: Path, files: dict[str, dict[str, Any]]) -> None:
    """Write the new files of a vendor. Raises CatalogError if the catalog would have mistakes with them."""
    import yaml

    from sensor.catalog.load import load
    from sensor.errors import CatalogError

    fresh = [vendor / name for name in files]
    vendor.mkdir(parents=True, exist_ok=True)
    for file in fresh:
        text = yaml.safe_dump(files[file.name], sort_keys=False, allow_unicode=True)
        file.write_text(text, encoding="utf-8")
    try:
        load(vendor.parents[1])
    except CatalogError:
        for file in fresh:
            file.unlink()
        raise


def _dismissals(settings: Settings) -> Path:
    from sensor.settings import state_path

    return state_path(settings) / "dismissed.json"


def _dismissed(settings: Settings) -> dict[str, Any]:
    """The dismissed names and their reasons, by host."""
    from sensor.errors import UsageError

    file = _dismissals(settings)
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError("dismissals cannot be read", place=str(file), hint="correct or remove it") from error
    return kept if isinstance(kept, dict) else {}
