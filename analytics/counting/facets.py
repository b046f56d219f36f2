"""Encodes everything that events are counted and joined by as integers, once per facet.

In: attributions (attribution.py), `target_codes` (day_sql/05_codes.sql), `subjects` and `profiles`
(07_subjects.sql). Out: the temporary tables `facet_codes` and `subject_profile_codes`. `__init__.py` explains
the terms.

`subject_priority` decides which of several records of one slice is kept: that of a person (0), then a device
(1).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from analytics.counting.attribution import Attributions
from analytics.counting.binding_join import numbered
from analytics.counting.frames import store_frame
from analytics.counting.intervals import Columns, Flags, Ints


@dataclass(frozen=True)
class _Targets(Columns):
    by_behaviour: Flags
    vantage_kind: Ints
    host_id: Ints
    app_id: Ints
    app_access: Ints
    outcome_id: Ints


@dataclass(frozen=True)
class _Subjects(Columns):
    subject_id: Ints


@dataclass(frozen=True)
class _Profiles(Columns):
    profile: Ints
    seen_site_id: Ints
    subject_priority: Ints
    egress: Flags
    program: Flags
    is_external: Flags
    is_person: Flags


def encode_facets(connection: duckdb.DuckDBPyConnection, attributions: Attributions, *, targets: int) -> None:
    """Makes the tables `facet_codes`, a row per facet, and `subject_profile_codes`.

    `targets` is the radix of targets in a facet (binding_join.py).
    """
    target_codes = numbered(connection, _Targets, "target_codes", by="target")
    profiles = numbered(connection, _Profiles, "profiles", by="profile_key")
    subject = numbered(connection, _Subjects, "subjects", by="name_id").subject_id[attributions.name]
    profile_key, day, target = attributions.profile_key, attributions.day, attributions.facet % targets
    app, outcome = target_codes.app_id[target], target_codes.outcome_id[target]
    outside = profiles.is_external[profile_key] & target_codes.by_behaviour[target]
    radix = 1 + profiles.profile.max()
    combined = subject * radix + profiles.profile[profile_key]
    subject_profiles, subject_profile = np.unique(combined, return_inverse=True)
    subject_id, profile = np.divmod(subject_profiles, radix)
    app_access = target_codes.app_access[target]
    subject_day = (subject * 8 + day) * 4 + outcome
    kinds = connection.execute("SELECT subject_kind FROM profiles ORDER BY profile_key").fetchall()
    subject_kinds = pl.Series([*(kind for (kind,) in kinds), "outside"], dtype=pl.String)
    outcomes = pl.Series(["use", "blocked", "embedded"])
    codes = {
        "facet": attributions.facet,
        "day": day,
        "context": attributions.context,
        "binding": attributions.binding,
        "stale": attributions.stale,
        "observed_shared": attributions.observed_shared,
        "target": target,
        "egress": profiles.egress[profile_key],
        "seen_site_id": profiles.seen_site_id[profile_key],
        "confidence": np.where(profiles.is_person[profile_key], attributions.confidence, np.nan),
        "program": profiles.program[profile_key],
        "outside": outside,
        "outcome": outcomes.gather(outcome),
        "vantage_kind": target_codes.vantage_kind[target],
        "host_id": target_codes.host_id[target],
        "app_id": app,
        "subject_day": subject_day,
        "usage_key": subject_day * 16_777_216 + app,
        "subject_profile": subject_profile + 1,
        "cell": ((subject_profile + 1) * 8 + day) * 33_554_432 + app_access * 2 + outside,
        "subject_kind": subject_kinds.gather(np.where(outside, len(kinds), profile_key)),
        "subject_priority": profiles.subject_priority[profile_key],
    }
    store_frame(
        connection, "facet_codes", pl.DataFrame(codes).with_columns(pl.col("confidence").fill_nan(None))
    )
    number = 1 + np.arange(len(subject_profiles))
    frame = pl.DataFrame({"subject_profile": number, "subject_id": subject_id, "profile": profile})
    store_frame(connection, "subject_profile_codes", frame)
