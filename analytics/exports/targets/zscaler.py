"""URLs of a custom category of Zscaler Internet Access.

A leading dot stands for the name and five levels below it, and is the only wildcard; one URL with a capital
refuses them all:
https://help.zscaler.com/zia/url-format-guidelines
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import NO_COMMENTS, Entry, Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    yield from dict.fromkeys(map(_url, selection.entries))


def _url(entry: Entry) -> str:
    below = entry.value.lstrip("*.")
    return (f".{below}" if entry.kind == "suffix" or below != entry.value else below).lower()


TARGET = Target(
    "zscaler",
    "Zscaler custom URL categories",
    _render,
    says=frozenset({"domain", "suffix", "url"}),
    modes=("block", "allow"),
    notes=(
        "paths are seen only with SSL inspection",
        NO_COMMENTS,
    ),
)
