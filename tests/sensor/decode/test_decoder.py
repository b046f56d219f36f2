"""A decoder that is given nothing: batches without rows, and no work twice."""

from __future__ import annotations

import pytest

from sensor.decode.decoder import Decoder
from sensor.decode.layout import COLD, FLOW, records, release_memory
from sensor.decode.tables import observations
from sensor.settings import PRIVATE_NETWORKS


def test_batches_of_nothing_have_their_tables_and_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, made = Decoder(PRIVATE_NETWORKS, connections=1_000), []
    make = observations.connections
    monkeypatch.setattr(observations, "connections", lambda *given: made.append(1) or make(*given))
    first, second, last = decoder.batch(), decoder.batch(), decoder.batch(last=True)
    assert list(first) == ["observations", "answers", "holders", "coverage"]
    for table in first:
        assert first[table].schema == second[table].schema == last[table].schema
        assert first[table].height == second[table].height == last[table].height == 0
    decoder._is_batch_full()
    assert decoder.batch()["observations"].is_empty()
    assert len(made) == 4, "what was handed over just now is not handed over again"


def test_a_connection_takes_three_cache_lines() -> None:
    """Two of them for what every packet touches. A million connections are 192 MB."""
    assert (FLOW.itemsize, COLD.itemsize) == (128, 64)


@pytest.mark.parametrize(("count", "kept_from"), [(40_000, 32_768), (16_000, 0), (0, 0)])
def test_the_memory_of_ended_connections_is_given_back(count: int, kept_from: int) -> None:
    rows = records(FLOW, 50_000)
    rows["last"] = 7
    release_memory(rows, count)
    assert not rows["last"][:kept_from].any()
    assert (rows["last"][kept_from:] == 7).all()


def test_a_small_table_keeps_its_memory() -> None:
    rows = records(COLD, 100)
    rows["start"] = 7
    release_memory(rows, 100)
    assert (rows["start"] == 7).all()
