"""What a log format declares: which lines are its own (`claims`), and how they become `FIELDS` (`parse`, pure
and columnar). `reader.py` does everything else.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import polars as pl

from sensor.sources.interface import Source
from sensor.sources.logs.lines.framing import Framing
from sensor.sources.logs.rows import headers


@dataclass(frozen=True)
class Cut:
    """Lines of a block that were read by the compiled scanner, and the others."""

    #: `FIELDS`, one row a plain line; text may be Categorical
    parsed: pl.DataFrame
    #: offset (in the block's text) and bytes of these
    places: pl.DataFrame
    #: line, offset, bytes of what is left for `parse`
    odd: pl.DataFrame


class LineFormat(Source):
    """One log format in all its versions: which lines are its own, and how they become `FIELDS`."""

    #: True for the lines of this format: a cheap expression over `line` (without envelopes) and `tag` (the
    #: syslog program)
    claims: ClassVar[pl.Expr]
    #: texts in lower case, one of which is in every line that `claims` accepts (or in its tag), and in every
    #: header, in any case. Searching for them takes a hundredth of the time of `claims`, which is evaluated
    #: only if one is found. Without `marks`, `claims` is always evaluated.
    marks: ClassVar[tuple[str, ...]] = ()
    #: True for normalised schemas (ECS, OCSF, plain CEF …), which many products write
    generic: ClassVar[bool] = False
    #: True for the format that is asked after all others, because it knows fields by their names alone
    fallback: ClassVar[bool] = False
    #: regular expression of lines that name the columns of the next ones (CSV header, `#Fields:`)
    header: ClassVar[str] = ""
    #: time zone of its timestamps without an offset; overrides the settings
    own_zone: ClassVar[str | None] = None
    #: the same, but a zone set for this format overrides it; the zone of a sensor does not
    usual_zone: ClassVar[str | None] = None
    #: True if each of its lines says everything by itself: no sessions, one-way records, leases or lookups,
    #: which earlier lines can begin. Then none are read again where a log has grown or was rotated.
    is_stateless: ClassVar[bool] = False
    #: set if its byte counts include these headers; they are subtracted in records that also count packets
    counts_headers: ClassVar[headers.Layer | None] = None
    #: how to find its records, if one is more than a line (framing.py). JSON documents need no framing of
    #: their own.
    framing: ClassVar[Framing | None] = None
    resumable: ClassVar[bool] = True
    splits_lines: ClassVar[bool] = True

    def __init__(
        self, internal_networks: Sequence[str] = (), *, zone: str = "UTC", reference: datetime | None = None
    ) -> None:
        """`zone`: time zone of timestamps without an offset. `reference`: timestamps without a year are near
        it."""
        super().__init__(internal_networks)
        self.reference = reference
        self._default_zone = zone
        self._zones: Mapping[str, str] = {}
        #: format of lines that were read → by how much their times are later than those of their envelopes
        self.apart: dict[str, timedelta] = {}

    @property
    def zone(self) -> str:
        """Time zone of timestamps without an offset."""
        return self.own_zone or self._zones.get(self.name, self.usual_zone or self._default_zone)

    def localise(self, zones: Mapping[str, str], default: str | None) -> None:
        """As in `Source`; a zone set for this format overrides that of the sensor."""
        self._zones = dict(zones)
        self._default_zone = default or self._default_zone

    def other(self, kind: type[LineFormat]) -> LineFormat:
        """The format `kind`, for other lines of the same input."""
        made = kind(self.internal_networks, reference=self.reference)
        made.localise(self._zones, self._default_zone)
        return made

    @abstractmethod
    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """`FIELDS` of `lines`, one row per line unless `row` says otherwise; pure, never raises.

        `lines` has columns `line` (without envelopes), `tag` (syslog program), `sender` (host that
        logged it), `header` (the latest line matching `header` above it); all String.
        """

    def cut(self, text: bytes) -> Cut | None:
        """What the compiled scanner reads of `text`: plain lines of this format, without envelope and header.

        The rows are the same as those of `parse`. None if the scanner has no layout for these lines.
        """
        return None

    @classmethod
    def may_own(cls, text: str) -> bool:
        """True if `text`, in lower case, may hold a line or a header of this format."""
        return not cls.marks or any(mark in text for mark in cls.marks)
