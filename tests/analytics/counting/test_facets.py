"""What a facet counts as: a person at work, a stranger at a server of ours, a machine that is blocked."""

from __future__ import annotations

import duckdb
import numpy as np

from analytics.counting.attribution import Attributions
from analytics.counting.facets import encode_facets

TARGETS = 4


def test_numbers_stand_for_words() -> None:
    connection = duckdb.connect()
    connection.execute("""
        CREATE TEMP TABLE target_codes AS SELECT * FROM (VALUES
          (1, false, 1025, 4, 7, 3, 0), (2, true, 1025, 0, 8, 4, 0), (3, false, 2049, 5, 7, 3, 1)
        ) AS t (target, by_behaviour, vantage_kind, host_id, app_id, app_access, outcome_id);
        CREATE TEMP TABLE subjects AS SELECT * FROM (VALUES (5, 2), (6, 1)) AS t (name_id, subject_id);
        CREATE TEMP TABLE profiles AS SELECT * FROM (VALUES
          (0, 3, 1, 'user', 0, false, false, false, true), (1, 1, 1, 'address', 2, false, false, true, false),
          (2, 2, 1, 'machine', 2, true, true, false, false)
        ) AS t (profile_key, profile, seen_site_id, subject_kind, subject_priority, egress, program,
                is_external, is_person)
    """)
    target, name, profile_key = np.array([1, 2, 1, 3]), np.array([5, 6, 6, 6]), np.array([0, 1, 1, 2])
    nothing = np.zeros(4, np.int64)
    attributions = Attributions(
        np.arange(4) * TARGETS + target, np.array([1, 1, 2, 2]), nothing, nothing, nothing > 0, nothing > 0,
        name, profile_key, np.array([0.9, 0.8, 0.8, 0.7]),
    )  # fmt: skip
    encode_facets(connection, attributions, targets=TARGETS)
    found = connection.execute(
        "SELECT target, subject_profile, subject_kind, outcome, confidence, outside, egress, "
        "subject_priority, subject_day, usage_key "
        "FROM facet_codes ORDER BY facet"
    ).fetchall()
    parties = [(2 * 8 + 1) * 4, (1 * 8 + 1) * 4, (1 * 8 + 2) * 4, (1 * 8 + 2) * 4 + 1]
    assert found == [
        (1, 3, "user", "use", 0.9, False, False, 0, parties[0], parties[0] * 2**24 + 7),
        (2, 1, "outside", "use", None, True, False, 2, parties[1], parties[1] * 2**24 + 8),
        (1, 1, "address", "use", None, False, False, 2, parties[2], parties[2] * 2**24 + 7),
        (3, 2, "machine", "blocked", None, False, True, 2, parties[3], parties[3] * 2**24 + 7),
    ]
    hosts = connection.execute("SELECT host_id FROM facet_codes ORDER BY facet").fetchall()
    assert hosts == [(4,), (0,), (4,), (5,)]
    cells = connection.execute("SELECT cell FROM facet_codes ORDER BY facet").fetchall()
    assert cells == [
        (cell * 2**25 + app_access,)
        for cell, app_access in ((3 * 8 + 1, 6), (1 * 8 + 1, 2 * 4 + 1), (1 * 8 + 2, 6), (2 * 8 + 2, 6))
    ]
    subject_profiles = connection.execute(
        "SELECT subject_profile, subject_id, profile FROM subject_profile_codes ORDER BY ALL"
    )
    assert subject_profiles.fetchall() == [(1, 1, 1), (2, 1, 2), (3, 2, 3)]
