"""What looks wrong about inputs that were read: impossible times, gateways that look like clients, a half
written line, sites of nobody."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import polars as pl

from sensor.ingest.summary import Summary
from sensor.settings import Networks, Settings
from sensor.sources.interface import File, Input, Source
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.trial import look

#: So many clients and requests of a proxy do not look like those of one other client by chance, nor does so
#: great a share of what they got, by host and day.
_PROXY_CLIENTS, _PROXY_REQUESTS, _PROXY_SHARE = 3, 20, 0.8
#: Times this far after the last change of their file are doubted.
_CLOCKS_DIFFER = timedelta(minutes=5)
#: Larger differences are reported in days, because no time zone explains them.
_MOST_ZONE_HOURS = 48
#: Zones are at most so many hours behind UTC; a log is last written so soon after its newest line.
_MOST_BEHIND_HOURS, _WRITTEN_AFTER = 12, timedelta(seconds=90)
#: Fewer connections may be those of one visitor.
_ENOUGH = 20
#: So many AI services on a day are those of several people.
_CROWD = 12


def about(kind: type[Source], source_input: Input, summary: Summary, settings: Settings) -> list[str]:
    """The warnings about an input that was read."""
    wrong_times = (
        _apart(source_input, summary, settings)
        or _ahead(source_input, summary)
        or _behind(kind, source_input, summary, settings)
    )
    return [*filter(None, (wrong_times, kind.doubt(source_input), _unfinished(kind, source_input)))]


def gateways(read: Iterable[Summary], networks: Networks) -> Iterator[str]:
    """The warnings `of_clients` about each kind of the inputs `read`."""
    by_source: dict[str, list[Summary]] = {}
    for summary in read:
        by_source.setdefault(summary.source, []).append(summary)
    for some in by_source.values():
        yield from filter(None, [of_clients(Summary.together(some), networks)])


def of_clients(summary: Summary, networks: Networks) -> str:
    """A warning if most clients have public addresses, as on the outside of a NAT, or one uses more services
    than a person does; '' if not. Whoever declares shared addresses knows the latter: it is not said."""
    if summary.addressed >= _ENOUGH and 2 * summary.outside > summary.addressed:
        return (
            f"{summary.name}: {summary.outside:,} of {summary.addressed:,} connections to AI services come "
            "from public addresses; if they are a NAT gateway's, record on its inside, where each client has "
            "its own; if they are the clients', name your networks in [networks] internal"
        )
    if summary.busiest >= _CROWD and not networks.shared:
        return (
            f"{summary.name}: one address used {summary.busiest} AI services on a day, more than a person "
            "does; if it is a proxy's or a NAT gateway's, list it in [networks] proxies: else it counts as "
            "one person, and what its own log tells counts again"
        )
    return ""


def elsewhere(of_people: AbstractSet[str | None], read: AbstractSet[str]) -> str:
    """A warning if every line of the people file is for sites that nothing was read of; '' if not."""
    if not of_people or None in of_people or of_people & read:
        return ""
    theirs, here = (", ".join(sorted(filter(None, sites))) for sites in (of_people, read))
    return (
        f"the people file gives addresses at {theirs} to people, and what was read is of {here}; "
        "name the site with --site or in [[sensors]], or leave the column site out"
    )


def proxies(read: Iterable[Summary]) -> Iterator[str]:
    """A warning for each client that nobody named and that got, as a firewall or sensor saw it, what all
    clients of a proxy together got: it is that proxy, and what it fetched for them counts twice."""
    parts = [part for summary in read for part in summary.received]
    if not parts:
        return
    got = pl.concat(parts)
    asked, seen = got.filter("is_proxied"), got.filter(~pl.col("is_proxied") & ~pl.col("is_named"))
    for (proxy,), of_proxy in sorted(asked.partition_by("source", as_dict=True).items()):
        clients = of_proxy["client"].drop_nulls().unique()
        if len(clients) < _PROXY_CLIENTS or of_proxy["rows"].sum() < _PROXY_REQUESTS:
            continue
        strangers = seen.filter(~pl.col("client").is_in(clients.implode()))
        for source, client in _alike(strangers, of_proxy):
            yield (
                f"one client of {source} ({client}) got what all clients of {proxy} together got: probably "
                "that proxy, whose use then counts twice; list its address under networks.proxies, and scan "
                "again with --replace"
            )


def _alike(seen: pl.DataFrame, of_proxy: pl.DataFrame) -> list[tuple[str, str]]:
    """Source and client of those in `seen` that got about what a proxy's clients got, by host and day."""
    got = of_proxy.group_by("host", "day").agg(pl.col("bytes_down").sum().alias("by_proxy"))
    each = seen.group_by("source", "client", "host", "day").agg(pl.col("bytes_down").sum())
    common = pl.min_horizontal("bytes_down", pl.col("by_proxy").fill_null(0)).alias("common")
    both = each.join(got, on=["host", "day"], how="left").with_columns(common)
    by_client = both.group_by("source", "client").agg(pl.col("common", "bytes_down").sum())
    most = pl.max_horizontal("bytes_down", pl.lit(got["by_proxy"].sum()))
    found = by_client.filter(pl.col("common") >= _PROXY_SHARE * most)
    return found.select("source", "client").sort("source", "client").rows()


def _apart(source_input: Input, summary: Summary, settings: Settings) -> str:
    """A warning if stamps without an offset, which nobody set a zone for, are whole hours from those that
    syslog or a collector put around their lines; '' if not."""
    if not any(summary.apart.values()):
        return ""
    file = source_input.files[0]
    for trial in look(file, settings):
        if trial.shift and trial.zone == "UTC" and not _is_set(file, trial.name, settings):
            return (
                f"{source_input.name}: times of {trial.name} have no offset; read as UTC, they are "
                f"{trial.shift} than its lines were received; "
                f"set [sources.{trial.name}] timezone, and scan into a new lake"
            )
    return ""


def _is_set(file: File, kind: str, settings: Settings) -> bool:
    """True if the settings tell the time zone of the lines of `kind` in a file."""
    return bool(settings.sensor_for(file.path or file.name, kind).timezone) or kind in settings.zones()


def _ahead(source_input: Input, summary: Summary) -> str:
    """A warning if the newest line is later than the last change of its file; '' if it is not."""
    written = source_input.files[0].modified
    if written is None or summary.last_seen is None or summary.last_seen <= written + _CLOCKS_DIFFER:
        return ""
    hours = (summary.last_seen - written).total_seconds() / 3600
    later = f"{hours:.1f} h" if hours < _MOST_ZONE_HOURS else f"{hours / 24:,.0f} days"
    remedy = "correct the clock of whatever wrote it"
    if summary.source == "pcap":  # times in captures are UTC: no zone can be wrong
        return f"{source_input.name}: its newest packet is {later} later than the file; {remedy}"
    if hours >= _MOST_ZONE_HOURS:
        return f"{source_input.name}: its newest line lies {later} after the file was last written; {remedy}"
    return (
        f"{source_input.name}: its newest line lies {later} after the file was last written; "
        f"set [sources.{summary.source}] timezone, or {remedy}"
    )


def _behind(kind: type[Source], source_input: Input, summary: Summary, settings: Settings) -> str:
    """A warning if stamps without an offset, which nobody set a zone for, are whole hours older than their
    file, as those of a zone in the west are; '' if not."""
    file = source_input.files[-1]
    if file.modified is None or summary.last_seen is None or not issubclass(kind, LogFormat):
        return ""
    older = file.modified - summary.last_seen
    hours = round(older / timedelta(hours=1))
    near = timedelta() <= older - timedelta(hours=hours) <= _WRITTEN_AFTER
    if not (1 <= hours <= _MOST_BEHIND_HOURS and near) or _is_set(file, kind.name, settings):
        return ""
    if not any(trial.zone == "UTC" for trial in look(file, settings, kind) if trial.name == kind.name):
        return ""
    return (
        f"{source_input.name}: its newest line lies {hours} h before the file was last written, and times "
        f"without offset were read as UTC; if they are local, set [sources.{kind.name}] timezone"
    )


def _unfinished(kind: type[Source], source_input: Input) -> str:
    """A note if the last line was left for the next scan, because it may be half written; '' if not."""
    file = source_input.files[0]
    if not (kind.resumable and file.is_growing and file.path):
        return ""
    with suppress(OSError), Path(file.path).open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        if stream.read(1) != b"\n":
            return f"{source_input.name}: being written; its last, unfinished line is left for the next scan"
    return ""
