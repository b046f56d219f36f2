"""Turns entries into frames: indicators for matching, services for the lake, attributes for people. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Set
from typing import Any

import polars as pl

from sensor import schema
from sensor.catalog import risk
from sensor.catalog.doors import with_doors
from sensor.catalog.entry import Claim, Entry
from sensor.catalog.model import Role, Vocabulary

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

#: Known only once the catalog is compiled, or stored.
_OF_THE_LAKE = ("catalog_version", "landed_at")

#: One row per service: the lake's `catalog` table before its version is known, and the homepage.
SERVICES: dict[str, pl.DataType] = {
    **{name: dtype for name, dtype in schema.CATALOG.dtypes.items() if name not in _OF_THE_LAKE},
    "homepage": pl.String(),
}

#: One row per service and known fact.
ATTRIBUTES: dict[str, pl.DataType] = {
    "app": pl.String(),
    "attribute": pl.String(),
    "value": pl.String(),
    "reference": pl.String(),
    "checked": pl.Date(),
}

#: One row per service and factor of its score: points from `low` to `high`, `value` NULL where unknown.
RISKS: dict[str, pl.DataType] = {
    "app": pl.String(),
    "factor": pl.String(),
    "value": pl.String(),
    "low": pl.Int16(),
    "high": pl.Int16(),
}

#: Factor on the confidence of a hit on a host that also serves other things, or of an unproven entry.
SHARED_FACTOR = 0.5
EXPERIMENTAL_FACTOR = 0.8


def indicators(
    entries: Iterable[Entry], vocabulary: Vocabulary, retired: Set[str] = frozenset()
) -> pl.DataFrame:
    """The indicators of `entries`, with the columns of `INDICATORS`, in the order of entries.

    Names in `retired` get no indicator by convention either.
    """
    found = with_doors(entries, vocabulary.door, retired)
    return _frame((row for entry in found for row in _claims(entry, vocabulary)), INDICATORS)


def services(
    entries: Iterable[Entry], vocabulary: Vocabulary, rubric: risk.Rubric, newest: datetime.date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All `entries` with the columns of `SERVICES`, and what their scores are made of (`RISKS`)."""
    scored = [(entry, risk.score(entry, rubric, newest)) for entry in entries]
    reasons = (
        (entry.app, reason.factor, reason.value, reason.low, reason.high)
        for entry, score in scored
        for reason in score.reasons
    )
    rows = [_service(entry, score, vocabulary) for entry, score in scored]
    return pl.DataFrame(rows, schema=SERVICES), _frame(reasons, RISKS)


def attributes(entries: Iterable[Entry]) -> pl.DataFrame:
    """All known facts about `entries`, with the columns of `ATTRIBUTES`."""
    rows = (
        (entry.app, name, risk.text(attribute), attribute.reference, attribute.checked)
        for entry in entries
        for name, attribute in sorted(entry.attributes.items())
    )
    return _frame(rows, ATTRIBUTES)


def role(claim: Claim, vocabulary: Vocabulary) -> Role:
    """What a hit counts as: support for side doors, embedded for shared hosts, use for the rest."""
    of_access = vocabulary.access[claim.access].role
    if of_access == "use" and claim.shared:
        return "embedded"
    return of_access


def baseline(entry: Entry, claim: Claim, vocabulary: Vocabulary) -> int:
    """Bytes that a visit sends without any prompt: the figure of the service, else of the access class."""
    own = entry.upload_baseline_bytes
    return vocabulary.access[claim.access].upload_baseline_bytes if own is None else own


def _frame(rows: Iterable[tuple[Any, ...]], dtypes: dict[str, pl.DataType]) -> pl.DataFrame:
    """Columns first: Polars would look at each row twice."""
    columns = list(zip(*rows, strict=True)) or [()] * len(dtypes)
    return pl.DataFrame(
        [
            pl.Series(name, column, dtype=dtype)
            for (name, dtype), column in zip(dtypes.items(), columns, strict=True)
        ]
    )


def _service(entry: Entry, score: risk.Score, vocabulary: Vocabulary) -> dict[str, Any]:
    trains = entry.attributes.get("trains_by_default")
    roles = {role(claim, vocabulary) for claim in entry.claims}
    return {
        "app": entry.app,
        "service": entry.name,
        "vendor": entry.vendor and entry.vendor.name,
        "category": entry.category,
        "country": entry.vendor and entry.vendor.country,
        "shared": roles - {"support"} == {"embedded"},
        "experimental": entry.experimental,
        "trains_by_default": trains and trains.value,
        "risk_low": score.low,
        "risk_high": score.high,
        "risk_known": score.known,
        "risk_asked": score.asked,
        "upload_baseline_bytes": _service_baseline(entry, vocabulary),
        "affected": ",".join(f"{a.advisory} {a.since} {a.before}" for a in entry.affected) or None,
        "homepage": entry.homepage,
    }


def _service_baseline(entry: Entry, vocabulary: Vocabulary) -> int | None:
    """The largest baseline of the service's doors; of its side doors only if it has no others."""
    found = [(role(c, vocabulary) != "support", baseline(entry, c, vocabulary)) for c in entry.claims]
    return max(found)[1] if found else None


def _claims(entry: Entry, vocabulary: Vocabulary) -> Iterator[tuple[Any, ...]]:
    for claim in entry.claims:
        confidence = vocabulary.certainty[claim.certainty].confidence * entry.factor
        confidence *= SHARED_FACTOR if claim.shared else 1.0
        confidence *= EXPERIMENTAL_FACTOR if entry.experimental else 1.0
        yield (
            f"{entry.app}#{claim.kind}:{claim.value}",
            entry.app,
            claim.kind,
            claim.value,
            claim.access,
            role(claim, vocabulary),
            round(confidence, 3),
            baseline(entry, claim, vocabulary),
            claim.certainty,
            claim.reference,
            claim.checked,
        )
