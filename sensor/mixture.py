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

    @property
    def waiting(self) -> int:
        """Rows taken and not given yet that may become sightings."""
        return sum(pipeline.waiting for pipeline in self._pipelines.values())

    def take(self, batch: Batch) -> None:
        """Match and count the rows of a batch."""
        name = batch.source or self._name
        if name not in self._pipelines:
            self._pipelines[name] = self._other(name)
        self._pipelines[name].take(batch)

    def give(self, position: int, *, last: bool) -> dict[str, pl.DataFrame]:
        """The tables of what was taken; with the last, what all pipelines held back."""
        parts = [pipeline.give(position, last=last) for pipeline in self._pipelines.values()]
        return {table: pl.concat([part[table] for part in parts]) for table in parts[0]}
