"""What a facet counts as: a person at work, a stranger at a server of ours, a machine that is blocked."""

from __future__ import annotations

import duckdb
import numpy as np

from analytics.marts.belief import Beliefs
from analytics.marts.facets import number

TARGETS = 4


def test_numbers_stand_for_words() -> None:
    connection = duckdb.connect()
    connection.execute("""
        CREATE TEMP TABLE target_numbers AS SELECT * FROM (VALUES
          (1, false, 1025, 4, 7, 3, 0), (2, true, 1025, 0, 8, 4, 0), (3, false, 2049, 5, 7, 3, 1)
        ) AS t (target, by_behaviour, seen_by, host_nth, app_nth, offer, outcome_nth);
        CREATE TEMP TABLE subjects AS SELECT * FROM (VALUES (5, 2), (6, 1)) AS t (name_nth, subject_nth);
        CREATE TEMP TABLE profiles AS SELECT * FROM (VALUES
          (0, 3, 1, 'user', 0, false, false, false, true), (1, 1, 1, 'address', 2, false, false, true, false),
          (2, 2, 1, 'machine', 2, true, true, false, false)
        ) AS t (appearance, profile, seen_site_nth, subject_kind, doubt, egress, program, stranger, is_person)
    """)
    target, name, appearance = np.array([1, 2, 1, 3]), np.array([5, 6, 6, 6]), np.array([0, 1, 1, 2])
    nothing = np.zeros(4, np.int64)
    beliefs = Beliefs(
        np.arange(4) * TARGETS + target, np.array([1, 1, 2, 2]), nothing, nothing, nothing > 0, nothing > 0,
        name, appearance, np.array([0.9, 0.8, 0.8, 0.7]),
    )  # fmt: skip
    number(connection, beliefs, targets=TARGETS)
    found = connection.execute(
        "SELECT target, bearer, subject_kind, outcome, confidence, outside, egress, doubt, party, service "
        "FROM facet_numbers ORDER BY facet"
    ).fetchall()
    parties = [(2 * 8 + 1) * 4, (1 * 8 + 1) * 4, (1 * 8 + 2) * 4, (1 * 8 + 2) * 4 + 1]
    assert found == [
        (1, 3, "user", "use", 0.9, False, False, 0, parties[0], parties[0] * 2**24 + 7),
        (2, 1, "outside", "use", None, True, False, 2, parties[1], parties[1] * 2**24 + 8),
        (1, 1, "address", "use", None, False, False, 2, parties[2], parties[2] * 2**24 + 7),
        (3, 2, "machine", "blocked", None, False, True, 2, parties[3], parties[3] * 2**24 + 7),
    ]
    hosts = connection.execute("SELECT host_nth FROM facet_numbers ORDER BY facet").fetchall()
    assert hosts == [(4,), (0,), (4,), (5,)]
    cells = connection.execute("SELECT cell FROM facet_numbers ORDER BY facet").fetchall()
    assert cells == [
        (cell * 2**25 + offer,)
        for cell, offer in ((3 * 8 + 1, 6), (1 * 8 + 1, 2 * 4 + 1), (1 * 8 + 2, 6), (2 * 8 + 2, 6))
    ]
    bearers = connection.execute("SELECT bearer, subject_nth, profile FROM bearer_numbers ORDER BY ALL")
    assert bearers.fetchall() == [(1, 1, 1), (2, 1, 2), (3, 2, 3)]
