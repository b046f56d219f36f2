"""Answers behind TLS that come like a language model's are evidence, candidates and nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.product import query, shadowai
from tests.quality.evaluate import connection
from tests.quality.wire import frames
from tests.sensor.decode.craft import pcap
from tests.sensor.decode.craft.turns import batches, late, tokens

INSIDE, OUTSIDE = "10.9.0.20", "203.0.113.9"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("streams")
    packets = frames(connection(tokens(1)), 1, INSIDE) + frames(connection(batches()), 2, INSIDE)
    for n in range(3, 6):
        packets += frames(connection(tokens(n)), 3 + 1000 * n, OUTSIDE)
    packets += frames(connection(batches(9)), 9, OUTSIDE)
    (made / "a.pcap").write_bytes(pcap(late(sorted(packets, key=lambda frame: frame.time))))
    shadowai(made, "scan", "--quiet", "a.pcap")
    return made


def test_a_server_inside_is_listed_with_the_reason(folder: Path) -> None:
    columns = "app, service, server_port, clients, cleartext_connections, stream_like_connections"
    told = "Self-hosted inference behind TLS (recognised by its answers)"
    assert query(folder, f"SELECT {columns} FROM ai_servers") == [
        ("behaviours/stream-behind-tls", told, 443, 1, 0, 1)
    ]


def test_the_numbers_stand_beside_the_class(folder: Path) -> None:
    columns = "stream_like, judged_turns, stream_turns, stream_units, stream_unit_bytes, role, name_from"
    rows = query(folder, f"SELECT {columns} FROM sightings")
    assert rows == [("A+", 1, 1, 60, 422, "support", "banner")]


def test_a_token_stream_alone_is_no_use_and_no_finding(folder: Path) -> None:
    assert query(folder, "SELECT COUNT(*) FROM usage_daily") == [(0,)]
    assert query(folder, "SELECT COUNT(*) FROM findings WHERE app LIKE 'behaviours/%'") == [(0,)]


def test_a_name_outside_is_a_candidate_only_for_even_streams(folder: Path) -> None:
    names = query(folder, "SELECT streams, even_streams FROM names WHERE streams > 0 ORDER BY ALL")
    assert names == [(1, 0), (1, 0), (1, 1), (1, 1), (1, 1), (1, 1)]
    found = query(folder, "SELECT DISTINCT streams, even_streams FROM candidates")
    assert found == [(1, 1)]


def test_coverage_counts_what_was_judged(folder: Path) -> None:
    assert query(folder, "SELECT SUM(turns_judged), SUM(turns_unjudged) FROM coverage") == [(6, 0)]
