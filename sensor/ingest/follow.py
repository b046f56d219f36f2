"""Follows log files that grow, through rotation and truncation (`shadowai follow`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from sensor.ingest import streams
from sensor.ingest.behind import Behind
from sensor.ingest.installation import Installation
from sensor.ingest.renewal import CatalogRenewal
from sensor.ingest.streams import Stream
from sensor.ingest.summary import Summary
from sensor.sources.inputs.tail import Tail, Tails
from sensor.sources.interface import HEAD_BYTES, Source
from sensor.sources.logs.lines.blocks import BLOCK_BYTES, Block
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import scanner
from sensor.sources.rotated import rotation

#: As each file is stored by itself, new lines wait this long for each that grows, and at least
#: `streams.COMMIT_S`.
FILE_S = 1.0
#: How often folders are checked for new files.
LOOK_S = 2.0


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
        self._stopped = False
        self._renewal = CatalogRenewal(installation, tell)
        self._behind = Behind()
        self.summaries: list[Summary] = []

    def stop(self) -> None:
        """End `run` after the current block; may be called from a signal handler."""
        self._stopped = True

    def reload(self) -> None:
        """Reload the catalog before the next block, and report it; may be called from a signal handler."""
        self._renewal.reload()

    def run(self) -> None:
        """Read and commit new lines until `stop` is called. Raises LakeError."""
        self._installation.lake.create()
        looked = -LOOK_S
        with self._behind, scanner.compiling_behind():
            while not self._stopped:
                now = time.monotonic()
                if self._renewal.is_due():
                    self._renew()
                if now - looked >= LOOK_S:
                    self._look(now)
                    looked = now
                if not self._step():
                    time.sleep(streams.POLL_S)
            # Not after an error: what failed halfway would count as stored. The next run reads it again.
            for _, stream in self._streams:
                stream.finish()

    def _renew(self) -> None:
        """Use the catalog on disk if it has changed."""
        self._behind.settle()
        if self._renewal.look():
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
        waited, full = self._due(begin)
        ends = {tail: tail.size for tail, _ in self._streams}
        found = False
        # Resolvers first, and the others no further than they were before: answers name their connections.
        for tail, stream in sorted(self._streams, key=lambda one: one[1].kind.vantage != "dns"):
            truncated = tail.truncated()
            if truncated or tail in waited | full:
                least = 1 if truncated or tail in waited else BLOCK_BYTES
                found |= self._read(tail, stream, begin, least, ends[tail])
            if truncated:
                self._tell(f"{tail.path}: truncated; read from its start")
                self._drop(tail)
            else:
                stream.commit_if_due()
            if self._stopped:
                break
        return found

    def _due(self, now: float) -> tuple[set[Tail], set[Tail]]:
        """Files whose lines waited long enough, and those of which they fill a block."""
        for tail, _ in self._streams:
            tail.hold(now)
        growing = sum(tail.waiting_since is not None for tail, _ in self._streams)
        patience = max(streams.COMMIT_S, FILE_S * growing)
        waited = {tail for tail, _ in self._streams if now - _since(tail, now) >= patience}
        full = {tail for tail, _ in self._streams if tail.fills_a_block}
        if any(tail in waited | full and stream.kind.vantage != "dns" for tail, stream in self._streams):
            waited |= {tail for tail, stream in self._streams if stream.kind.vantage == "dns"}
        return waited, full

    def _read(self, tail: Tail, stream: Stream, now: float, least: int, end: int) -> bool:
        """Read a file up to `end`, as long as there are `least` bytes; True if there were any."""
        before = tail.position
        since = _since(tail, now)
        if tail in self._unread and tail.size > tail.position:
            self._unread.discard(tail)
            self._recall(tail, stream)
        stream.read(self._until_stopped(tail.blocks(least, end)), since, tail.modified)
        return tail.position > before

    def _until_stopped(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            yield block
            if self._stopped:
                return


def _since(tail: Tail, now: float) -> float:
    """Since when text of a file waits; `now` if none does."""
    return now if tail.waiting_since is None else tail.waiting_since
