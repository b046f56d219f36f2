"""Loads the catalog: reads, checks, versions and caches it.

    catalog = load(Path("our-signatures"), cache=state / "catalog")
    index = Index.build(catalog.indicators)         # sensor.match
    lake_table = catalog.frame()                    # sensor.schema.CATALOG

Errors are `CatalogProblems` (a `CatalogError`, exit code 4): every mistake, one line each.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import sensor
from sensor import schema
from sensor.catalog import cache as disk
from sensor.catalog.files import File, collect

if TYPE_CHECKING:
    from sensor.catalog.read import Draft

#: The catalog that ships with the product: beside the code, in a checkout as in a wheel.
BUILT_IN = Path(sensor.__file__).parents[1] / "signatures"


@dataclass(frozen=True)
class Catalog:
    """All services as frames, sorted by id, and the version that sightings and reports carry."""

    #: date of the newest check and hash of the content: 2026.11.22+1f3c9a
    version: str
    #: one row per indicator, with the columns of `sensor.catalog.index.INDICATORS`
    indicators: pl.DataFrame
    #: one row per service, with the columns of `sensor.catalog.index.SERVICES`
    services: pl.DataFrame
    #: what is known about services, with the columns of `sensor.catalog.index.ATTRIBUTES`
    attributes: pl.DataFrame
    #: what scores are made of, with the columns of `sensor.catalog.index.RISKS`
    risks: pl.DataFrame
    #: one row per way to recognise a blind spot; columns of `sensor.catalog.blind.BLIND_SPOTS`
    blind_spots: pl.DataFrame

    def frame(self) -> pl.DataFrame:
        """Rows of the table `catalog` for the lake, one per service."""
        return schema.CATALOG.conform(self.services.with_columns(catalog_version=pl.lit(self.version)))

    def search(self, words: str) -> pl.DataFrame:
        """The services with all of the words in their id, name, vendor, category or indicator values.

        A country's code in capitals (`US`) is where the head office is.
        """
        values = self.indicators.group_by("app").agg(pl.col("value").str.join(" "))
        text = pl.concat_str(
            "app", "service", "vendor", "category", "value", separator=" ", ignore_nulls=True
        ).str.to_lowercase()
        found = self.services.join(values, on="app", how="left", maintain_order="left").with_columns(
            text=text
        )
        for word in words.split():
            is_country = (self.services["country"] == word).any()
            has = pl.col("text").str.contains(word.lower(), literal=True)
            found = found.filter(pl.col("country") == word if is_country else has)
        return found.select(self.services.columns)


def load(*overlays: Path, cache: Path | None = None) -> Catalog:
    """The built-in catalog with `overlays` on top; of files with the same path, the last one counts.

    `cache` is a folder for the compiled form; if it cannot be written, or is damaged, that is ignored. Raises
    CatalogProblems.
    """
    folders = (BUILT_IN, *overlays)
    return compiled(folders) if cache is None else _cached(folders, cache)


def _cached(folders: Sequence[Path], folder: Path) -> Catalog:
    stamp = disk.stamp(folders)
    known = disk.read(folder, stamp)
    if known.keys() == {field.name for field in fields(Catalog)}:
        return Catalog(**known)
    fresh = compiled(folders)
    disk.write(folder, stamp, vars(fresh))
    return fresh


def compiled(folders: Iterable[Path]) -> Catalog:
    """The catalog in `folders`, later ones on top of earlier ones. Raises CatalogProblems."""
    # Not needed, and felt at every start, where the cache knows the catalog.
    from sensor.catalog import blind, index
    from sensor.catalog.read import draft

    files = collect(folders)
    drafted = draft(files)
    newest = _newest(drafted)
    services, risks = index.services(drafted.entries, drafted.vocabulary, drafted.rubric, newest)
    return Catalog(
        version=f"{newest:%Y.%m.%d}+{_digest(files)[:6]}",
        indicators=index.indicators(drafted.entries, drafted.vocabulary, drafted.retired),
        services=services,
        attributes=index.attributes(drafted.entries),
        risks=risks,
        blind_spots=blind.blind_spots(drafted.blind_spots),
    )


def _digest(files: Iterable[File]) -> str:
    """Hash of the catalog's content: places and bytes, wherever the folders lie."""
    digest = hashlib.sha256(b"catalog")
    for file in files:
        digest.update(f"\0{file.key}\0{len(file.content)}\0".encode())
        digest.update(file.content)
    return digest.hexdigest()


def _newest(drafted: Draft) -> datetime.date:
    """The newest date on which anything was checked."""
    dates = {claim.checked for entry in drafted.entries for claim in entry.claims}
    dates |= {spot.checked for spot in drafted.blind_spots}
    return max(dates, default=datetime.date.min)
