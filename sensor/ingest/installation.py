"""What all inputs of a run share: settings, lake, keys, catalog, and identities.

`Installation` makes the source and the pipelines for an input, and stores the reference tables that explain
its sensors. The CLI makes one; `scan.py` reads files with it, `capture.py` a live interface, `streams.py`
followed files and sockets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sensor import schema
from sensor.catalog.load import Catalog, load
from sensor.identity.known import Known
from sensor.identity.scope import Scopes
from sensor.identity.subnets import with_subnets
from sensor.identity.tables import Problems
from sensor.ingest.grown import Shorter
from sensor.ingest.intake import Intake, Origin
from sensor.ingest.mixture import Mixture
from sensor.ingest.people import People
from sensor.ingest.pipeline import CatalogInUse, Pipeline
from sensor.match.blindness import Blindness
from sensor.match.index import Index
from sensor.match.naming import NameTable
from sensor.match.questions import Questions
from sensor.privacy.admission import Admission
from sensor.privacy.counting import Counting
from sensor.privacy.keys import Keys
from sensor.privacy.names import Names
from sensor.privacy.pseudonyms import Pseudonyms
from sensor.privacy.rotation import FOLDER as LEASES_FOLDER
from sensor.privacy.rotation import LeaseRotation
from sensor.privacy.vault import Vault
from sensor.privacy.weekly import WeekSeal
from sensor.settings import OWN_ORIGIN, SensorSettings, Settings, lake_path, state_path
from sensor.sources.detect import kinds_by_name
from sensor.sources.interface import File, Input, Source
from sensor.sources.logs.text import scanner
from sensor.store.lake import Claims, Lake
from sensor.store.sealed import SealedRows
from sensor.store.segments import Commits, Landed
from sensor.store.told import Told

if TYPE_CHECKING:
    from sensor.evidence import Evidence

#: How long DNS answers that were read before other logs are kept: those of a week may come first.
LOGS_BEHIND = timedelta(days=8)
#: Default rank of a vantage by kind of source: of several that saw the same connection, the lowest counts.
DEFAULT_RANKS = {"packets": 1, "proxy": 3, "firewall": 4, "flow": 5, "endpoint": 6, "dns": 7}

#: A sensor, and the kind of its inputs.
SensorKind = tuple[SensorSettings, type[Source]]


@dataclass(frozen=True)
class Declared:
    """Names given on the command line, which override the settings; None where not given."""

    sensor: str | None = None
    site: str | None = None
    vantage: str | None = None


class Installation:
    """What the inputs of one run share: settings, lake, keys, catalog, and identities."""

    def __init__(self, settings: Settings, declared: Declared) -> None:
        """Loads the keys, the catalog and the identity files the settings name.

        Raises UsageError (settings, identity files), CatalogError, LakeError (keys that are not the lake's).
        """
        problems = Problems()
        settings = with_subnets(settings, problems)
        self.settings = settings
        self.lake = Lake(lake_path(settings))
        self.state = state_path(settings)
        self.keys = Keys(self.state, settings.zone, settings.privacy)
        self.keys.check(self.lake.key_prints(), self.lake.path)
        self._landed = Landed(self.lake)
        self._shorter = Shorter(self.lake)
        self._sealed = sealed_rows(settings, self.state, self.keys)
        self._declared = declared
        self._known = Known.of(settings, problems)
        self._names = Names.of(self._known.exports)
        #: one text per line of an identity file that could not be used
        self.unusable = problems.lines()
        self._scopes = Scopes(settings.networks)
        #: shared by all pipelines, because it remembers each token that it has a record of
        self._vault = Vault(self.state, self.keys)
        self.catalog = load(*settings.signatures, cache=self.state / "catalog")
        self.catalog_in_use = _in_use(self.catalog)
        scanner.keep_in(self.state / "kernels")
        #: by site: the DNS answers in the logs of its resolvers
        self._answers: dict[str, NameTable] = {}

    @cached_property
    def claims(self) -> Claims:
        """The inputs whose rows only this process may store. Raises LakeError."""
        return Claims(self.lake)

    def list_again(self) -> None:
        """List the lake's commits again, before an input is continued that another process stored rows of."""
        self._landed = Landed(self.lake)

    def use(self, catalog: Catalog) -> None:
        """Use another catalog for the pipelines that are made from now on."""
        self.catalog, self.catalog_in_use = catalog, _in_use(catalog)

    def source(self, kind: type[Source], sensor: SensorSettings) -> Source:
        """A source that reads an input of a sensor."""
        source = kind(self.settings.networks.internal)
        source.localise(self.settings.zones(), sensor.timezone)
        return source

    def mixture(self, kind: type[Source], source_input: Input, also: list[SensorKind]) -> Mixture:
        """The pipelines for the batches of an input, and of others that are read together with it.

        When a line of another format turns up, its sensor is appended to `also`.
        """
        memories: dict[str, tuple[NameTable, Questions]] = {}

        def intake(name: str, of: Input) -> Intake:
            """For lines of a format: a sensor of its own, but the same memory of DNS as the whole input."""
            its_kind = kinds_by_name().get(name, kind)  # a kind that is no file's is not among those by name
            its_sensor = self.sensor_of(its_kind, of)
            if its_kind is not kind:
                also.append((its_sensor, its_kind))
            if of.identity not in memories:
                memories[of.identity] = NameTable(), Questions(self._scopes.is_proxy)
            naming, questions = memories[of.identity]
            of_resolvers = self._answers.setdefault(its_sensor.site, NameTable(behind=LOGS_BEHIND))
            origin = origin_of(its_sensor, its_kind)
            if its_kind.vantage == "dns":
                return self.intake(origin, of, of_resolvers, questions)
            return self.intake(origin, of, naming, questions, None if its_kind.is_capture else of_resolvers)

        return Mixture((kind.name, source_input), intake, self.pipeline)

    def sensor_of(self, kind: type[Source], source_input: Input) -> SensorSettings:
        """The sensor that made an input: the one of the settings with the declared name, else by its path and
        kind there; overridden by `Declared`."""
        named = self._named(self._declared.sensor, kind.name)
        return self._with_declared(named or sensor_declared(self.settings, kind, source_input.files[0]))

    def live_sensor(self, source: str) -> SensorSettings:
        """The sensor with the declared name: a live source has no path that the settings could match."""
        name = self._declared.sensor or source
        return self._with_declared(self._named(name, source) or SensorSettings(name=name))

    def _named(self, name: str | None, source: str) -> SensorSettings | None:
        """The sensor of the settings with this name; of several, the one of this kind of input."""
        named = [sensor for sensor in self.settings.sensors if sensor.name == name]
        return next((one for one in named if one.source == source), named[0] if named else None)

    def intake(
        self,
        origin: Origin,
        source_input: Input,
        naming: NameTable | None = None,
        questions: Questions | None = None,
        of_resolvers: NameTable | None = None,
    ) -> Intake:
        """The intake for the rows of one origin in an input; those of the same input share `naming` and
        `questions`, those of one site `of_resolvers`."""
        networks, identity = self.settings.networks, self.settings.identity
        admission = Admission(
            self.keys,
            networks.exclude,
            networks.only,
            origins=[origin.removeprefix(OWN_ORIGIN) for origin in identity.origins],
            leases=identity.from_packets or not _reads_packets(origin.source),
        )
        questions = questions or Questions(self._scopes.is_proxy)
        return Intake(origin, source_input.identity, admission, naming, questions, of_resolvers)

    def pipeline(self, origin: Origin, evidence: Evidence | None = None) -> Pipeline:
        """The pipeline for rows of one origin."""
        keys, level = self.keys, self.settings.privacy
        vault = self._vault if level == "pseudonymous" else None
        counting = Counting(self.state, keys) if level == "pseudonymous" else None
        pseudonyms = Pseudonyms(keys, level, self._scopes.is_internal, vault, counting, self._names)
        whose = hashlib.sha256(f"{origin.sensor}|{origin.site}|{origin.source}".encode()).hexdigest()[:16]
        kept_leases = self.state / LEASES_FOLDER / f"{whose}.sealed"
        k = 1 if level == "clear" else self.settings.k
        rotation = LeaseRotation(keys, kept_leases)
        kind = kinds_by_name().get(origin.source)
        scopes = self._scopes if kind and kind.is_on_site else None
        return Pipeline(
            origin,
            self.catalog_in_use,
            self._scopes,
            keys,
            pseudonyms,
            People(origin.site, keys, pseudonyms, self._known, rotation, scopes, k, Told(self.lake).news),
            names_by_client=self.settings.keeps_names_by_client,
            on_hits=evidence.matched if evidence else None,
        )

    def commits(self, source_input: Input) -> Commits:
        """Stores the rows of an input: in the lake, or sealed outside it where the level asks for that."""
        is_set = len(source_input.files) > 1
        return Commits(
            self.lake,
            source_input.identity,
            sealed=self._sealed,
            files=[file.identity for file in source_input.files] if is_set else (),
            landed=self._landed,
            head=None if is_set else source_input.files[0].kept_head,
        )

    def grown_from(self, source_input: Input, commits: Commits) -> list[Commits]:
        """What an input was when it was read before and has grown since, under other identities."""
        head = source_input.files[0].kept_head
        if len(source_input.files) > 1 or head is None:
            return commits.parts()
        shorter = self._shorter.of(head)
        return [Commits(self.lake, name, sealed=self._sealed) for name in shorter]

    def introduce(self, sensors: Iterable[SensorKind]) -> None:
        """Store the tables `sensors` (these and those of the settings) and `catalog`, so that reports on
        another machine have them.

        Raises LakeError.
        """
        declared = {(sensor.name, sensor.site): self._row(sensor, None) for sensor in self.settings.sensors}
        # Of a sensor that reads several kinds, the surest says what it is.
        ranked = sorted(sensors, key=lambda one: -DEFAULT_RANKS.get(one[1].vantage, 9))
        rows = declared | {(sensor.name, sensor.site): self._row(sensor, kind) for sensor, kind in ranked}
        frame = pl.DataFrame(list(rows.values()), schema=schema.SENSORS.dtypes)
        # The segment is named by the time, so that it does not replace that of another sensor.
        now_us = int(datetime.now(UTC).timestamp() * 1e6)
        frames = {"sensors": frame, "catalog": self.catalog.frame()}
        Commits(self.lake, "reference").commit(now_us, now_us, frames)

    def _row(self, sensor: SensorSettings, kind: type[Source] | None) -> dict[str, object]:
        """A row of `sensors`. Without the kind of its inputs, what depends on it is unknown.

        Logs of who held an address say nothing about the place watched; another scan may.
        """
        if kind and kind.vantage == "identity":
            kind = None
        vantage = sensor.vantage or (kind.vantage if kind else None)
        default = DEFAULT_RANKS.get(vantage, 9) if vantage else None
        return {
            "sensor": sensor.name,
            "site": sensor.site,
            "vantage": vantage,
            "rank": sensor.rank or default,
            "kind": _hands_over(kind) if kind else None,
            "zone": sensor.zone,
            "cadence_s": sensor.cadence_s,
            "population": sensor.population,
        }

    @property
    def people_sites(self) -> AbstractSet[str | None]:
        """The sites in the people file, None for lines without one; empty without a file."""
        return set() if self._known.people is None else set(self._known.people["site"])

    def _with_declared(self, known: SensorSettings) -> SensorSettings:
        changes = {
            "name": self._declared.sensor,
            "site": self._declared.site,
            "vantage": self._declared.vantage,
        }
        return known.model_copy(update={name: value for name, value in changes.items() if value is not None})


def _hands_over(kind: type[Source]) -> str:
    """What sensors of this kind hand over, as `kind` of the table `sensors` says it."""
    if kind.is_recording:
        return "recordings"
    return "packets" if kind.vantage == "packets" else "logs"


def _in_use(catalog: Catalog) -> CatalogInUse:
    return CatalogInUse(catalog.version, Index.build(catalog.indicators), Blindness(catalog.blind_spots))


def sensor_declared(settings: Settings, kind: type[Source], file: File) -> SensorSettings:
    """The sensor that made a file, by its path and kind in the settings."""
    return settings.sensor_for(file.path or file.name, kind.name)


def origin_of(sensor: SensorSettings, kind: type[Source]) -> Origin:
    """The origin of the rows that a kind of source gives of a sensor."""
    return Origin(sensor.name, sensor.site, sensor.vantage or kind.vantage, kind.name)


def sealed_rows(settings: Settings, state: Path, keys: Keys) -> SealedRows | None:
    """The store for rows that must not lie in the lake; None unless the privacy level is `aggregate`."""
    return SealedRows(state / "sealed", WeekSeal(keys)) if settings.privacy == "aggregate" else None


def _reads_packets(source: str) -> bool:
    """True for captures, live interfaces, and the logs of programs that read packets (Zeek, Suricata)."""
    kind = kinds_by_name().get(source)
    return kind is None or kind.vantage == "packets"  # live interfaces are not among the kinds of files
