"""The catalog as the product uses it: read, checked, versioned and cached.

    catalog = load(Path("our-signatures"), cache=state / "catalog")
    index = Index.build(catalog.indicators)         # sensor.match
    lake_table = catalog.frame()                    # sensor.schema.CATALOG

Errors are `CatalogProblems` (a `CatalogError`, exit code 4): every mistake, one line each.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
from pydantic import ValidationError

import sensor
from sensor import schema
from sensor.catalog import blind, index
from sensor.catalog.blind import BlindSpot
from sensor.catalog.model import Strict, Vocabulary
from sensor.catalog.read import Draft, Entry, File, collect, draft

#: The catalog that ships with the product: beside the code, in a checkout as in a wheel.
BUILT_IN = Path(sensor.__file__).parents[1] / "signatures"

#: Part of the cache key; raised when the meaning of the cached form changes.
CACHE_FORMAT = 2


class _Cached(Strict):
    """The compiled form on disk."""

    version: str
    vocabulary: Vocabulary
    entries: tuple[Entry, ...]
    blind_spots: tuple[BlindSpot, ...]


@dataclass(frozen=True)
class Catalog:
    """All services, sorted by id, and the version every sighting and report carries."""

    entries: tuple[Entry, ...]
    vocabulary: Vocabulary
    #: date of the newest check and hash of the content: 2026.11.22+1f3c9a
    version: str
    #: places behind which the sensor is blind
    blind_entries: tuple[BlindSpot, ...] = ()

    @cached_property
    def indicators(self) -> pl.DataFrame:
        """One row per indicator, with the columns of `sensor.catalog.index.INDICATORS`."""
        return index.indicators(self.entries, self.vocabulary)

    @cached_property
    def blind_spots(self) -> pl.DataFrame:
        """One row per way to recognise a blind spot; columns of `sensor.catalog.blind.BLIND_SPOTS`."""
        return blind.blind_spots(self.blind_entries)

    def frame(self) -> pl.DataFrame:
        """One row per service, as the lake's `catalog` table."""
        return schema.CATALOG.conform(index.services(self.entries, self.vocabulary, self.version))

    def find(self, app: str) -> Entry | None:
        """The entry with this id, or None."""
        return next((entry for entry in self.entries if entry.app == app), None)

    def search(self, words: str) -> list[Entry]:
        """Entries in whose id, name, vendor, category or indicator values every word occurs."""
        wanted = words.lower().split()
        return [entry for entry in self.entries if all(word in _haystack(entry) for word in wanted)]


def load(*overlays: Path, cache: Path | None = None) -> Catalog:
    """The built-in catalog with `overlays` laid over it, later ones winning file by file.

    `cache` is a folder for the compiled form, keyed by content; a folder that cannot be written and
    a damaged file are ignored, because the cache is only there for speed.
    """
    files = collect((BUILT_IN, *overlays))
    digest = _digest(files)
    cached = _read_cache(cache, digest) if cache else None
    if cached is None:
        drafted = draft(files)
        cached = _Cached(
            version=_version(drafted, digest),
            vocabulary=drafted.vocabulary,
            entries=drafted.entries,
            blind_spots=drafted.blind_spots,
        )
        if cache:
            _write_cache(cache, digest, cached)
    return Catalog(cached.entries, cached.vocabulary, cached.version, cached.blind_spots)


def _digest(files: Iterable[File]) -> str:
    """Hash of the catalog's content: places and bytes, wherever the folder lies."""
    digest = hashlib.sha256(f"catalog {CACHE_FORMAT}".encode())
    for file in files:
        digest.update(f"\0{file.key}\0{len(file.content)}\0".encode())
        digest.update(file.content)
    return digest.hexdigest()


def _version(drafted: Draft, digest: str) -> str:
    checked = [indicator.checked for entry in drafted.entries for indicator in entry.service.indicators]
    checked += [spot.checked for spot in drafted.blind_spots]
    newest = f"{max(checked):%Y.%m.%d}" if checked else "0"
    return f"{newest}+{digest[:6]}"


def _haystack(entry: Entry) -> str:
    service = entry.service
    values = " ".join(indicator.value for indicator in service.indicators)
    return f"{entry.app} {service.name} {entry.vendor.name} {service.category} {values}".lower()


def _cache_file(folder: Path, digest: str) -> Path:
    return folder / f"catalog-{digest[:32]}.json"


def _read_cache(folder: Path, digest: str) -> _Cached | None:
    try:
        return _Cached.model_validate_json(_cache_file(folder, digest).read_bytes())
    except (OSError, ValidationError):
        return None


def _write_cache(folder: Path, digest: str, cached: _Cached) -> None:
    """Write beside and rename, so that a reader never sees half a file; give up silently."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".catalog-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(cached.model_dump_json(exclude_unset=True).encode())
            Path(name).replace(_cache_file(folder, digest))
        except OSError:
            Path(name).unlink(missing_ok=True)
