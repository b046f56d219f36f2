"""The first steps for the batches of one input: refuse what must not be stored, tell lookups from queries,
name connections by DNS answers.

They depend on what came earlier in the input, so each input has an `Intake` of its own (one for each format
if it mixes formats, with the same memory of DNS). Resolvers' logs also name the connections of other logs of
the site. What follows (`pipeline.py`) may take several inputs at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from sensor import schema
from sensor.match.coverage import naming_counts
from sensor.match.naming import NameTable
from sensor.match.questions import Questions
from sensor.privacy.admission import Admission
from sensor.privacy.canonical import canonical
from sensor.sources.interface import Batch
from sensor.sources.logs.rows import headers

#: What a row says was sent and received, in bytes and packets.
VOLUMES = (
    "bytes_up", "bytes_down", "wire_bytes_up", "wire_bytes_down", "packets_up", "packets_down", "lost_bytes",
    "total_bytes_up", "total_bytes_down",
)  # fmt: skip
#: More is a mistake, or a lie: a day at 3 Gbit/s. Sums of a few such numbers would not fit into 64 bits.
MOST_VOLUME = 2**45


@dataclass(frozen=True)
class Origin:
    """Where rows come from: sensor, site, vantage, kind of source."""

    sensor: str
    site: str
    vantage: str
    source: str

    def columns(self) -> list[pl.Expr]:
        """One literal String expression per field, named like the column."""
        return [pl.lit(value, dtype=pl.String).alias(name) for name, value in vars(self).items()]


def _observations() -> pl.DataFrame:
    nowhere = Origin("", "", "", "").columns()
    return schema.OBSERVATIONS.empty().with_columns(*nowhere, input=pl.lit(""))


@dataclass(frozen=True)
class Taken:
    """What was taken of a batch; all frames but leases have the columns of the origin, and `input`."""

    #: table OBSERVATIONS
    observations: pl.DataFrame = field(default_factory=_observations)
    #: table COVERAGE
    coverage: pl.DataFrame = field(default_factory=schema.COVERAGE.empty)
    #: input, minute, named_flows, ech (`coverage.naming_counts`)
    naming: pl.DataFrame | None = None
    #: table LEASES
    leases: pl.DataFrame = field(default_factory=schema.LEASES.empty)
    #: table REJECTS
    rejects: pl.DataFrame = field(default_factory=schema.REJECTS.empty)


class Intake:
    """Takes the batches of one input in their order."""

    def __init__(
        self,
        origin: Origin,
        identity: str,
        admission: Admission,
        naming: NameTable | None = None,
        questions: Questions | None = None,
        of_resolvers: NameTable | None = None,
    ) -> None:
        """`identity` is that of the input. `naming` and `questions` hold the DNS answers and queries seen in
        it; the intakes of one input share them. `of_resolvers`: answers from other inputs, asked last."""
        self.origin = origin
        self._columns = [*origin.columns(), pl.lit(identity).alias("input")]
        self._admission = admission
        # One that has learned nothing yet is false.
        self._naming = NameTable() if naming is None else naming
        self._of_resolvers = of_resolvers
        self._questions = questions or Questions()
        self._clock: datetime | None = None

    def take(self, batch: Batch) -> Taken | None:
        """The rows of the batch to be counted; None for a replay, whose rows are only remembered."""
        admitted = self._admission.admit(batch.frames, batch.position)
        batch = replace(batch, frames={name: canonical(frame) for name, frame in admitted.items()})
        observations = _usable(schema.OBSERVATIONS.of(batch.frames))
        observations, aside = self._questions.mark(observations)
        self._naming.learn(schema.ANSWERS.of(batch.frames))
        if batch.is_replay:
            return None
        named = self._naming.name(observations)
        if self._of_resolvers is not None and len(self._of_resolvers):
            named = self._of_resolvers.name(named)
        return Taken(
            named.with_columns(self._columns),
            schema.COVERAGE.conform(schema.COVERAGE.of(batch.frames).with_columns(self._columns)),
            naming_counts(observations, named).with_columns(self._columns[-1]),
            schema.LEASES.of(batch.frames),
            self._rejects(batch, aside),
        )

    def _rejects(self, batch: Batch, aside: dict[str, int]) -> pl.DataFrame:
        """The rejects of the batch; `aside` counts, by reason, observations set aside after reading."""
        rejects = schema.REJECTS.of(batch.frames)
        if aside:  # their place is where the batch ends
            rejects = pl.concat([rejects, set_aside(batch.position, aside)])
        # A block may hold no readable time: its rejects get the newest time read before.
        newest = schema.COVERAGE.of(batch.frames)["last_seen"].max()
        if isinstance(newest, datetime):
            self._clock = newest
        at = pl.col("rejected_at").fill_null(pl.lit(self._clock, dtype=schema.TIME))
        return schema.REJECTS.conform(rejects.with_columns(*self._columns, at))


def set_aside(position: int, counts: dict[str, int]) -> pl.DataFrame:
    """Table REJECTS, without the columns of the origin: a row for each reason with its count."""
    return schema.REJECTS.conform(
        pl.DataFrame({"place": str(position), "reason": list(counts), "count": list(counts.values())})
    )


def _usable(observations: pl.DataFrame) -> pl.DataFrame:
    """The rows with a time. A log line describes a whole connection, so its bytes are also the totals.

    Volumes that no connection has are unknown.
    """
    if observations["seen_at"].has_nulls():  # filtering without need would copy the frame
        observations = observations.filter(pl.col("seen_at").is_not_null())
    too_much = observations.select(pl.col(VOLUMES).max() > MOST_VOLUME).row(0, named=True)
    observations = observations.with_columns(
        pl.when(pl.col(name) <= MOST_VOLUME).then(name).alias(name)
        for name, is_wild in too_much.items()
        if is_wild
    )
    totals = (
        pl.coalesce(f"total_{name}", name).alias(f"total_{name}") for name in ("bytes_up", "bytes_down")
    )
    return headers.removed(observations.with_columns(totals))
