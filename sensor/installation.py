"""What all inputs of a run share: settings, lake, keys, catalog, and identities.

`Installation` makes the source and the pipelines for an input, and stores the reference tables that explain
its sensors. The CLI makes one; `scan.py` reads files with it, `capture.py` a live interface, `streams.py`
followed files and sockets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sensor import schema
from sensor.catalog.load import Catalog, load
from sensor.identity.known import Known
from sensor.identity.scope import Scopes
from sensor.identity.subnets import with_subnets
from sensor.identity.tables import Problems
from sensor.match.blindness import Blindness
from sensor.match.index import Index
from sensor.match.naming import NameTable
from sensor.match.questions import Questions
from sensor.mixture import Mixture
from sensor.pipeline import CatalogInUse, Origin, Pipeline
from sensor.privacy.admission import Admission
from sensor.privacy.counting import Counting
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import Pseudonyms
from sensor.privacy.rotation import LeaseRotation
from sensor.privacy.vault import Vault
from sensor.privacy.weekly import WeekSeal
from sensor.settings import OWN_ORIGIN, SensorSettings, Settings, lake_path, state_path
from sensor.sources.detect import kinds_by_name
from sensor.sources.interface import Input, Source
from sensor.sources.logs.text import scanner
from sensor.store.lake import Lake
from sensor.store.sealed import SealedRows
from sensor.store.segments import Commits
from sensor.summary import Summary

if TYPE_CHECKING:
    from sensor.evidence import Evidence

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
        self._sealed = sealed_rows(settings, self.state, self.keys)
        #: one text per line of an identity file that could not be used
        self.unusable = problems.lines()
        self._declared = declared
        self._known = Known.of(settings, problems)
        self._scopes = Scopes(settings.networks)
        self.catalog = load(*settings.signatures, cache=self.state / "catalog")
        self.catalog_in_use = _in_use(self.catalog)
        scanner.keep_in(self.state / "kernels")

    def use(self, catalog: Catalog) -> None:
        """Use another catalog for the pipelines that are made from now on."""
        self.catalog, self.catalog_in_use = catalog, _in_use(catalog)

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
            return self.pipeline(origin_of(its_sensor, its_kind, source_input), naming, questions)

        source = kind(self.settings.networks.internal)
        source.localise(self.settings.zones(), sensor.timezone)
        first = self.pipeline(origin_of(sensor, kind, source_input), naming, questions)
        mixture = Mixture(kind.name, first, other)
        return source, mixture, Summary(source_input.name, source.name)

    def sensor_of(self, kind: type[Source], source_input: Input) -> SensorSettings:
        """The sensor that made an input: by its path and kind in the settings, overridden by `Declared`."""
        path = source_input.files[0].path or source_input.files[0].name
        return self._with_declared(self.settings.sensor_for(str(Path(path).absolute()), kind.name))

    def live_sensor(self, source: str) -> SensorSettings:
        """The sensor with the declared name: a live source has no path by which the settings could name
        it."""
        name = self._declared.sensor or source
        known = [sensor for sensor in self.settings.sensors if sensor.name == name]
        return self._with_declared(known[0] if known else SensorSettings(name=name))

    def pipeline(
        self,
        origin: Origin,
        naming: NameTable | None = None,
        questions: Questions | None = None,
        evidence: Evidence | None = None,
    ) -> Pipeline:
        """The pipeline for rows of one origin. Pipelines of the same input share `naming` and `questions`."""
        keys, networks, identity = self.keys, self.settings.networks, self.settings.identity
        level = self.settings.privacy
        vault = Vault(self.state, keys) if level == "pseudonymous" else None
        counting = Counting(self.state, keys) if level == "pseudonymous" and keys.count() else None
        pseudonyms = Pseudonyms(keys, level, self._scopes.is_internal, vault, counting)
        whose = hashlib.sha256(f"{origin.sensor}|{origin.site}|{origin.source}".encode()).hexdigest()[:16]
        kept_leases = self.state / "leases" / f"{whose}.sealed"
        return Pipeline(
            origin,
            self.catalog_in_use,
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

    def commits(self, source_input: Input) -> Commits:
        """Stores the rows of an input: in the lake, or sealed outside it where the level asks for that."""
        return Commits(self.lake, source_input.identity, sealed=self._sealed)

    def introduce(self, sensors: Iterable[SensorKind]) -> None:
        """Store the tables `sensors` and `catalog`, so that reports on another machine have them.

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
        frames = {"sensors": frame, "catalog": self.catalog.frame()}
        Commits(self.lake, "reference").commit(now_us, now_us, frames)

    def _with_declared(self, known: SensorSettings) -> SensorSettings:
        changes = {
            "name": self._declared.sensor,
            "site": self._declared.site,
            "vantage": self._declared.vantage,
        }
        return known.model_copy(update={name: value for name, value in changes.items() if value is not None})


def _in_use(catalog: Catalog) -> CatalogInUse:
    return CatalogInUse(catalog.version, Index.build(catalog.indicators), Blindness(catalog.blind_spots))


def origin_of(sensor: SensorSettings, kind: type[Source], source_input: Input) -> Origin:
    """The origin of the rows of an input."""
    vantage = sensor.vantage or kind.vantage
    return Origin(sensor.name, sensor.site, vantage, kind.name, source_input.identity)


def sealed_rows(settings: Settings, state: Path, keys: Keys) -> SealedRows | None:
    """The store for rows that must not lie in the lake; None unless the privacy level is `aggregate`."""
    return SealedRows(state / "sealed", WeekSeal(keys)) if settings.privacy == "aggregate" else None


def _reads_packets(source: str) -> bool:
    """True for captures, live interfaces, and the logs of programs that read packets (Zeek, Suricata)."""
    kind = kinds_by_name().get(source)
    return kind is None or kind.vantage == "packets"  # live interfaces are not among the kinds of files
