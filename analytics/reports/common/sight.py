"""Thresholds of every page: when a service counts as used, and when too little was seen to say."""

from __future__ import annotations

#: The lowest grade that counts as use.
USE = 3
#: Beyond these shares of connections and time, pages say "we cannot tell".
LEAST_NAMED = 0.80
MOST_ONE_SIDED = 0.20
LEAST_WATCHED = 0.50


def in_use(grade: int | None) -> bool:
    """True if evidence of this grade shows use; None where nothing was seen."""
    return (grade or 0) >= USE


def nameless(flows: int, named: int) -> bool:
    """True if too many connections have no name."""
    return named < LEAST_NAMED * flows


def one_way(flows: int, one_sided: int) -> bool:
    """True if too many connections were seen in one direction only."""
    return one_sided > MOST_ONE_SIDED * flows
