"""One scan: which inputs are new, grown, interrupted or known, and each one's journey.

The loop over inputs; the journey of a single one is `journey.run`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import polars as pl

from sensor import schema
from sensor.catalog.load import Catalog, load
from sensor.catalog.refresh import Refresher
from sensor.errors import CatalogError
from sensor.identity.known import Known
from sensor.identity.scope import Scopes
from sensor.identity.subnets import with_subnets
from sensor.identity.tables import Problems
from sensor.journey import Verdict, run
from sensor.match.blindness import Blindness
from sensor.match.index import Index
from sensor.match.naming import NameTable
from sensor.match.questions import Questions
from sensor.mixture import Mixture
from sensor.pipeline import Origin, Pipeline
from sensor.privacy.admission import Admission
from sensor.privacy.audit import AuditLog
from sensor.privacy.counting import Counting
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import Pseudonyms
from sensor.privacy.rotation import OpenLeases
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

if TYPE_CHECKING:
    from sensor.evidence import Evidence

#: which kind of evidence is believed first when several saw the same
DEFAULT_RANKS = {"packets": 1, "proxy": 3, "firewall": 4, "flow": 5, "endpoint": 6, "dns": 7}
#: how far clocks may be apart before times are doubted
_CLOCKS_DIFFER = timedelta(minutes=5)
#: what is later by more is told in days: no zone explains it
_HOURS_TOLD = 48
#: JSON on disk, packed or not, from which the scanner of its lines is compiled before it is read
_MUCH_BYTES = 4 << 20
#: text on disk from which the scanner of fields is compiled: that takes five seconds once, and saves as many
_VERY_MUCH_BYTES = 256 << 20
#: read at a time when only counting what a compressed file holds
_COUNT_BYTES = 4 << 20


class Teller(Protocol):
    """Who is told how far a scan is."""

    def progress(self, total_bytes: int | None) -> AbstractContextManager[Callable[[str, int], None]]:
        """A function to be called with (name, bytes read so far of everything)."""
        ...


@dataclass(frozen=True)
class Declared:
    """What the command line says about where the inputs come from; None where it says nothing."""

    sensor: str | None = None
    site: str | None = None
    vantage: str | None = None


@dataclass
class Outcome:
    """What a scan did."""

    verdicts: list[Verdict] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    #: what a log setting could add, and the inputs that lack it
    advice: dict[str, list[str]] = field(default_factory=dict)
    #: inputs whose times cannot be right, or that were not recorded whole
    doubts: list[str] = field(default_factory=list)
    #: sensors of lines of another kind, met inside an input
    also: list[tuple[SensorSettings, type[Source]]] = field(default_factory=list)


class Scan:
    """A lake, a catalog and keys, ready to take inputs."""

    def __init__(self, settings: Settings, declared: Declared) -> None:
        problems = Problems()
        settings = with_subnets(settings, problems)
        self.settings = settings
        self.lake = Lake(lake_path(settings))
        self._declared = declared
        self._state = state_path(settings, self.lake.path)
        scanner.keep_in(self._state / "kernels")
        self._keys = Keys(self._state, settings.zone, settings.privacy)
        self._keys.check(self.lake.manifest().get("keys", {}), self.lake.path)
        self._sealed = sealed_rows(settings, self._state, self._keys)
        #: lines of directory files that could not be used, in words
        self.unusable = problems.lines()
        self._known = Known.of(settings, problems)
        self._scopes = Scopes(settings.networks)
        self._catalog: Catalog = load(*settings.signatures, cache=self._state / "catalog")
        self._index = Index.build(self._catalog.indicators)
        self._blindness = Blindness(self._catalog.blind_spots)
        self._reload_asked = False

    def warm(self, plan: Plan, tell: Callable[[str], None]) -> None:
        """Compile the kernels that `plan` needs, for captures or much text, if they are not compiled yet.

        Raises LakeError before that: who may not write the lake need not wait for it.
        """
        self.lake.create()
        wanted: list[str] = []
        files = [(kind, file) for kind, one in plan.inputs for file in one.files]
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

    def run(self, plan: Plan, *, replace: bool, tell: Teller) -> Outcome:
        """Read every input of `plan` and commit what it gave. Raises LakeError."""
        self.lake.create()
        outcome = Outcome()
        sizes = [file.size for _, one in plan.inputs for file in one.files]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        before = 0
        sensors: list[tuple[SensorSettings, type[Source]]] = []
        with tell.progress(total) as told:
            for kind, one in plan.inputs:
                size = sum(file.size or 0 for file in one.files)
                sensor = self.sensor_of(kind, one)
                try:
                    self._take(kind, one, sensor, outcome, replace, _scaled(told, one, before, size))
                except OSError as error:
                    # the input went away or its disk failed meanwhile; the lake's own troubles are LakeErrors
                    reason = (error.strerror or str(error)).lower()
                    outcome.unreadable.append(f"{one.name}: {reason}; what was read before is kept")
                sensors.append((sensor, kind))
                before += size
                told(one.name, before)
        self.introduce([*sensors, *outcome.also])
        return outcome

    def _take(
        self,
        kind: type[Source],
        one: Input,
        sensor: SensorSettings,
        outcome: Outcome,
        replace: bool,
        progressed: Callable[[int], None],
    ) -> None:
        commits = Commits(self.lake, one.identity, sealed=self._sealed)
        start, committed = self._where_to_start(kind, one, commits, replace)
        if start is None:
            outcome.unchanged.append(one.name)
            return
        source, mixture, verdict = self.journey(kind, one, sensor, outcome.also)
        run(
            source,
            one,
            mixture,
            commits,
            verdict,
            start=start,
            committed=committed,
            progressed=progressed,
            behind=True,
        )
        outcome.verdicts.append(verdict)
        if verdict.sightings or verdict.carried["used"]:
            for name in sorted(set(verdict.kinds) - verdict.sized):
                if advice := kinds_by_name()[name].advice:
                    outcome.advice.setdefault(advice, []).append(one.name)
        outcome.doubts += filter(None, (_ahead(one, verdict), kind.doubt(one)))

    def journey(
        self,
        kind: type[Source],
        one: Input,
        sensor: SensorSettings,
        also: list[tuple[SensorSettings, type[Source]]],
    ) -> tuple[Source, Mixture, Verdict]:
        """What reads an input, what its batches go through, and where they are counted.

        Sensors of lines of another kind, met on the way, are appended to `also`.
        """
        origin = Origin(sensor.name, sensor.site, sensor.vantage or kind.vantage, kind.name, one.identity)
        naming, questions = NameTable(), Questions(self._scopes.is_proxy)

        def other(name: str) -> Pipeline:
            """For lines of another kind in the same input: their own sensor, the same memory of DNS."""
            of = kinds_by_name()[name]
            theirs = self.sensor_of(of, one)
            also.append((theirs, of))
            of_theirs = Origin(theirs.name, theirs.site, theirs.vantage or of.vantage, name, one.identity)
            return self._pipeline(of_theirs, naming, questions)

        source = kind(self.settings.networks.internal)
        source.localise(self.settings.zones(), sensor.timezone)
        mixture = Mixture(kind.name, self._pipeline(origin, naming, questions), other)
        return source, mixture, Verdict(one.name, origin)

    def sensor_of(self, kind: type[Source], one: Input) -> SensorSettings:
        """The sensor an input comes from."""
        path = one.files[0].path or one.files[0].name
        return self._with_declared(self.settings.sensor_for(str(Path(path).absolute()), kind.name))

    def evidence(self, one: Input, bounds: Bounds) -> Evidence:
        """Where packets of a capture's matched connections go; logged. Raises LakeError."""
        from sensor.decode import jit

        jit.use(self._state / "kernels")  # before anything that has kernels is imported
        from sensor.evidence import Evidence

        self.lake.create()
        AuditLog(self._state).append(
            "evidence.keep", now=datetime.now(UTC), reason=f"{one.name}, for {bounds.days} days"
        )
        return Evidence(SealedFiles(self.lake.path, self._keys.evidence(), one.identity, bounds))

    def capture(
        self, source: Source, one: Input, tell: Callable[[str], None], evidence: Evidence | None = None
    ) -> Verdict:
        """Read a live source until it is stopped, committing batch by batch. Raises LakeError.

        Between two batches the catalog is looked at; a changed one is used from the next batch on.
        """
        from sensor.decode import jit

        self.warm(Plan([(type(source), one)]), tell)
        jit.warm()  # before the first packet, not while the ring fills
        if evidence:
            jit.warm("openings")
        self.lake.create()
        sensor = self._declared_sensor(source.name)
        self.introduce([(sensor, type(source))])
        origin = Origin(sensor.name, sensor.site, sensor.vantage or source.vantage, source.name, one.identity)
        pipeline, verdict = self._pipeline(origin, evidence=evidence), Verdict(one.name, origin)
        refresher = Refresher(self._catalog, self.settings.signatures, self._state / "catalog")

        def between(position: int) -> None:
            if self._refresh(refresher, tell):
                pipeline.use(self._index, self._catalog.version, self._blindness)
                self.introduce([(sensor, type(source))])

        commits = Commits(self.lake, one.identity, sealed=self._sealed)
        return run(source, one, pipeline, commits, verdict, progressed=between)

    def reload(self) -> None:
        """Read the catalog anew after the next batch, and say so; may be called from a signal handler."""
        self._reload_asked = True

    def _refresh(self, refresher: Refresher, tell: Callable[[str], None]) -> bool:
        """True if there is another catalog now; a bad one is told about, and the old one stays."""
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
        self._catalog, self._index = fresh, Index.build(fresh.indicators)
        self._blindness = Blindness(fresh.blind_spots)
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
        open_leases = self._state / "leases" / f"{whose}.sealed"
        return Pipeline(
            origin,
            self._index,
            self._catalog.version,
            self._scopes,
            keys,
            pseudonyms,
            self._known,
            self._blindness,
            admission=Admission(
                keys,
                networks.exclude,
                networks.only,
                origins=[origin.removeprefix(OWN_ORIGIN) for origin in identity.origins],
                leases=identity.from_packets or not _reads_packets(origin.source),
            ),
            open_leases=OpenLeases(keys, open_leases),
            naming=naming,
            questions=questions,
            k=1 if level == "clear" else self.settings.k,
            names_by_client=self.settings.keeps_names_by_client,
            **({"on_hits": evidence.matched} if evidence else {}),
        )

    def _where_to_start(
        self, kind: type[Source], one: Input, commits: Commits, replace: bool
    ) -> tuple[int | None, int]:
        """(first byte to read, or None if nothing is new; bytes committed by a scan that was killed)."""
        progress = commits.progress()
        if replace and progress != Progress():
            commits.forget()
            return 0, 0
        if not progress.complete:
            return 0, progress.position
        size = _uncompressed_size(one)
        if size is not None and size <= progress.position:
            return None, 0
        if kind.resumable and len(one.files) == 1:
            return progress.position, progress.position
        commits.forget()
        return 0, 0

    def _declared_sensor(self, source: str) -> SensorSettings:
        """The sensor of the settings that has the declared name; an interface has no path to go by."""
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

    def introduce(self, sensors: Iterable[tuple[SensorSettings, type[Source]]]) -> None:
        """Store who the sensors are, and the catalog: the lake explains itself on another machine.

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
        # named by the moment: what another sensor said within the hour stands beside it
        now_us = int(datetime.now(UTC).timestamp() * 1e6)
        frames = {"sensors": frame, "catalog": self._catalog.frame()}
        Commits(self.lake, "reference").commit(now_us, now_us, frames)


def sealed_rows(settings: Settings, state: Path, keys: Keys) -> SealedRows | None:
    """Where rows lie that must not lie in the lake; None where they may."""
    return SealedRows(state / "sealed", WeekSeal(keys)) if settings.privacy == "aggregate" else None


def _reads_packets(source: str) -> bool:
    """True for captures, live ports and logs of what reads them (Zeek, Suricata)."""
    kind = kinds_by_name().get(source)
    return kind is None or kind.vantage == "packets"  # a live port is no kind of file


def _larger(files: Iterable[File], size: int) -> bool:
    """True where a file has more bytes on disk, or nobody knows how many."""
    return any(file.size is None or file.size > size for file in files)


def _ahead(one: Input, verdict: Verdict) -> str:
    """What to say where the newest line is later than when its file was last written; '' if it is not."""
    written = one.files[0].modified
    if written is None or verdict.last_seen is None or verdict.last_seen <= written + _CLOCKS_DIFFER:
        return ""
    hours = (verdict.last_seen - written).total_seconds() / 3600
    later = f"{hours:.1f} h" if hours < _HOURS_TOLD else f"{hours / 24:,.0f} days"
    mend = "mend the clock of what wrote it"
    if verdict.origin.source == "pcap":  # captures count seconds, whatever the zone
        return f"{one.name}: its newest packet lies {later} after the file was last written; {mend}"
    return (
        f"{one.name}: its newest line lies {later} after the file was last written; "
        f"set [sources.{verdict.origin.source}] timezone, or {mend}"
    )


def _uncompressed_size(one: Input) -> int | None:
    """Bytes the input holds uncompressed; None for a stream, which cannot be read twice."""
    sizes = [_size(file) for file in one.files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _size(file: File) -> int | None:
    if file.path is not None or file.size is None:
        return file.size
    total = 0
    with file.open() as stream:
        while piece := stream.read(_COUNT_BYTES):
            total += len(piece)
    return total


def _scaled(told: Callable[[str, int], None], one: Input, before: int, size: int) -> Callable[[int], None]:
    """Positions count uncompressed bytes; the bar counts bytes on disk, so never more than the file has."""
    return lambda position: told(one.name, before + min(position, size))
