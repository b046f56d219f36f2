"""Stores lines that come over sockets (`shadowai listen`)."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from sensor import durable
from sensor.errors import LakeError
from sensor.ingest import streams
from sensor.ingest.behind import Behind
from sensor.ingest.installation import Installation
from sensor.ingest.renewal import CatalogRenewal
from sensor.ingest.streams import Stream
from sensor.ingest.summary import Summary
from sensor.sources.inputs.receive import BUFFER_FULL, RECEIVE_BYTES, Receiver
from sensor.sources.interface import File, Input
from sensor.sources.logs.formats.syslog import SyslogFormat
from sensor.sources.logs.lines.blocks import BLOCK_BYTES, Block, cleaned
from sensor.sources.logs.sorting import NO_FORMAT
from sensor.sources.logs.text import scanner

#: Messages after which a listener that understands none of them says so.
ENOUGH_UNKNOWN = 20
#: Least time between two warnings of lost messages; the second counts all since the first.
LOST_EVERY_S = 60.0
#: What helps against a loss.
_REMEDY = {BUFFER_FULL: f"; try sysctl -w net.core.rmem_max={RECEIVE_BYTES}, or senders on TCP"}


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
        self._stopped = False
        self._warned = False
        self._lost: Counter[str] = Counter()
        self._warned_of_lost_at = -LOST_EVERY_S
        self._renewal = CatalogRenewal(installation, tell)
        self.summary: Summary | None = None

    def stop(self) -> None:
        """End `run` after storing what came; may be called from a signal handler."""
        self._stopped = True

    def reload(self) -> None:
        """Reload the catalog before the next lines, and report it; may be called from a signal handler."""
        self._renewal.reload()

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
        try:
            while not self._stopped:
                await asyncio.sleep(streams.POLL_S)
                now = time.monotonic()
                if self._receiver.due(now - streams.COMMIT_S, BLOCK_BYTES):
                    await self._store(stream)
                else:
                    await asyncio.to_thread(stream.commit_if_due)
                self._warn(stream.summary)
                self._warn_of_lost(now)
                if self._renewal.is_due():
                    if self._receiver.tls and (said := self._receiver.tls.renew()):
                        self._tell(said)
                    await asyncio.to_thread(self._renew, stream)
        finally:
            await self._receiver.stop()
            await self._store(stream)
            await asyncio.to_thread(stream.commit)

    def _renew(self, stream: Stream) -> None:
        """Use the catalog on disk if it has changed."""
        stream.settle()
        if self._renewal.look():
            stream.use(self._installation.catalog_in_use)

    async def _store(self, stream: Stream) -> None:
        """Process what was received on another thread, so that receiving goes on."""
        since = self._receiver.waiting_since
        text = await self._receiver.take()
        lost, self._receiver.lost = self._receiver.lost, Counter()
        self._lost += lost
        await asyncio.to_thread(_keep, stream, text, lost, since)

    def _warn(self, summary: Summary) -> None:
        """Say once that nothing of what was stored so far is understood."""
        unknown = summary.reasons[NO_FORMAT]
        if not self._warned and not summary.records and unknown >= ENOUGH_UNKNOWN:
            self._warned = True
            hint = "`shadowai sources try` shows how a file of them would be read"
            self._tell(f"none of {unknown:,} messages is in a known format; {hint}")

    def _warn_of_lost(self, now: float) -> None:
        """Say what was lost since this was said last."""
        if self._lost and now - self._warned_of_lost_at >= LOST_EVERY_S:
            for why, count in self._lost.items():
                self._tell(f"LOST, {count:,} × {why.removeprefix('lost: ')}{_REMEDY.get(why, '')}")
            self._lost, self._warned_of_lost_at = Counter(), now


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
