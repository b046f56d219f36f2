"""A live capture: reads an interface until it is stopped, with whatever catalog is on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sensor import durable
from sensor.errors import LakeError, UsageError
from sensor.ingest import doubts
from sensor.ingest.installation import Installation, origin_of
from sensor.ingest.kernels import compile_for
from sensor.ingest.mixture import Mixture
from sensor.ingest.one_input import ingest
from sensor.ingest.renewal import CatalogRenewal
from sensor.ingest.summary import Summary
from sensor.privacy.audit import AuditLog
from sensor.sources.detect import Plan
from sensor.sources.interface import Input
from sensor.store.evidence import Bounds, SealedFiles

if TYPE_CHECKING:
    from sensor.evidence import Evidence
    from sensor.sources.packets.live import LiveSource


class LiveCapture:
    """Reads a live source until it is stopped, and commits each batch."""

    def __init__(self, installation: Installation, tell: Callable[[str], None]) -> None:
        """`tell` is called with lines for the user."""
        self._installation = installation
        self._tell = tell
        self._renewal = CatalogRenewal(installation, tell)

    def run(self, source: LiveSource, source_input: Input, evidence: Evidence | None = None) -> Summary:
        """Read until the source ends. A catalog that has changed on disk is used from the next batch on.

        Raises LakeError; at once if the lake cannot be written, or another capture stores as this sensor, so
        that nobody waits for kernels in vain.
        """
        from sensor.decode import warming

        shared = self._installation
        shared.lake.create()
        sensor = shared.live_sensor(source.name)
        self._claim(sensor.name, sensor.site)
        compile_for(Plan([(type(source), source_input)]), shared.state / "kernels", self._tell)
        warming.warm()  # before the first packet, not while the ring fills
        if evidence:
            warming.warm("evidence")
        shared.introduce([(sensor, type(source))])
        origin = origin_of(sensor, type(source))
        mixture = Mixture(
            (source.name, source_input),
            lambda _, of: shared.intake(origin, of),
            lambda _: shared.pipeline(origin, evidence),
        )
        summary = Summary(source_input.name, source.name)
        doubted = False

        def between(position: int) -> None:
            nonlocal doubted
            if not doubted and (doubt := doubts.of_clients(summary, shared.settings.networks)):
                self._tell(doubt)
                doubted = True
            if self._renewal.look():
                mixture.use(shared.catalog_in_use)
                shared.introduce([(sensor, type(source))])

        commits = shared.commits(source_input)
        with durable.waiting_for_room(self._tell, source.is_over):
            return ingest(source, source_input, mixture, commits, summary, progressed=between)

    def _claim(self, sensor: str, site: str) -> None:
        """Be the only capture that stores as this sensor: of two in the same minute, `coverage` and `names`
        take one to be a copy of the other. Raises LakeError."""
        text = f"capture {sensor} {site}"
        if not self._installation.claims.take(hashlib.blake2b(text.encode(), digest_size=8).hexdigest()):
            lake = self._installation.lake.path
            place = f"sensor {sensor} of site {site} into {lake}"
            hint = "end that, or give this one a --sensor of its own; capture legs of a TAP together"
            raise LakeError("captured by another process, too", place=place, hint=hint)

    def reload(self) -> None:
        """Reload the catalog after the next batch, and report it; may be called from a signal handler."""
        self._renewal.reload()


def evidence_of(installation: Installation, source_input: Input, bounds: Bounds) -> Evidence:
    """The store for packets of matched connections of a capture.

    That evidence is kept is entered in the audit log first. Raises UsageError at level aggregate, LakeError.
    """
    if installation.settings.privacy == "aggregate":
        what = "evidence is packets of single connections, of which level aggregate keeps nothing"
        raise UsageError(what, place="--evidence", hint="leave it out")
    from sensor.decode.kernels import jit

    jit.use(installation.state / "kernels")  # before anything that has kernels is imported
    from sensor.evidence import Evidence

    installation.lake.create()
    AuditLog(installation.state).append(
        "evidence.keep", now=datetime.now(UTC), reason=f"{source_input.name}, for {bounds.days} days"
    )
    return Evidence(
        SealedFiles(installation.lake.path, installation.keys.evidence(), source_input.identity, bounds)
    )
