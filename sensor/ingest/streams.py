"""Logs that never end, stored as they come: files that are followed (follow.py) and sockets (listen.py).

Each such input is a `Stream`. A commit holds nothing back: everything before the committed position is
stored, so that after a crash a stream continues exactly there. State that earlier lines began (sessions,
leases, DNS answers) is restored by reading the last part of a followed file again; what a socket received
cannot be read again, so its state starts empty.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial

from sensor.ingest.batches import Grouping, joined
from sensor.ingest.behind import Behind
from sensor.ingest.installation import Installation, SensorKind
from sensor.ingest.pipeline import CatalogInUse
from sensor.ingest.summary import Summary
from sensor.sources.interface import Batch, Input
from sensor.sources.logs.lines.blocks import Block
from sensor.sources.logs.log_format import LogFormat

#: New lines wait this long, to be processed and stored together: a few cost as much as thousands …
COMMIT_S = 2.0
#: … or as soon as this many bytes of text wait.
COMMIT_BYTES = 64 * 1024 * 1024
#: How often files and sockets are checked for new lines.
POLL_S = 0.25
_GROUPING = Grouping()


class Stream:
    """One endless input: takes blocks of lines, commits segments.

    Lines are parsed on the caller's thread. The rest is done `behind`, on another thread, which keeps working
    after `read` has returned.
    """

    def __init__(
        self, installation: Installation, kind: type[LogFormat], source_input: Input, behind: Behind
    ) -> None:
        """`source_input` must be a single file or stream of format `kind`, and nothing be in hand. Raises
        LakeError."""
        self._installation = installation
        self.kind = kind
        (self.file,) = source_input.files
        self._behind = behind
        self._also: list[SensorKind] = []
        sensor = installation.sensor_of(kind, source_input)
        source = installation.source(kind, sensor)
        self._mixture = installation.mixture(kind, source_input, self._also)
        self.summary = Summary(source_input.name, source.name)
        assert isinstance(source, LogFormat)
        self._commits = installation.commits(source_input)
        #: positions: what was read, processed, committed
        self.position = self._processed = self._committed = self._commits.progress().position
        self._reader = source.reader(self.file.head, self.file.modified, resumed=self.position > 0)
        self._has_rows = False
        self._since = 0.0
        self._sensors: list[SensorKind] = [(sensor, kind)]
        installation.introduce(self._sensors)

    def use(self, catalog: CatalogInUse) -> None:
        """Use another catalog from the next lines on; `settle` before the installation gets it."""
        self._mixture.use(catalog)
        self._installation.introduce(self._sensors)

    def read(self, blocks: Iterable[Block], since: float, written: datetime) -> None:
        """Parse blocks of lines; they are processed, and committed when it is time, behind that.

        The first waited `since` then (`time.monotonic()`); the newest was `written` then. Raises LakeError.
        """
        self._reader.refer_to(written)
        waited: float | None = since
        for batch in joined(self._batches(blocks), _GROUPING):
            self._behind.hand(partial(self._take, batch, waited))
            waited = None

    def _batches(self, blocks: Iterable[Block]) -> Iterator[Batch]:
        for block in blocks:
            self.position = block.end
            yield from self._reader.batches(block)

    def _take(self, batch: Batch, since: float | None) -> None:
        self._mixture.add(batch)
        if not self._has_rows:
            self._since = self._since if since is None else since
            self._has_rows = True
        if not batch.is_part:
            self._processed = batch.position
            if self._is_due():
                self._store()

    def remember(self, past: Iterable[Block]) -> None:
        """Restore state from `past` lines, which an earlier run stored; they are not stored again."""
        self._behind.settle()
        for block in past:
            for batch in self._reader.batches(block):
                self._mixture.add(batch)

    def settle(self) -> None:
        """Wait until everything read is processed."""
        self._behind.settle()

    def commit_if_due(self) -> None:
        """Store what was processed if it waits long enough. Raises LakeError.

        While something is in hand, that stores it itself, if it is of this stream; another file that never
        rests must not keep it waiting for much longer.
        """
        if self._behind.is_idle() or self._waits_for() >= 2 * COMMIT_S:
            self._behind.settle()
            if self._is_due():
                self._store()

    def commit(self) -> None:
        """Store everything read so far. Raises LakeError."""
        self._behind.settle()
        self._store()

    def finish(self) -> None:
        """Commit, and record that the input was read to its end. Raises LakeError."""
        self.commit()
        self._commits.finish(self._committed)

    def _is_due(self) -> bool:
        """True if rows wait long enough, or enough of them, to be committed."""
        waiting = self._processed - self._committed
        return self._waits_for() >= COMMIT_S or (self._has_rows and waiting >= COMMIT_BYTES)

    def _waits_for(self) -> float:
        """Seconds since the first row came that is not committed; 0 without one."""
        return time.monotonic() - self._since if self._has_rows else 0.0

    def _store(self) -> None:
        if not self._has_rows:
            return
        frames = self._mixture.flush(self._processed, last=True)
        self.summary.count(frames)
        self._commits.commit(self._committed, self._processed, frames)
        self._committed = self._processed
        self._has_rows, self._since = False, time.monotonic()
        if self._also:
            self._installation.introduce(self._also)
            self._sensors += self._also
            self._also.clear()
