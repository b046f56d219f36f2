"""Numbers everything that events are counted and joined by, once per facet.

In: beliefs (belief.py), and in numbers what was seen, `aims` (counting/2_asked.sql), and who is believed to
be behind it, `subjects` and `manners` (3_subjects.sql). Out: the temporary tables `facet_numbers` and
`bearer_numbers`.

What the numbers stand for: `manner` (all about a subject but its name), `bearer` (a subject and its manner),
`party` (a subject under an outcome on a day), `service` (a party and an app), `eye` (a vantage and kind),
`cell` (the key of usage_hourly without hour and grade: bearer, day, offer, and whether from outside). `doubt`
decides between several records of one slice: a person (0) goes before a device (1).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from analytics.marts.belief import Beliefs
from analytics.marts.intervals import Columns, Flags, Ints
from analytics.marts.placing import numbered
from analytics.marts.weeks import store_frame


@dataclass(frozen=True)
class _Aims(Columns):
    by_manner: Flags
    seen_by: Ints
    host_nth: Ints
    app_nth: Ints
    offer: Ints
    outcome_nth: Ints


@dataclass(frozen=True)
class _Subjects(Columns):
    subject_nth: Ints


@dataclass(frozen=True)
class _Manners(Columns):
    manner: Ints
    seen_site_nth: Ints
    doubt: Ints
    egress: Flags
    program: Flags
    stranger: Flags
    is_person: Flags


def number(connection: duckdb.DuckDBPyConnection, beliefs: Beliefs, *, aims: int) -> None:
    """Makes the tables `facet_numbers`, a row per facet, and `bearer_numbers`; `aims` as in placing.py."""
    targets = numbered(connection, _Aims, "aims", by="target")
    manners = numbered(connection, _Manners, "manners", by="appearance")
    subject = numbered(connection, _Subjects, "subjects", by="name_nth").subject_nth[beliefs.name]
    appearance, day, target = beliefs.appearance, beliefs.day, beliefs.facet % aims
    app, outcome = targets.app_nth[target], targets.outcome_nth[target]
    outside = manners.stranger[appearance] & targets.by_manner[target]
    most = 1 + manners.manner.max()
    bearers, bearer = np.unique(subject * most + manners.manner[appearance], return_inverse=True)
    bearer_subject, bearer_manner = np.divmod(bearers, most)
    party = (subject * 8 + day) * 4 + outcome
    kinds = connection.execute("SELECT subject_kind FROM manners ORDER BY appearance").fetchall()
    subject_kinds = pl.Series([*(kind for (kind,) in kinds), "outside"], dtype=pl.String)
    outcomes = pl.Series(["use", "blocked", "embedded"])
    numbers = {
        "facet": beliefs.facet,
        "day": day,
        "context": beliefs.context,
        "spell": beliefs.spell,
        "stale": beliefs.stale,
        "crowded": beliefs.crowded,
        "target": target,
        "egress": manners.egress[appearance],
        "seen_site_nth": manners.seen_site_nth[appearance],
        "confidence": np.where(manners.is_person[appearance], beliefs.confidence, np.nan),
        "program": manners.program[appearance],
        "outside": outside,
        "outcome": outcomes.gather(outcome),
        "eye": targets.seen_by[target],
        "host_nth": targets.host_nth[target],
        "app_nth": app,
        "party": party,
        "service": party * 16_777_216 + app,
        "bearer": bearer + 1,
        "cell": ((bearer + 1) * 8 + day) * 33_554_432 + targets.offer[target] * 2 + outside,
        "subject_kind": subject_kinds.gather(np.where(outside, len(kinds), appearance)),
        "doubt": manners.doubt[appearance],
    }
    store_frame(
        connection, "facet_numbers", pl.DataFrame(numbers).with_columns(pl.col("confidence").fill_nan(None))
    )
    bearer_numbers = {"subject_nth": bearer_subject, "manner": bearer_manner}
    store_frame(
        connection, "bearer_numbers", pl.DataFrame({"bearer": 1 + np.arange(len(bearers)), **bearer_numbers})
    )
