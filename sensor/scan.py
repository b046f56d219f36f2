"""One scan: decides for each input whether it is new, has grown, was interrupted or is known, and reads it.

`Scan` holds what all inputs of a run share: settings, lake, catalog, keys. The CLI makes one and calls `run`
for files or `capture` for a live interface; `streams.py` uses it for followed files and sockets. How a single
input is read is in `ingest.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sensor import schema
from sensor.batches import Grouping
from sensor.catalog.load import Catalog, load
from sensor.catalog.refresh import Refresher
from sensor.errors import CatalogError
from sensor.identity.known import Known
from sensor.identity.scope import Scopes
from sensor.identity.subnets import with_subnets
from sensor.identity.tables import Problems
from sensor.ingest import ingest
from sensor.match.blindness import Blindness
from sensor.match.index import Index
from sensor.match.naming import NameTable
from sensor.match.questions import Questions
from sensor.mixture import Mixture
from sensor.pipeline import CatalogInUse, Origin, Pipeline
from sensor.privacy.admission import Admission
from sensor.privacy.audit import AuditLog
from sensor.privacy.counting import Counting
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import Pseudonyms
from sensor.privacy.rotation import LeaseRotation
from sensor.privacy.vault import Vault
from sensor.privacy.weekly import WeekSeal
from sensor.settings import OWN_ORIGIN, SensorSettings, Settings, lake_path, state_path
from sensor.sources import scanner
from sensor.sources.detect import Plan, kinds_by_name
from sensor.sources.interface import File, Input, Source
from sensor.store.evidence import Bounds, SealedFiles
from sensor.store.lake import Lake
from sensor.store.sealed import SealedRows
from sensor.store.segments import Commits, Progress
from sensor.summary import Summary

if TYPE_CHECKING:
    from sensor.evidence import Evidence

#: Default rank of a vantage by kind of source: of several that saw the same connection, the lowest is
#: believed.
DEFAULT_RANKS = {"packets": 1, "proxy": 3, "firewall": 4, "flow": 5, "endpoint": 6, "dns": 7}
#: Times this far after the last change of their file are doubted.
_CLOCKS_DIFFER = timedelta(minutes=5)
#: Larger differences are reported in days, because no time zone explains them.
_MOST_ZONE_HOURS = 48
#: From this size (on disk) of a JSON file, the kernel that scans JSON lines is compiled before reading.
_MUCH_BYTES = 4 << 20
#: From this size of a text file, the kernel that cuts fields is compiled: that takes 5 s once and saves as
#: much.
_VERY_MUCH_BYTES = 256 << 20
#: Read at a time when only counting the bytes of a compressed file.
_COUNT_BYTES = 4 << 20


#: A sensor, and the kind of its inputs.
SensorKind = tuple[SensorSettings, type[Source]]
#: Takes the bytes of all inputs (None: unknown); entered, it gives a function to call with the name of an
#: input and the bytes read of all.
ProgressBar = Callable[[int | None], AbstractContextManager[Callable[[str, int], None]]]


@dataclass(frozen=True)
class Declared:
    """Names given on the command line, which override the settings; None where not given."""

    sensor: str | None = None
    site: str | None = None
    vantage: str | None = None


@dataclass
class Outcome:
    """What a scan did with each input; `cli/scan.py` prints it."""

    #: inputs that were read
    summaries: list[Summary] = field(default_factory=list)
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


class Scan:
    """What the inputs of one run share: settings, lake, catalog, keys, and who is who."""

    def __init__(self, settings: Settings, declared: Declared) -> None:
        """Loads the keys, the catalog and the identity files the settings name.

        Raises UsageError (settings, identity files), CatalogError, LakeError (keys that are not the lake's).
        """
        problems = Problems()
        settings = with_subnets(settings, problems)
        self.settings = settings
        self.lake = Lake(lake_path(settings))
        self._declared = declared
        self._state = state_path(settings)
        scanner.keep_in(self._state / "kernels")
        self._keys = Keys(self._state, settings.zone, settings.privacy)
        self._keys.check(self.lake.key_prints(), self.lake.path)
        self._sealed = sealed_rows(settings, self._state, self._keys)
        #: one text per line of an identity file that could not be used
        self.unusable = problems.lines()
        self._known = Known.of(settings, problems)
        self._scopes = Scopes(settings.networks)
        self._catalog: Catalog = load(*settings.signatures, cache=self._state / "catalog")
        self._in_use = _in_use(self._catalog)
        self._reload_asked = False

    def warm(self, plan: Plan, tell: Callable[[str], None]) -> None:
        """Compile the kernels that `plan` needs (for captures, and for large logs) and that are not cached.

        `tell` is called with a line of text before compiling begins. Raises LakeError first if the lake
        cannot be written, so that nobody waits in vain.
        """
        self.lake.create()
        wanted: list[str] = []
        files = [(kind, file) for kind, source_input in plan.inputs for file in source_input.files]
        if _larger((file for _, file in files if file.head[:1] == b"{"), _MUCH_BYTES):
            wanted.append("lines")
        of_fields = [file for kind, file in files if kind.scans_lines]
        if _larger(of_fields, _VERY_MUCH_BYTES):
            wanted.append("fields")
        if any(kind.needs_kernels for kind, _ in plan.inputs):
            wanted += ["frames", "messages"]
        if not (wanted or _larger(of_fields, _MUCH_BYTES)):
            return
        from sensor.decode import jit

        jit.use(self._state / "kernels")
        if missing := jit.missing(*wanted):
            what = "decode kernels" if set(missing) & set(jit.PACKETS) else "scanner of log lines"
            tell(f"compiling the {what}, once; this may take a minute …")
            jit.warm_apart(*missing)

    def run(self, plan: Plan, *, replace: bool, progress_bar: ProgressBar) -> Outcome:
        """Read the inputs of `plan` and commit what they hold.

        With `replace`, inputs that were read before are read again, and their rows replaced. An input that
        cannot be read ends up in `Outcome.unreadable`. Raises LakeError.
        """
        self.lake.create()
        outcome = Outcome()
        sizes = [file.size for _, source_input in plan.inputs for file in source_input.files]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        before = 0
        sensors: list[SensorKind] = []
        with progress_bar(total) as progressed:
            for kind, source_input in plan.inputs:
                size = sum(file.size or 0 for file in source_input.files)
                sensor = self.sensor_of(kind, source_input)
                scaled = _scaled(progressed, source_input, before, size)
                try:
                    self._read(kind, source_input, sensor, outcome, replace, scaled)
                except OSError as error:
                    # The input vanished or its disk failed; failures of the lake are LakeErrors.
                    reason = (error.strerror or str(error)).lower()
                    outcome.unreadable.append(f"{source_input.name}: {reason}; what was read before is kept")
                sensors.append((sensor, kind))
                before += size
                progressed(source_input.name, before)
        self.introduce([*sensors, *outcome.also])
        return outcome

    def _read(
        self,
        kind: type[Source],
        source_input: Input,
        sensor: SensorSettings,
        outcome: Outcome,
        replace: bool,
        progressed: Callable[[int], None],
    ) -> None:
        commits = Commits(self.lake, source_input.identity, sealed=self._sealed)
        start, committed = self._where_to_start(kind, source_input, commits, replace)
        if start is None:
            outcome.unchanged.append(source_input.name)
            return
        source, mixture, summary = self.prepare(kind, source_input, sensor, outcome.also)
        ingest(
            source,
            source_input,
            mixture,
            commits,
            summary,
            start=start,
            committed=committed,
            progressed=progressed,
            grouping=Grouping(),
        )
        outcome.summaries.append(summary)
        if summary.sightings or summary.carried["used"]:
            for name in sorted(set(summary.kinds) - summary.sized):
                if advice := kinds_by_name()[name].advice:
                    outcome.advice.setdefault(advice, []).append(source_input.name)
        outcome.doubts += filter(None, (_ahead(source_input, summary), kind.doubt(source_input)))

    def prepare(
        self,
        kind: type[Source],
        source_input: Input,
        sensor: SensorSettings,
        also: list[SensorKind],
    ) -> tuple[Source, Mixture, Summary]:
        """The source that reads an input, the pipelines for its batches, and a summary to count in.

        When a line of another format turns up while reading, its sensor is appended to `also`.
        """
        naming, questions = NameTable(), Questions(self._scopes.is_proxy)

        def other(name: str) -> Pipeline:
            """The pipeline for lines of another format: a sensor of its own, but the same memory of DNS."""
            its_kind = kinds_by_name()[name]
            its_sensor = self.sensor_of(its_kind, source_input)
            also.append((its_sensor, its_kind))
            return self._pipeline(_origin(its_sensor, its_kind, source_input), naming, questions)

        source = kind(self.settings.networks.internal)
        source.localise(self.settings.zones(), sensor.timezone)
        first = self._pipeline(_origin(sensor, kind, source_input), naming, questions)
        mixture = Mixture(kind.name, first, other)
        return source, mixture, Summary(source_input.name, source.name)

    def sensor_of(self, kind: type[Source], source_input: Input) -> SensorSettings:
        """The sensor that made an input: by its path and kind in the settings, overridden by `Declared`."""
        path = source_input.files[0].path or source_input.files[0].name
        return self._with_declared(self.settings.sensor_for(str(Path(path).absolute()), kind.name))

    def evidence(self, source_input: Input, bounds: Bounds) -> Evidence:
        """The store for packets of matched connections of a capture. Raises LakeError.

        That evidence is kept is entered in the audit log first.
        """
        from sensor.decode import jit

        jit.use(self._state / "kernels")  # before anything that has kernels is imported
        from sensor.evidence import Evidence

        self.lake.create()
        AuditLog(self._state).append(
            "evidence.keep", now=datetime.now(UTC), reason=f"{source_input.name}, for {bounds.days} days"
        )
        return Evidence(SealedFiles(self.lake.path, self._keys.evidence(), source_input.identity, bounds))

    def capture(
        self,
        source: Source,
        source_input: Input,
        tell: Callable[[str], None],
        evidence: Evidence | None = None,
    ) -> Summary:
        """Read a live source until it is stopped, committing after each batch. Raises LakeError.

        A catalog that has changed on disk is used from the next batch on.
        """
        from sensor.decode import jit

        self.warm(Plan([(type(source), source_input)]), tell)
        jit.warm()  # before the first packet, not while the ring fills
        if evidence:
            jit.warm("openings")
        self.lake.create()
        sensor = self._declared_sensor(source.name)
        self.introduce([(sensor, type(source))])
        pipeline = self._pipeline(_origin(sensor, type(source), source_input), evidence=evidence)
        summary = Summary(source_input.name, source.name)
        refresher = Refresher(self._catalog, self.settings.signatures, self._state / "catalog")

        def between(position: int) -> None:
            if self._refresh(refresher, tell):
                pipeline.use(self._in_use)
                self.introduce([(sensor, type(source))])

        commits = Commits(self.lake, source_input.identity, sealed=self._sealed)
        return ingest(source, source_input, pipeline, commits, summary, progressed=between)

    def reload(self) -> None:
        """Reload the catalog after the next batch, and report it; may be called from a signal handler."""
        self._reload_asked = True

    def _refresh(self, refresher: Refresher, tell: Callable[[str], None]) -> bool:
        """Load the catalog if it changed; True if it did. A faulty one is reported, and the old one stays."""
        asked, self._reload_asked = self._reload_asked, False
        try:
            fresh = refresher.look(again=asked)
        except CatalogError as error:
            first, *others = str(error).splitlines()
            more = f" (and {len(others)} more)" if others else ""
            tell(f"BAD CATALOG, {self._catalog.version} stays in use: {first}{more}")
            return False
        if fresh is None:
            if asked:
                tell(f"catalog {self._catalog.version}: nothing new")
            return False
        self._catalog, self._in_use = fresh, _in_use(fresh)
        tell(f"catalog {fresh.version} from now on")
        return True

    def _pipeline(
        self,
        origin: Origin,
        naming: NameTable | None = None,
        questions: Questions | None = None,
        evidence: Evidence | None = None,
    ) -> Pipeline:
        keys, networks, identity = self._keys, self.settings.networks, self.settings.identity
        level = self.settings.privacy
        vault = Vault(self._state, keys) if level == "pseudonymous" else None
        counting = Counting(self._state, keys) if level == "pseudonymous" and keys.count() else None
        pseudonyms = Pseudonyms(keys, level, self._scopes.is_internal, vault, counting)
        whose = hashlib.sha256(f"{origin.sensor}|{origin.site}|{origin.source}".encode()).hexdigest()[:16]
        kept_leases = self._state / "leases" / f"{whose}.sealed"
        return Pipeline(
            origin,
            self._in_use,
            self._scopes,
            keys,
            pseudonyms,
            self._known,
            admission=Admission(
                keys,
                networks.exclude,
                networks.only,
                origins=[origin.removeprefix(OWN_ORIGIN) for origin in identity.origins],
                leases=identity.from_packets or not _reads_packets(origin.source),
            ),
            lease_rotation=LeaseRotation(keys, kept_leases),
            naming=naming,
            questions=questions,
            k=1 if level == "clear" else self.settings.k,
            names_by_client=self.settings.keeps_names_by_client,
            on_hits=evidence.matched if evidence else None,
        )

    def _where_to_start(
        self, kind: type[Source], source_input: Input, commits: Commits, replace: bool
    ) -> tuple[int | None, int]:
        """The position to read from, or None if nothing is new; and the position committed by an earlier
        scan.

        Both count uncompressed bytes.
        """
        progress = commits.progress()
        if replace and progress != Progress():
            commits.forget()
            return 0, 0
        if not progress.complete:
            return 0, progress.position
        size = _uncompressed_size(source_input)
        if size is not None and size <= progress.position:
            return None, 0
        if kind.resumable and len(source_input.files) == 1:
            return progress.position, progress.position
        commits.forget()
        return 0, 0

    def _declared_sensor(self, source: str) -> SensorSettings:
        """The sensor with the declared name: a live source has no path by which the settings could name
        it."""
        name = self._declared.sensor or source
        known = [sensor for sensor in self.settings.sensors if sensor.name == name]
        return self._with_declared(known[0] if known else SensorSettings(name=name))

    def _with_declared(self, known: SensorSettings) -> SensorSettings:
        changes = {
            "name": self._declared.sensor,
            "site": self._declared.site,
            "vantage": self._declared.vantage,
        }
        return known.model_copy(update={name: value for name, value in changes.items() if value is not None})

    def introduce(self, sensors: Iterable[SensorKind]) -> None:
        """Store the tables `sensors` and `catalog`, which reports need to explain themselves elsewhere.

        Raises LakeError.
        """
        rows = {
            sensor.name: {
                "sensor": sensor.name,
                "site": sensor.site,
                "vantage": sensor.vantage or kind.vantage,
                "rank": sensor.rank or DEFAULT_RANKS.get(sensor.vantage or kind.vantage, 9),
                "kind": "packets" if kind.vantage == "packets" else "logs",
                "zone": self.settings.zone,
                "cadence_s": sensor.cadence_s,
                "population": sensor.population,
            }
            for sensor, kind in sensors
        }
        frame = pl.DataFrame(list(rows.values()), schema=schema.SENSORS.dtypes)
        # The segment is named by the time, so that it does not replace that of another sensor.
        now_us = int(datetime.now(UTC).timestamp() * 1e6)
        frames = {"sensors": frame, "catalog": self._catalog.frame()}
        Commits(self.lake, "reference").commit(now_us, now_us, frames)


def _in_use(catalog: Catalog) -> CatalogInUse:
    return CatalogInUse(catalog.version, Index.build(catalog.indicators), Blindness(catalog.blind_spots))


def _origin(sensor: SensorSettings, kind: type[Source], source_input: Input) -> Origin:
    vantage = sensor.vantage or kind.vantage
    return Origin(sensor.name, sensor.site, vantage, kind.name, source_input.identity)


def sealed_rows(settings: Settings, state: Path, keys: Keys) -> SealedRows | None:
    """The store for rows that must not lie in the lake; None unless the privacy level is `aggregate`."""
    return SealedRows(state / "sealed", WeekSeal(keys)) if settings.privacy == "aggregate" else None


def _reads_packets(source: str) -> bool:
    """True for captures, live interfaces, and the logs of programs that read packets (Zeek, Suricata)."""
    kind = kinds_by_name().get(source)
    return kind is None or kind.vantage == "packets"  # live interfaces are no kind of file


def _larger(files: Iterable[File], size: int) -> bool:
    """True if a file has more than `size` bytes on disk, or an unknown number."""
    return any(file.size is None or file.size > size for file in files)


def _ahead(source_input: Input, summary: Summary) -> str:
    """A warning if the newest line is later than the last change of its file; '' if it is not."""
    written = source_input.files[0].modified
    if written is None or summary.last_seen is None or summary.last_seen <= written + _CLOCKS_DIFFER:
        return ""
    hours = (summary.last_seen - written).total_seconds() / 3600
    later = f"{hours:.1f} h" if hours < _MOST_ZONE_HOURS else f"{hours / 24:,.0f} days"
    mend = "mend the clock of what wrote it"
    if summary.source == "pcap":  # times in captures are UTC: no zone can be wrong
        return f"{source_input.name}: its newest packet lies {later} after the file was last written; {mend}"
    return (
        f"{source_input.name}: its newest line lies {later} after the file was last written; "
        f"set [sources.{summary.source}] timezone, or {mend}"
    )


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
