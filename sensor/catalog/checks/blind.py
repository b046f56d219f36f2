"""Lints of the places behind which the sensor is blind."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from sensor.catalog.blind import places
from sensor.catalog.checks.interface import Check, Subject
from sensor.catalog.problem import Problem
from sensor.match.match import match_hosts


class BlindTwice(Check):
    """A place listed twice among the blind spots."""

    reason = "a connection is counted once, and the order of files must not decide as what"
    remedy = "keep the entry with the better reference"

    def find(self, subject: Subject) -> Iterator[Problem]:
        seen: dict[tuple[str, str, int | None, str | None], str] = {}
        for key, position, spot in subject.blind_spots:
            for place in places(spot):
                if other := seen.get(place):
                    what = f"{place[1] or place[2]} is also in {other}"
                    yield self.at(subject, key, ("entries", position), what)
                seen[place] = spot.name


class BlindService(Check):
    """A service of the catalog listed among the blind spots."""

    reason = "what is known to be an AI service is a sighting, not a blind spot"
    remedy = "remove it here, or from the service"

    def find(self, subject: Subject) -> Iterator[Problem]:
        names = [
            (key, position, name)
            for key, position, spot in subject.blind_spots
            for name in (*spot.hosts, *spot.suffixes)
        ]
        unique = pl.Series("host", sorted({name for _, _, name in names}), dtype=pl.String)
        services = set(match_hosts(unique, subject.index)["host"])
        for key, position, name in names:
            if name in services:
                what = f"{name} belongs to a service of the catalog"
                yield self.at(subject, key, ("entries", position), what)
