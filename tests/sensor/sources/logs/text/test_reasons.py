"""Why records are set aside: one vocabulary, because users group by these words."""

from __future__ import annotations

import re
from pathlib import Path

import sensor.sources
from sensor.sources.logs.text import reasons

SOURCES = Path(sensor.sources.__file__).parent
VOCABULARY = {
    name: text for name, text in vars(reasons).items() if name.isupper() and name != "SET_ASIDE"
}  # fmt: skip
#: Words without which a reason means the same.
TRIVIA = {"a", "an", "the", "its", "that", "is", "was", "are", "of", "event", "record", "message", "log"}


def _meaning(reason: str) -> frozenset[str]:
    """The words that matter: no case, brackets, articles and plurals."""
    words = re.findall(r"[a-z]+", re.sub(r"\(.*?\)", "", reason.lower().removeprefix(reasons.SET_ASIDE)))
    return frozenset(word.removesuffix("s") for word in words if word not in TRIVIA)


def test_sources_use_the_words_of_the_vocabulary() -> None:
    written = {
        path: found
        for path in SOURCES.rglob("*.py")
        if path != Path(reasons.__file__)
        and (found := re.findall(rf'"({reasons.SET_ASIDE}[^"]*)"', path.read_text(encoding="utf-8")))
    }
    assert written == {}
    assert len(VOCABULARY) > 50


def test_no_two_reasons_differ_only_in_how_they_are_said() -> None:
    by_meaning: dict[frozenset[str], list[str]] = {}
    for reason in VOCABULARY.values():
        by_meaning.setdefault(_meaning(reason), []).append(reason)
    assert [alike for alike in by_meaning.values() if len(alike) > 1] == []
    assert frozenset() not in by_meaning


def test_every_reason_is_used() -> None:
    paths = [path for path in SOURCES.rglob("*.py") if path != Path(reasons.__file__)]
    used = set(re.findall(r"\b[A-Z_]{2,}\b", "\n".join(path.read_text(encoding="utf-8") for path in paths)))
    assert set(VOCABULARY) - used == set()
