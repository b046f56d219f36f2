"""Reads files into the lake: decides whether an input is new, has grown, was interrupted or is known.

How a single input is read is in `one_input.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from sensor import schema
from sensor.errors import reason_of
from sensor.ingest import doubts
from sensor.ingest.batches import Grouping
from sensor.ingest.bundles import Bundles, Member, generator, read_small
from sensor.ingest.installation import Installation, SensorKind
from sensor.ingest.one_input import ingest
from sensor.ingest.summary import Summary
from sensor.settings import SensorSettings, Settings
from sensor.sources.detect import Plan, kinds_by_name
from sensor.sources.interface import File, Input, Source
from sensor.sources.logs.line_format import LineFormat
from sensor.store.segments import Commits, Progress

#: Read at a time when only counting the bytes of a compressed file.
_COUNT_BYTES = 4 << 20

#: Takes the bytes of all inputs (None: unknown); entered, it gives a function to call with the name of an
#: input and the bytes read of all.
ProgressBar = Callable[[int | None], AbstractContextManager[Callable[[str, int], None]]]


@dataclass
class Outcome:
    """What a scan did with each input; `cli/scan_outcome.py` prints it."""

    #: inputs that were read, each with its kind and what it gave
    read: list[tuple[type[Source], Input, Summary]] = field(default_factory=list)
    #: names of inputs that were read before and have not grown
    unchanged: list[str] = field(default_factory=list)
    #: inputs that could not be read (to the end), each with the reason
    unreadable: list[str] = field(default_factory=list)
    #: advice on a log setting → names of the inputs that lack it
    advice: dict[str, list[str]] = field(default_factory=dict)
    #: warnings: inputs with impossible times, or not recorded completely
    doubts: list[str] = field(default_factory=list)
    #: sensors and sources of lines of other formats, found inside inputs
    also: list[SensorKind] = field(default_factory=list)


def run(installation: Installation, plan: Plan, *, replace: bool, progress_bar: ProgressBar) -> Outcome:
    """Read the inputs of `plan` and commit what they hold.

    With `replace`, inputs that were read before are read again, and their rows replaced. An input that
    cannot be read ends up in `Outcome.unreadable`. Raises LakeError.
    """
    installation.lake.create()
    outcome = Outcome()
    sizes = [file.size for _, source_input in plan.inputs for file in source_input.files]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    before = 0
    sensors: list[SensorKind] = []
    mixture = partial(installation.mixture, also=outcome.also)
    with progress_bar(total) as progressed, Bundles(mixture) as bundles:
        scan = _Scan(installation, outcome, bundles, replace)
        # Resolvers first: their answers name connections in the other logs of the site.
        for kind, source_input in sorted(plan.inputs, key=lambda one: one[0].vantage != "dns"):
            size = sum(file.size or 0 for file in source_input.files)
            sensor = installation.sensor_of(kind, source_input)
            scaled = _scaled(progressed, source_input, before, size)
            try:
                scan.read(kind, source_input, sensor, scaled)
            except OSError as error:
                # The input vanished or its disk failed; failures of the lake are LakeErrors.
                reason = reason_of(error)
                outcome.unreadable.append(f"{source_input.name}: {reason}; what was read before is kept")
            sensors.append((sensor, kind))
            before += size
            progressed(source_input.name, before)
        bundles.finish()
    for source_input, commits, summary in scan.whole:
        _forget_shorter(installation, source_input, commits, summary)
    for kind, source_input, summary in outcome.read:
        _conclude(kind, source_input, summary, outcome, installation.settings)
    read = [summary for _, _, summary in outcome.read]
    outcome.doubts += doubts.gateways(read, installation.settings.networks)
    outcome.doubts += doubts.proxies(read)
    if elsewhere := doubts.elsewhere(installation.people_sites, {sensor.site for sensor, _ in sensors}):
        outcome.doubts.insert(0, elsewhere)
    installation.introduce([*sensors, *outcome.also])
    return outcome


@dataclass(frozen=True)
class _Scan:
    """What the inputs of one scan share."""

    installation: Installation
    outcome: Outcome
    bundles: Bundles
    replace: bool
    #: inputs that were read from their beginning, each with what it gave
    whole: list[tuple[Input, Commits, Summary]] = field(default_factory=list)

    def read(
        self,
        kind: type[Source],
        source_input: Input,
        sensor: SensorSettings,
        progressed: Callable[[int], None],
    ) -> None:
        """Read an input if there is anything new in it: a small one into the open bundle. Raises OSError."""
        if self.bundles.holds(source_input):  # a copy of a file that is being read
            self.bundles.finish()
        commits = self.installation.commits(source_input)
        start, committed = self._where_to_start(kind, source_input, commits)
        if start is None:
            self.outcome.unchanged.append(source_input.name)
            return
        summary = Summary(source_input.name, kind.name)
        is_new = start == committed == 0
        source = self.installation.source(kind, sensor)
        batches = read_small(source, source_input) if is_new else None
        if batches is not None:
            self.bundles.add(Member(kind, source_input, commits, summary, batches))
        else:
            self.bundles.finish()
            source = self.installation.source(kind, sensor)
            ingest(
                source,
                source_input,
                self.installation.mixture(kind, source_input, self.outcome.also),
                commits,
                summary,
                start=start,
                committed=committed,
                progressed=progressed,
                grouping=Grouping(),
            )
        if isinstance(source, LineFormat):
            summary.apart = source.apart
        self.outcome.read.append((kind, source_input, summary))
        if start == 0:
            self.whole.append((source_input, commits, summary))

    def _where_to_start(
        self, kind: type[Source], source_input: Input, commits: Commits
    ) -> tuple[int | None, int]:
        """The position to read from, or None if nothing is new; and the position committed by an earlier
        scan.

        Both count uncompressed bytes.
        """
        progress = commits.progress()
        if self.replace and progress != Progress():
            commits.forget()
            return 0, 0
        if not progress.complete:
            return 0, progress.position
        size = _uncompressed_size(source_input)
        if size is not None and size <= progress.position:
            return None, 0
        if kind.resumable and len(source_input.files) == 1:
            was_cut = kind.was_cut(source_input, progress.position)
            if not was_cut or self._has_shredded_rows(kind, source_input):
                return progress.position, progress.position
        commits.forget()
        return 0, 0

    def _has_shredded_rows(self, kind: type[Source], source_input: Input) -> bool:
        """True if the input begins in an epoch whose key was shredded: its rows could not be read again."""
        source = self.installation.source(kind, self.installation.sensor_of(kind, source_input))
        with closing(generator(source.read(source_input))) as batches:
            first = next(batches, None)
        coverage = schema.COVERAGE.of(first.frames if first else {})
        return _is_shredded(self.installation, coverage["first_seen"].min(), coverage["last_seen"].max())


def _forget_shorter(
    installation: Installation, source_input: Input, commits: Commits, summary: Summary
) -> None:
    """Forget what was read of an input before it grew, now that all of it is stored. Connections go on from
    one file of a set to the next, and the last line of a log may have been half written.

    It is kept where the key of its time was shredded: such rows are refused when they are read again.
    """
    if summary.first_seen is None or _is_shredded(installation, summary.first_seen, summary.last_seen):
        return
    for shorter in installation.grown_from(source_input, commits):
        shorter.forget()


def _is_shredded(installation: Installation, first: object, last: object) -> bool:
    """True if some key of the time from `first` to `last` was shredded."""
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return False
    gone = (epoch for epoch in installation.keys.epochs() if epoch.shredded_at is not None)
    return any(epoch.begin <= last and first < epoch.end for epoch in gone)


def _conclude(
    kind: type[Source], source_input: Input, summary: Summary, outcome: Outcome, settings: Settings
) -> None:
    """Add advice and doubts about an input that was read."""
    nameless = bool(summary.records) and not summary.named
    if summary.sightings or summary.carried["used"] or nameless:
        # If other lines of the input can prove use, it is no mistake that these cannot.
        telling = {name for name in summary.kinds if kinds_by_name()[name].proof} or set(summary.kinds)
        for name in sorted(telling - (set() if nameless else summary.sized)):
            if advice := kinds_by_name()[name].advice:
                outcome.advice.setdefault(advice, []).append(source_input.name)
    outcome.doubts += doubts.about(kind, source_input, summary, settings)


def _uncompressed_size(source_input: Input) -> int | None:
    """Uncompressed size of the input in bytes; None for a stream, which cannot be read twice."""
    sizes = [_size(file) for file in source_input.files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _size(file: File) -> int | None:
    if file.path is not None or file.size is None:
        return file.size
    total = 0
    with file.open() as stream:
        while piece := stream.read(_COUNT_BYTES):
            total += len(piece)
    return total


def _scaled(
    progressed: Callable[[str, int], None], source_input: Input, before: int, size: int
) -> Callable[[int], None]:
    """`progressed` for one input. Positions count uncompressed bytes, the display bytes on disk: so at most
    `size`."""
    return lambda position: progressed(source_input.name, before + min(position, size))
