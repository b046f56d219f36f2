"""Inputs that hold lines of several kinds: one pipeline for each, one memory of what DNS told.

A syslog server's file may hold lookups, proxy requests and firewall sessions. Each kind is a sensor
and a source of its own in the lake; names told by DNS lines name the sessions of the others.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sensor.pipeline import Pipeline
from sensor.sources.interface import Batch


class Mixture:
    """Sends each part of a batch to the pipeline of its kind."""

    def __init__(self, name: str, first: Pipeline, other: Callable[[str], Pipeline]) -> None:
        """`first` takes the batches of kind `name`; `other` makes a pipeline for another kind."""
        self._name = name
        self._pipelines = {name: first}
        self._other = other

    def process(self, batch: Batch, *, last: bool) -> dict[str, pl.DataFrame]:
        """The tables of one batch; with the last one, what all pipelines still held back."""
        name = batch.source or self._name
        if name not in self._pipelines:
            self._pipelines[name] = self._other(name)
        return self._pipelines[name].process(batch, last=False) if not last else self._ended(name, batch)

    def flush(self, position: int) -> dict[str, pl.DataFrame]:
        """What all pipelines hold back, without waiting for an end."""
        return self._ended(self._name, Batch(position, {}))

    def _ended(self, name: str, batch: Batch) -> dict[str, pl.DataFrame]:
        """The tables of a last batch, and what was held back."""
        frames = self._pipelines[name].process(batch, last=True)
        rest = [
            pipeline.process(Batch(batch.position, {}), last=True)
            for other, pipeline in self._pipelines.items()
            if other != name
        ]
        return {table: pl.concat([frame, *(more[table] for more in rest)]) for table, frame in frames.items()}
