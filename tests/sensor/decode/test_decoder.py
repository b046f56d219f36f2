"""A decoder that is given nothing: batches without rows, and no work twice."""

from __future__ import annotations

import pytest

from sensor.decode.decoder import Decoder
from sensor.settings import PRIVATE_NETWORKS


def test_batches_of_nothing_have_their_tables_and_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, made = Decoder(PRIVATE_NETWORKS, connections=1_000), []
    make = Decoder._make
    monkeypatch.setattr(Decoder, "_make", lambda *given: (made.append(1), make(*given)))
    first, second, last = decoder.batch(), decoder.batch(), decoder.batch(last=True)
    assert list(first) == ["observations", "answers", "holders", "coverage"]
    for table in first:
        assert first[table].schema == second[table].schema == last[table].schema
        assert first[table].height == second[table].height == last[table].height == 0
    decoder._is_batch_full()
    assert decoder.batch()["observations"].is_empty()
    assert len(made) == 4, "what was handed over just now is not handed over again"
