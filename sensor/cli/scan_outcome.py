"""What `shadowai scan` prints: its progress, and the result for each input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sensor.sources.logs.text.reasons import SET_ASIDE

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from rich.progress import Progress

    from sensor.ingest.scan import Outcome
    from sensor.ingest.summary import Summary

#: Inputs of the same kinds that are reported one by one; more are reported together.
_MOST_INPUTS = 10
#: log formats listed for a file with several
_MOST_KINDS = 4


@contextmanager
def progress_bar(total_bytes: int | None, *, quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """A function to call with the name of what is being read and the bytes read of all inputs.

    It draws a bar on a terminal, nothing when piped or quiet.
    """
    if quiet or not sys.stderr.isatty():  # importing rich would slow down a short scan
        yield lambda name, done: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    with _bar(console) as bar:
        task = bar.add_task("", total=total_bytes)
        yield lambda name, done: bar.update(task, description=name[-40:], completed=done)


def _bar(console: Console) -> Progress:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def conclude(outcome: Outcome, skipped: list[str], lake: Path) -> None:
    """Print the result for each input, then a summary of the newest week in the lake."""
    from analytics.render.text import summary

    for one in condensed([summary_of for _, _, summary_of in outcome.read]):
        typer.echo(line(one))
    for doubt in outcome.doubts[:_MOST_INPUTS]:
        typer.echo(doubt)
    if len(outcome.doubts) > _MOST_INPUTS:
        typer.echo(f"{len(outcome.doubts) - _MOST_INPUTS:,} more warnings like these")
    if outcome.unchanged:
        typer.echo(f"{_some(outcome.unchanged, 3)}: read before, nothing new")
    if skipped:
        typer.echo(passed_over(skipped))
    if outcome.advice:
        typer.echo("")
        for advice, names in outcome.advice.items():
            typer.echo(f"{_some(names, 3)}: {advice}")
    typer.echo("")
    typer.echo(summary(lake, None))


def condensed(summaries: Sequence[Summary]) -> list[Summary]:
    """The summaries to print: one for each input, or for all of the same kinds where they are many."""
    from sensor.ingest.summary import Summary

    alike: dict[tuple[str, ...], list[Summary]] = {}
    for one in summaries:
        alike.setdefault((one.source, *sorted(one.kinds)), []).append(one)
    out: list[Summary] = []
    for some in alike.values():
        out += [Summary.together(some)] if len(some) > _MOST_INPUTS else some
    return out


def line(summary: Summary) -> str:
    """The result for one input: which fields it has, which records were set aside, which could not be
    read."""
    read = many(summary.packets, "packet") if summary.packets else many(summary.records, "record")
    text = f"{summary.name}: {_kinds(summary)}, {read}"
    tells_use = not _tells_only_who(summary)
    text += f", {many(summary.sightings, 'sighting')}" if tells_use else " of who held an address"
    text += f" of {many(len(summary.apps), 'service')}" if summary.apps else ""
    aside = {r: n for r, n in summary.reasons.items() if r.startswith(SET_ASIDE)}
    unread = {r: n for r, n in summary.reasons.items() if not r.startswith(SET_ASIDE)}
    if summary.carried["used"] and tells_use:
        text += f"\n    carries: {_carries(summary.carried)}"
    for heading, reasons in (("set aside", aside), ("not used", unread)):
        if reasons:
            most = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
            texts = [_reason(reason, count, summary.places[reason]) for reason, count in most]
            text += f"\n    {heading}: {_some(texts, 3)}"
    return text


def _tells_only_who(summary: Summary) -> bool:
    """True of logs of leases and sign-ins, in which nobody uses anything."""
    from sensor.sources.detect import kinds_by_name

    known = kinds_by_name()
    vantages = {known[kind].vantage for kind in summary.kinds if kind in known}
    return not summary.sightings and vantages == {"identity"}


def _kinds(summary: Summary) -> str:
    """The formats the input was read as, the most frequent first."""
    kinds = sorted(summary.kinds, key=lambda kind: (-summary.kinds[kind], kind))
    if len(kinds) < 2:
        return kinds[0] if kinds else summary.source
    more = [f"{len(kinds) - _MOST_KINDS} more"] if len(kinds) > _MOST_KINDS else []
    return " + ".join(kinds[:_MOST_KINDS] + more)


def _reason(reason: str, count: int, place: str | None) -> str:
    """How many records were left out, why, and where the first is (not for records set aside on purpose)."""
    if place is None or reason.startswith(SET_ASIDE):
        return f"{count:,} × {reason.removeprefix(SET_ASIDE)}"
    return f"{count:,} × {reason} ({place if count == 1 else f'first at {place}'})"


def _carries(carried: Counter[str]) -> str:
    """For each field, the share of records that have it; `none` is printed too, because it tells what is
    missing."""
    from sensor.ingest.summary import CARRIED

    used = carried["used"]
    return ", ".join(
        f"{name.removeprefix('with_').replace('_', ' ')} {_share(carried[name], used)}"
        for name in CARRIED[1:]
    )


def _share(part: int, whole: int) -> str:
    if part in (0, whole):
        return "all" if part else "none"
    return f"{100 * part / whole:.0f} %" if part * 100 >= whole else "< 1 %"


def many(count: int, noun: str) -> str:
    """`1 packet`, `2,000 packets`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def passed_over(names: list[str]) -> str:
    """One line for all files in folders that are no input. They were not named one by one, so this is no
    error."""
    are = "is" if len(names) == 1 else "are"
    return f"{_some(names, 1)} {are} of no known kind, so not read; to see why, scan such a file by itself"


def _some(names: list[str], at_most: int) -> str:
    more = len(names) - at_most
    return ", ".join(names[:at_most]) + (f" and {more:,} more" if more > 0 else "")
