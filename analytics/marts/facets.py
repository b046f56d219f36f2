"""Numbers everything that events are counted and joined by, once per facet.

In: beliefs (belief.py), what was seen, `target_numbers` (counting/05_numbers.sql), and who is believed to be
behind it, `subjects` and `profiles` (07_subjects.sql). Out: the temporary tables `facet_numbers` and
`bearer_numbers`. The words are explained in `__init__.py`.

`doubt` decides between several records of one slice: a person (0) goes before a device (1).
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
class _Targets(Columns):
    by_behaviour: Flags
    seen_by: Ints
    host_nth: Ints
    app_nth: Ints
    offer: Ints
    outcome_nth: Ints


@dataclass(frozen=True)
class _Subjects(Columns):
    subject_nth: Ints


@dataclass(frozen=True)
class _Profiles(Columns):
    profile: Ints
    seen_site_nth: Ints
    doubt: Ints
    egress: Flags
    program: Flags
    stranger: Flags
    is_person: Flags


def number(connection: duckdb.DuckDBPyConnection, beliefs: Beliefs, *, targets: int) -> None:
    """Makes the tables `facet_numbers`, a row per facet, and `bearer_numbers`; `targets` as in placing.py."""
    target_numbers = numbered(connection, _Targets, "target_numbers", by="target")
    profiles = numbered(connection, _Profiles, "profiles", by="appearance")
    subject = numbered(connection, _Subjects, "subjects", by="name_nth").subject_nth[beliefs.name]
    appearance, day, target = beliefs.appearance, beliefs.day, beliefs.facet % targets
    app, outcome = target_numbers.app_nth[target], target_numbers.outcome_nth[target]
    outside = profiles.stranger[appearance] & target_numbers.by_behaviour[target]
    most = 1 + profiles.profile.max()
    bearers, bearer = np.unique(subject * most + profiles.profile[appearance], return_inverse=True)
    bearer_subject, bearer_profile = np.divmod(bearers, most)
    party = (subject * 8 + day) * 4 + outcome
    kinds = connection.execute("SELECT subject_kind FROM profiles ORDER BY appearance").fetchall()
    subject_kinds = pl.Series([*(kind for (kind,) in kinds), "outside"], dtype=pl.String)
    outcomes = pl.Series(["use", "blocked", "embedded"])
    numbers = {
        "facet": beliefs.facet,
        "day": day,
        "context": beliefs.context,
        "binding": beliefs.binding,
        "stale": beliefs.stale,
        "crowded": beliefs.crowded,
        "target": target,
        "egress": profiles.egress[appearance],
        "seen_site_nth": profiles.seen_site_nth[appearance],
        "confidence": np.where(profiles.is_person[appearance], beliefs.confidence, np.nan),
        "program": profiles.program[appearance],
        "outside": outside,
        "outcome": outcomes.gather(outcome),
        "eye": target_numbers.seen_by[target],
        "host_nth": target_numbers.host_nth[target],
        "app_nth": app,
        "party": party,
        "service": party * 16_777_216 + app,
        "bearer": bearer + 1,
        "cell": ((bearer + 1) * 8 + day) * 33_554_432 + target_numbers.offer[target] * 2 + outside,
        "subject_kind": subject_kinds.gather(np.where(outside, len(kinds), appearance)),
        "doubt": profiles.doubt[appearance],
    }
    store_frame(
        connection, "facet_numbers", pl.DataFrame(numbers).with_columns(pl.col("confidence").fill_nan(None))
    )
    bearer_numbers = {"subject_nth": bearer_subject, "profile": bearer_profile}
    store_frame(
        connection, "bearer_numbers", pl.DataFrame({"bearer": 1 + np.arange(len(bearers)), **bearer_numbers})
    )
