"""Inputs that mix lines of several formats: one pipeline for each, with a common memory of DNS answers.

The file of a syslog server may hold DNS lookups, proxy requests and firewall sessions. In the lake each
format is a sensor and a source of its own, but the DNS lines name the sessions of the others.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sensor.pipeline import Pipeline
from sensor.sources.interface import Batch


class Mixture:
    """Sends each batch to the pipeline of its format; used like a `Pipeline` (the protocol `Processor`)."""

    def __init__(self, name: str, first: Pipeline, other: Callable[[str], Pipeline]) -> None:
        """`first` gets the batches of source `name`; `other(source)` makes the pipeline of another one."""
        self._name = name
        self._pipelines = {name: first}
        self._other = other

    @property
    def waiting(self) -> int:
        """Number of matched observations that wait for `flush`."""
        return sum(pipeline.waiting for pipeline in self._pipelines.values())

    def add(self, batch: Batch) -> None:
        """Name, match and count the rows of a batch."""
        name = batch.source or self._name
        if name not in self._pipelines:
            self._pipelines[name] = self._other(name)
        self._pipelines[name].add(batch)

    def flush(self, position: int, *, last: bool) -> dict[str, pl.DataFrame]:
        """The tables of all pipelines, concatenated; see `Pipeline.flush`."""
        parts = [pipeline.flush(position, last=last) for pipeline in self._pipelines.values()]
        return {table: pl.concat([part[table] for part in parts]) for table in parts[0]}
