"""A pipeline for tests: the built-in catalog, keys in a folder, no settings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import polars as pl

from sensor.catalog.load import load
from sensor.identity.known import Known
from sensor.identity.scope import Scopes
from sensor.ingest.intake import Intake, Origin
from sensor.ingest.mixture import Mixture
from sensor.ingest.people import People
from sensor.ingest.pipeline import CatalogInUse, Pipeline
from sensor.match.blindness import Blindness
from sensor.match.index import Index
from sensor.match.questions import Questions
from sensor.privacy.admission import Admission
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import Pseudonyms
from sensor.privacy.rotation import LeaseRotation
from sensor.settings import Networks
from sensor.sources.interface import Batch, Input


@cache
def _index() -> Index:
    return Index.build(load().indicators)


def pipeline_in(folder: Path, blindness: Blindness | None = None) -> Mixture:
    """What happens to the batches of a SPAN sensor in `hq`, with keys in `folder`."""
    scopes, keys = Scopes(Networks()), Keys(folder, "UTC")
    pseudonyms = Pseudonyms(keys, "pseudonymous", scopes.is_internal)
    people = People("hq", keys, pseudonyms, Known(), LeaseRotation(keys), scopes)
    origin = Origin("s", "hq", "span", "test")
    catalog = CatalogInUse("1", _index(), blindness)
    return Mixture(
        ("test", Input((), "in")),
        lambda _, of: Intake(origin, of.identity, Admission(keys), questions=Questions(scopes.is_proxy)),
        lambda its: Pipeline(its, catalog, scopes, keys, pseudonyms, people),
    )


def tables_of(pipeline: Mixture, batches: Sequence[Batch]) -> dict[str, pl.DataFrame]:
    """The tables of all batches, flushed after each."""
    flushed = []
    for nth, batch in enumerate(batches, 1):
        pipeline.add(batch)
        flushed.append(pipeline.flush(batch.position, last=nth == len(batches)))
    return {name: pl.concat(frames[name] for frames in flushed) for name in flushed[0]}
