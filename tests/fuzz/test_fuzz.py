"""A short run of every fuzz target, and that the fuzzer itself finds what it should."""

from __future__ import annotations

import numpy as np
import pytest

from sensor.decode import warming
from tests.fuzz import corpus, guided, targets
from tests.fuzz.mutate import mutants


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Compiling counts for nobody's time limit."""
    warming.warm()


EXECUTIONS = {"frame": 20_000, "stream": 5_000, "dns": 20_000, "quic": 1_000, "container": 2_000,
              "tcp-dns": 5_000, "fragment": 5_000}  # fmt: skip


@pytest.mark.parametrize("target", EXECUTIONS)
def test_no_mutant_breaks_a_compiled_decoder(target: str) -> None:
    for number in range(-(-EXECUTIONS[target] // targets.BATCH[target])):
        targets.run(target, targets.batch(target, number, 5), np.random.default_rng(number))


@pytest.mark.parametrize("name", guided.PARSERS)
def test_no_mutant_breaks_a_parser_in_python(name: str) -> None:
    lines, _ = guided.fuzz(name, 2_000, 5)
    assert lines > 10


def test_the_corpus_is_small_and_whole() -> None:
    for target, seeds in corpus.TARGETS.items():
        files = {path.stem: path.stat().st_size for path in (corpus.FOLDER / target).glob("*.bin")}
        assert set(files) == set(seeds()), f"{target}: run `python -m tests.fuzz --make-corpus`"
        assert 0 < max(files.values()) < 4096


def test_mutants_are_damaged_in_every_way_and_the_same_each_time() -> None:
    seeds = [b"abcdefgh" * 4, b"0123456789"]
    made = mutants(seeds, 500, np.random.default_rng(3))
    assert made == mutants(seeds, 500, np.random.default_rng(3))
    assert len(set(made)) > 300
    assert any(m in seeds for m in made)
    assert any(len(m) < len(seeds[1]) for m in made)
    assert any(m[:4] == b"abcd" and m[-1:] == b"9" for m in made)


def test_a_broken_promise_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(content: bytes, packets: int | None) -> None:
        if b"BOOM" in content:
            raise targets.Broken("boom", content)

    monkeypatch.setattr(targets, "check", fragile)
    inputs = [b"quiet"] * 37 + [b"BOOM"] + [b"quiet"] * 60
    few, broken = targets.smallest("frame", inputs, 1, targets.Broken("boom", b""))
    assert few == [b"BOOM"]
    assert str(broken) == "boom"


def test_guided_fuzzing_finds_its_way_past_a_check() -> None:
    watched = guided.Watched((guided.http2,))
    parser = guided.PARSERS["http2"][0]
    assert watched.call(parser, b"PRI")
    assert not watched.call(parser, b"PRI *")
    assert watched.call(parser, guided.http2.PREFACE + bytes(9))
