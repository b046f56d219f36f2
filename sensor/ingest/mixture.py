"""One pipeline for each origin that turns up in an input, or in several that are read together.

The file of a syslog server may hold DNS lookups, proxy requests and firewall sessions. In the lake each
format is a sensor and a source of its own, but the DNS lines name the sessions of the others: the intakes of
an input share their memory of DNS.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import polars as pl

from sensor.ingest.intake import Intake, Origin, Taken
from sensor.ingest.pipeline import CatalogInUse, Pipeline
from sensor.sources.interface import Batch, Input


class Mixture:
    """Sends what is taken of each batch to the pipeline of its origin (the protocol `Processor`)."""

    def __init__(
        self,
        first: tuple[str, Input],
        intake: Callable[[str, Input], Intake],
        pipeline: Callable[[Origin], Pipeline],
    ) -> None:
        """`first`: the source and the input of batches that name none.

        `intake` and `pipeline` make those of a source and input, and of an origin, once each is needed.
        """
        self._first = first
        self._new_intake, self._new_pipeline = intake, pipeline
        self._intakes: dict[tuple[str, str], Intake] = {}
        self._pipelines: dict[Origin, Pipeline] = {}
        self._pipeline_of(self._intake_of(*first))  # an input without batches has tables, too

    @property
    def waiting(self) -> int:
        """Number of matched observations that wait for `flush`."""
        return sum(pipeline.waiting for pipeline in self._pipelines.values())

    def use(self, catalog: CatalogInUse) -> None:
        """Use another catalog from the next batch on."""
        for pipeline in self._pipelines.values():
            pipeline.use(catalog)

    def add(self, batch: Batch) -> None:
        """Take the rows of a batch of the first input; match and count them."""
        self.add_together([(self._first[0], self._first[1], batch)])

    def add_together(self, batches: Iterable[tuple[str, Input, Batch]]) -> None:
        """Take the rows of batches, each with the source and input that gave it; match and count them
        together."""
        taken: dict[Pipeline, list[Taken]] = defaultdict(list)
        for source, of, batch in batches:
            intake = self._intake_of(batch.source or source, of)
            if (rows := intake.take(batch)) is not None:
                taken[self._pipeline_of(intake)].append(rows)
        for pipeline, of_origin in taken.items():
            pipeline.add(of_origin)

    def flush(self, position: int, *, last: bool) -> dict[str, pl.DataFrame]:
        """The tables of all pipelines, concatenated; see `Pipeline.flush`."""
        parts = [pipeline.flush(position, last=last) for pipeline in self._pipelines.values()]
        return {table: pl.concat([part[table] for part in parts]) for table in parts[0]}

    def _intake_of(self, source: str, of: Input) -> Intake:
        key = (of.identity, source)
        if key not in self._intakes:
            self._intakes[key] = self._new_intake(source, of)
        return self._intakes[key]

    def _pipeline_of(self, intake: Intake) -> Pipeline:
        if intake.origin not in self._pipelines:
            self._pipelines[intake.origin] = self._new_pipeline(intake.origin)
        return self._pipelines[intake.origin]
