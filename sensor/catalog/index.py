"""Entries as frames: one row per indicator for the matcher, one row per service for the lake. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from sensor.catalog.model import Indicator, Role, Vocabulary
from sensor.catalog.read import Entry

#: The matcher's input. `signature` is `app#kind:value`; `confidence` is that of an undoubted name.
INDICATORS: dict[str, pl.DataType] = {
    "signature": pl.String(),
    "app": pl.String(),
    "kind": pl.String(),
    "value": pl.String(),
    "access": pl.String(),
    "role": pl.String(),
    "confidence": pl.Float64(),
    "upload_baseline_bytes": pl.Int64(),
    "certainty": pl.String(),
    "reference": pl.String(),
    "checked": pl.Date(),
}

#: A hit on a host that also serves other things, or of an unproven entry, is believed this much less.
SHARED_FACTOR = 0.5
EXPERIMENTAL_FACTOR = 0.8


def indicators(entries: Iterable[Entry], vocabulary: Vocabulary) -> pl.DataFrame:
    """All indicators of `entries`, with the columns of `INDICATORS`, in entry order."""
    rows = [row for entry in entries for row in _rows(entry, vocabulary)]
    return pl.DataFrame(rows, schema=INDICATORS, orient="row")


def services(entries: Iterable[Entry], vocabulary: Vocabulary, version: str) -> pl.DataFrame:
    """All `entries`, with the columns of the lake's `catalog` table."""
    return pl.DataFrame(
        [
            {
                "app": entry.app,
                "service": entry.service.name,
                "vendor": entry.vendor.name,
                "category": entry.service.category,
                "country": entry.vendor.country,
                "shared": {role(i, vocabulary) for i in entry.service.indicators} - {"support"}
                == {"embedded"},
                "experimental": entry.service.experimental,
                "trains_by_default": _attribute(entry, "trains_by_default"),
                "upload_baseline_bytes": _service_baseline(entry, vocabulary),
                "catalog_version": version,
            }
            for entry in entries
        ],
        schema_overrides={"trains_by_default": pl.Boolean, "country": pl.String},
    )


def role(indicator: Indicator, vocabulary: Vocabulary) -> Role:
    """What a hit counts as: side doors never, shared hosts only as a possibility, the rest as use."""
    of_access = vocabulary.access[indicator.access].role
    if of_access == "use" and indicator.shared:
        return "embedded"
    return of_access


def baseline(entry: Entry, indicator: Indicator, vocabulary: Vocabulary) -> int:
    """Bytes a visit through this door sends without any prompt: the service's figure, else the class's."""
    own = entry.service.upload_baseline_bytes
    return vocabulary.access[indicator.access].upload_baseline_bytes if own is None else own


def _attribute(entry: Entry, name: str) -> bool | str | tuple[str, ...] | None:
    known = entry.service.attributes.get(name)
    return known.value if known else None


def _service_baseline(entry: Entry, vocabulary: Vocabulary) -> int:
    """The largest baseline of the service's doors; of its side doors only where it has no others."""
    found = [
        (role(i, vocabulary) != "support", baseline(entry, i, vocabulary)) for i in entry.service.indicators
    ]
    return max(found)[1]


def _rows(entry: Entry, vocabulary: Vocabulary) -> Iterator[tuple[Any, ...]]:
    for indicator in entry.service.indicators:
        confidence = vocabulary.certainty[indicator.certainty].confidence
        confidence *= SHARED_FACTOR if indicator.shared else 1.0
        confidence *= EXPERIMENTAL_FACTOR if entry.service.experimental else 1.0
        yield (
            f"{entry.app}#{indicator.kind}:{indicator.value}",
            entry.app,
            indicator.kind,
            indicator.value,
            indicator.access,
            role(indicator, vocabulary),
            round(confidence, 3),
            baseline(entry, indicator, vocabulary),
            indicator.certainty,
            indicator.reference,
            indicator.checked,
        )
