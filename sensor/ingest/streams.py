"""Logs that never end: files that are followed (`Follower`) and sockets (`Listener`), stored as they come.

Each such input is a `Stream`. A commit holds nothing back: everything before the committed position is
stored, so that after a crash a stream continues exactly there. State that earlier lines began (sessions,
leases, DNS answers) is restored by reading the last part of a followed file again; what a socket received
cannot be read again, so its state starts empty.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

from sensor import durable
from sensor.errors import LakeError
from sensor.ingest.batches import Grouping, joined
from sensor.ingest.behind import Behind
from sensor.ingest.installation import Installation, SensorKind
from sensor.ingest.pipeline import CatalogInUse
from sensor.ingest.renewal import CatalogRenewal
from sensor.ingest.summary import Summary
from sensor.sources.inputs.receive import Receiver
from sensor.sources.inputs.tail import Tail, Tails
from sensor.sources.interface import HEAD_BYTES, Batch, File, Input, Source
from sensor.sources.logs.formats.syslog import SyslogFormat
from sensor.sources.logs.lines.blocks import BLOCK_BYTES, Block, cleaned
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.sorting import NO_FORMAT
from sensor.sources.logs.text import scanner
from sensor.sources.rotated import rotation

#: New lines wait this long, to be processed and stored together: a few cost as much as thousands …
COMMIT_S = 2.0
#: … or this long for each file that grows, as each is stored by itself …
FILE_S = 1.0
#: … or as soon as this many bytes of text wait.
COMMIT_BYTES = 64 * 1024 * 1024
#: How often files and sockets are checked for new lines, and folders for new files.
POLL_S, LOOK_S = 0.25, 2.0
#: How often the catalog is checked for changes.
CATALOG_S = 30.0
#: Messages after which a listener that understands none of them says so.
ENOUGH_UNKNOWN = 20
_GROUPING = Grouping()


class Stream:
    """One endless input: takes blocks of lines, commits segments.

    Lines are parsed on the caller's thread. What follows is done `behind`, on another one, which goes on
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


class Follower:
    """Follows log files, through rotation and truncation, until `stop` is called."""

    def __init__(
        self,
        installation: Installation,
        patterns: list[str],
        kind_of: Callable[[bytes], type[Source] | None],
        tell: Callable[[str], None],
    ) -> None:
        """`patterns` are paths and globs; `kind_of(head)` gives the kind of a file, None if unknown.

        `tell` is called with lines for the user.
        """
        self._installation = installation
        self._tails = Tails(patterns)
        self._kind_of = kind_of
        self._tell = tell
        self._streams: list[tuple[Tail, Stream]] = []
        #: identities of files that another process follows
        self._taken: set[str] = set()
        #: files of which this run has read no line
        self._unread: set[Tail] = set()
        #: files of no known format; `position` is how much of their beginning was looked at
        self._unknown: set[Tail] = set()
        self._stopped = self._reload_asked = False
        self._renewal = CatalogRenewal(installation, tell)
        self._behind = Behind()
        self.summaries: list[Summary] = []

    def stop(self) -> None:
        """End `run` after the current block; may be called from a signal handler."""
        self._stopped = True

    def reload(self) -> None:
        """Reload the catalog before the next block, and report it; may be called from a signal handler."""
        self._reload_asked = True

    def run(self) -> None:
        """Read and commit new lines until `stop` is called. Raises LakeError."""
        self._installation.lake.create()
        looked, renewed = -LOOK_S, time.monotonic()
        with self._behind, scanner.compiling_behind():
            while not self._stopped:
                now = time.monotonic()
                if self._reload_asked or now - renewed >= CATALOG_S:
                    self._renew()
                    renewed = now
                if now - looked >= LOOK_S:
                    self._look(now)
                    looked = now
                if not self._step():
                    time.sleep(POLL_S)
            # Not after an error: what failed halfway would count as stored. The next run reads it again.
            for _, stream in self._streams:
                stream.finish()

    def _renew(self) -> None:
        """Use the catalog on disk if it has changed."""
        asked, self._reload_asked = self._reload_asked, False
        self._behind.settle()
        if self._renewal.look(again=asked):
            for _, stream in self._streams:
                stream.use(self._installation.catalog_in_use)

    def _look(self, now: float) -> None:
        for tail in [*self._grown(now), *self._tails.look(now)]:
            self._add(tail)
        for problem in self._tails.problems():
            self._tell(problem)
        for tail in self._tails.lost(now):
            self._drop(tail)

    def _grown(self, now: float) -> list[Tail]:
        """Files of no known format whose beginning is longer now, by an eighth, because to look at it takes
        time: a log may begin with a banner."""
        for tail in list(self._unknown):
            if tail.truncated():
                self._drop(tail)  # `look` opens it anew
        begun = [tail for tail in self._unknown if tail.position < HEAD_BYTES]
        grown = [tail for tail in begun if tail.size > tail.position * 9 // 8]
        for tail in grown:
            tail.active_at = now
        return grown

    def _add(self, tail: Tail) -> None:
        """Continue a file where an earlier run stopped."""
        self._behind.settle()
        size = tail.size
        source_input = tail.input()
        kind = self._kind_of(source_input.files[0].head)
        if kind is None:
            if tail not in self._unknown:
                hint = "`shadowai sources try` looks closer"
                self._tell(f"{source_input.name}: no log format I know yet; {hint}")
            self._unknown.add(tail)
            tail.position = size
            return
        self._unknown.discard(tail)
        if not issubclass(kind, LogFormat):
            why = "read as a whole: `shadowai scan` takes it, from a timer for each new file"
            self._tell(f"{source_input.name}: {kind.name}, {why}")
            return
        if not self._installation.claims.take(source_input.identity):
            if source_input.identity not in self._taken:
                why = "followed into this lake by another process; waiting until that ends"
                self._tell(f"{source_input.name}: {why}")
            self._taken.add(source_input.identity)
            self._tails.forget(tail)
            return
        if source_input.identity in self._taken:
            self._taken.remove(source_input.identity)
            self._installation.list_again()
        tail.resume(lambda generation: self._installation.commits(generation).progress().position)
        stream = Stream(self._installation, kind, tail.input(), self._behind)
        self._streams.append((tail, stream))
        self._unread.add(tail)
        self.summaries.append(stream.summary)
        self._tell(f"{source_input.name}: {kind.name}, from byte {tail.position:,}")

    def _recall(self, tail: Tail, stream: Stream) -> None:
        """Restore what earlier lines began: in this file, and in the one it took the place of."""
        replay, base = stream.kind.replayed(stream.file.head), rotation(stream.file)[0]
        older = self._streams[: self._streams.index((tail, stream))]
        same = [one for one, its in older if its.kind is stream.kind and rotation(its.file)[0] == base]
        if same and tail.position < replay:
            stream.remember(same[-1].past(replay))
        stream.remember(tail.past(replay))

    def _drop(self, tail: Tail) -> None:
        self._unknown.discard(tail)
        self._unread.discard(tail)
        for pair in [pair for pair in self._streams if pair[0] is tail]:
            pair[1].finish()
            self._streams.remove(pair)
        self._tails.forget(tail)

    def _step(self) -> bool:
        """Read each file whose lines waited long enough, or fill a block; True if there were any."""
        begin = time.monotonic()
        for tail, _ in self._streams:
            tail.hold(begin)
        ends = {tail: tail.size for tail, _ in self._streams}
        growing = sum(tail.waiting_since is not None for tail, _ in self._streams)
        patience = max(COMMIT_S, FILE_S * growing)
        waited = {tail for tail, _ in self._streams if begin - _since(tail, begin) >= patience}
        full = {tail for tail, _ in self._streams if tail.fills_a_block}
        if any(tail in waited | full and stream.kind.vantage != "dns" for tail, stream in self._streams):
            waited |= {tail for tail, stream in self._streams if stream.kind.vantage == "dns"}
        found = False
        # Resolvers first, and the others no further than they were before: answers name their connections.
        for tail, stream in sorted(self._streams, key=lambda one: one[1].kind.vantage != "dns"):
            truncated = tail.truncated()
            if truncated or tail in waited | full:
                before = tail.position
                since = _since(tail, begin)
                if tail in self._unread and tail.size > tail.position:
                    self._unread.discard(tail)
                    self._recall(tail, stream)
                least = 1 if truncated or tail in waited else BLOCK_BYTES
                blocks = tail.blocks(least, ends[tail])
                stream.read(self._until_stopped(blocks), since, tail.modified)
                found |= tail.position > before
            if truncated:
                self._tell(f"{tail.path}: truncated; read from its start")
                self._drop(tail)
            else:
                stream.commit_if_due()
            if self._stopped:
                break
        return found

    def _until_stopped(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            yield block
            if self._stopped:
                return


def _since(tail: Tail, now: float) -> float:
    """Since when text of a file waits; `now` if none does."""
    return now if tail.waiting_since is None else tail.waiting_since


class Listener:
    """Stores the lines a `Receiver` gets, until `stop` is called."""

    def __init__(
        self, installation: Installation, receiver: Receiver, name: str, tell: Callable[[str], None]
    ) -> None:
        """`name` identifies the stream across runs: it is made of the sensor and its sockets.

        `tell` is called with lines for the user.
        """
        self._installation = installation
        self._receiver = receiver
        self._name = name
        self._tell = tell
        self._stopped = self._reload_asked = False
        self._warned = False
        self._renewal = CatalogRenewal(installation, tell)
        self.summary: Summary | None = None

    def stop(self) -> None:
        """End `run` after storing what came; may be called from a signal handler."""
        self._stopped = True

    def reload(self) -> None:
        """Reload the catalog before the next lines, and report it; may be called from a signal handler."""
        self._reload_asked = True

    async def run(self) -> None:
        """Receive and store lines until `stop` is called. Raises LakeError, also if another process stores a
        stream of this name, and OSError if a socket cannot be bound."""
        self._installation.lake.create()
        endless = _endless(self._name)
        if not self._installation.claims.take(endless.identity):
            place, hint = self._installation.lake.path, "end that, or give this one a --sensor of its own"
            raise LakeError("received by another process, too", place=f"{self._name} into {place}", hint=hint)
        with Behind() as behind, scanner.compiling_behind():
            stream = Stream(self._installation, SyslogFormat, endless, behind)
            self.summary = stream.summary
            with durable.waiting_for_room(self._tell, lambda: self._stopped):
                await self._receive(stream)

    async def _receive(self, stream: Stream) -> None:
        for place in await self._receiver.start():
            self._tell(f"listening on {place}")
        renewed = time.monotonic()
        try:
            while not self._stopped:
                await asyncio.sleep(POLL_S)
                now = time.monotonic()
                if self._receiver.due(now - COMMIT_S, BLOCK_BYTES):
                    await self._store(stream)
                else:
                    await asyncio.to_thread(stream.commit_if_due)
                self._warn(stream.summary)
                if self._reload_asked or now - renewed >= CATALOG_S:
                    await asyncio.to_thread(self._renew, stream)
                    renewed = now
        finally:
            await self._receiver.stop()
            await self._store(stream)
            await asyncio.to_thread(stream.commit)

    def _renew(self, stream: Stream) -> None:
        """Use the catalog on disk if it has changed."""
        asked, self._reload_asked = self._reload_asked, False
        stream.settle()
        if self._renewal.look(again=asked):
            stream.use(self._installation.catalog_in_use)

    async def _store(self, stream: Stream) -> None:
        """Process what was received on another thread, so that receiving goes on."""
        since = self._receiver.waiting_since
        text = await self._receiver.take()
        lost, self._receiver.lost = self._receiver.lost, Counter()
        await asyncio.to_thread(_keep, stream, text, lost, since)

    def _warn(self, summary: Summary) -> None:
        """Say once that nothing of what was stored so far is understood."""
        unknown = summary.reasons[NO_FORMAT]
        if not self._warned and not summary.records and unknown >= ENOUGH_UNKNOWN:
            self._warned = True
            hint = "`shadowai sources try` shows how a file of them would be read"
            self._tell(f"none of {unknown:,} messages is in a known format; {hint}")


def _keep(stream: Stream, text: bytes, lost: Counter[str], since: float | None) -> None:
    if text or lost:
        start = stream.position
        block = Block(start, start + max(len(text), 1), cleaned(text, first=False), lost=lost)
        stream.read([block], time.monotonic() if since is None else since, datetime.now(UTC))
    stream.commit_if_due()


def _endless(name: str) -> Input:
    """An input for a stream without a beginning; its positions continue from run to run."""
    identity = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return Input((File(name, identity, b"", None, io.BytesIO, None, datetime.now(UTC)),), identity)
