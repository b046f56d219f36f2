"""What the sensors can see, in three columns: reliably, sometimes, not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analytics.render import words
from analytics.render.language import say
from analytics.reports.result import Result, Row
from analytics.reports.weekly.counted import counted, tied, tied_share
from analytics.reports.weekly.coverage import Coverage, mute_sources, source_key, source_name
from analytics.reports.weekly.remedy import lookups_only

#: A packet sensor is reliable for the week if it watched this share of the minutes.
_STEADY = 0.95

#: If the same remark is about more logs or sensors than this, some are named and the others counted.
_MOST_APART = 6

#: Keys of the strings about what network data never shows.
_STANDING = ("visibility.contents", "visibility.hidden_names", "visibility.away")
#: Columns of coverage that count connections without a usable name.
_HINDRANCES = ("ech", "encrypted_dns", "quic_unparsed", "malformed")


@dataclass(frozen=True, slots=True)
class Visibility:
    """Three lists of plain sentences."""

    confident: tuple[str, ...]
    sometimes: tuple[str, ...]
    never: tuple[str, ...]


def visibility(result: Result, seen: Coverage) -> Visibility:
    """The columns for the week."""
    steady = [source for source in seen.sources if _is_steady(source, seen)]
    partial = [source for source in seen.sources if source not in steady]
    people = _attribution(result)
    named = say("visibility.named", share=words.share(seen.named, seen.flows)) if seen.flows else ""
    confident = [
        *(_source(source, seen) for source in _grouped(steady)),
        "" if seen.nameless else named,
        *people.confident,
        _blocked(result),
        _nobodies(result),
    ]
    sometimes = [
        *(_source(source, seen) for source in _grouped(partial)),
        named if seen.nameless else "",
        *people.sometimes,
        *_hindrances(seen),
    ]
    return Visibility(
        tuple(filter(None, confident)),
        tuple(filter(None, sometimes)),
        (*people.never, *_missing(result, seen), *map(say, _STANDING)),
    )


def _is_steady(source: Row, seen: Coverage) -> bool:
    if source["kind"] == "packets":
        watched = seen.minutes[source_key(source)] >= _STEADY * seen.hours * 60
        return watched and 100 * (source["kernel_drops"] or 0) <= (source["packets"] or 0)
    return bool(
        24 * source["days"] >= seen.hours and 100 * (source["rejected"] or 0) <= (source["records"] or 0)
    )


def _grouped(sources: Sequence[Row]) -> Iterator[Row]:
    """`sources`; many logs of one kind with as many days, as branch offices have, are a row together."""
    alike: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for source in sources:
        if source["kind"] != "packets":
            alike[source["source"], source["days"]].append(source)
    for source in sources:
        group = alike.get((source["source"], source["days"]), []) if source["kind"] != "packets" else []
        if len(group) <= _MOST_APART:
            yield source
        elif source is group[0]:
            names = words.listing([row["sensor"] for row in group])
            sums = {column: sum(row[column] or 0 for row in group) for column in ("records", "rejected")}
            yield {**source, "sensor": names, "place": None, **sums}


def _source(source: Row, seen: Coverage) -> str:
    name = source_name(source)
    if source["kind"] == "packets":
        minutes = seen.minutes[source_key(source)]
        hours = words.number(minutes // 60) if minutes >= 60 else f"<{words.THIN}1"
        days = say("count.days", source["days"])
        text = say("visibility.hours", name=name, hours=hours, of=seen.hours, days=days)
        if not source["packets"]:
            return text
        drops = source["kernel_drops"] or 0
        packets = words.rough(source["packets"] + drops)
        return f"{text}; {say('visibility.dropped', drops=words.rough(drops), packets=packets)}"
    text = say("visibility.days", name=name, days=words.number(source["days"]), of=seen.hours // 24)
    if source["records"]:
        text = f"{text}; {say('visibility.records', source['records'])}"
    return (
        f"{text}, {say('visibility.unusable', source['rejected'])}"
        if source["records"] and source["rejected"]
        else text
    )


def _attribution(result: Result) -> Visibility:
    """How many connections are tied to a person, and what the rest is counted by."""
    row = tied(result)
    if row is None or not row["connections"]:
        total = result.of_week("totals", result.scope.week)
        few = say("visibility.few", k=result.facts.k) if total and total["people_hidden"] else ""
        return Visibility((), (), (few,) if few else ())
    share = tied_share(row)
    warning = say("visibility.devices" if counted(result) == words.DEVICES else "visibility.addresses")
    if share is None:
        return Visibility((), (say("visibility.people_unknown"), warning), ())
    if row["attributed_connections"] == 0:
        return Visibility((), (), (say("visibility.people_none"), warning))
    share = f"{share[:1].upper()}{share[1:]}"
    if counted(result) != words.PEOPLE:
        return Visibility((), (say("visibility.tied", share=share), warning), ())
    # Of a lower bound, the rest may be tied to people, too.
    is_all = row["exact"] is False or row["attributed_connections"] == row["connections"]
    return Visibility((say("visibility.tied" if is_all else "visibility.tied_rest", share=share),), (), ())


def _blocked(result: Result) -> str:
    rows = result.rows("blocked")
    if not rows:
        return ""
    known = [r["attempts"] for r in rows if r["attempts"] is not None]
    names = words.listing([r["service"] for r in rows], 2)
    if not known:
        return say("visibility.refused_untold", services=names)
    key = "visibility.refused_least" if len(known) < len(rows) else "visibility.refused"
    return say(key, sum(known), services=names)


def _nobodies(result: Result) -> str:
    """Use by machines and service accounts, which is in no other figure of the page."""
    rows = result.rows("nobodies")
    if not rows:
        return ""
    known = [r["bytes_up"] for r in rows if r["bytes_up"] is not None]
    services = len({r["app"] for r in rows})
    if not known:
        return say("visibility.nobodies_used", services)
    return say("visibility.nobodies_sent", services, amount=words.size(sum(known)))


def _hindrances(seen: Coverage) -> Iterator[str]:
    for column in _HINDRANCES:
        if total := sum(source[column] or 0 for source in seen.sources):
            yield say(f"visibility.{column}", total)
    if seen.one_sided:
        yield say("visibility.one_sided", share=words.share(seen.one_sided, seen.flows))


def _missing(result: Result, seen: Coverage) -> Iterator[str]:
    if seen.lookups_only:
        yield lookups_only(result)
    if len(seen.dark) == 7:
        yield say("visibility.dark_week")
    elif seen.dark:
        yield say("visibility.dark", days=words.listing([words.weekday(d) for d in seen.dark], 7))
    yield from _silent(result)
    if sites := _lookups_only_sites(result, seen):
        yield say("visibility.no_use_at", sites=words.listing(sites))
    for source in mute_sources(result):
        yield say("visibility.no_bytes", sensor=source["sensor"], source=source["source"])
    if _no_inside(result, seen):
        yield say("visibility.no_inside")
    possible = [r["service"] for r in result.rows("embedded_possible")]
    if possible:
        yield say("visibility.embedded", services=words.listing(possible))


def _silent(result: Result) -> Iterator[str]:
    silent: dict[str, list[str]] = defaultdict(list)
    for sensor in result.rows("silent"):
        name = f"{sensor['sensor']} ({sensor['site'] or say('visibility.no_site')})"
        since = sensor["since"]
        if since is None:
            silent["visibility.unheard"].append(name)
        elif since > result.scope.sunday:
            yield say("visibility.later", sensor=name, day=f"{words.day_name(since)} {since.year}")
        else:
            silent["visibility.silent"].append(name)
    for key, names in silent.items():
        apart = names if len(names) <= _MOST_APART else [words.listing(names)]
        yield from (say(key, sensor=name) for name in apart)


def _lookups_only_sites(result: Result, seen: Coverage) -> list[str]:
    """Sites whose sensors record lookups only, where those of others record connections."""
    connects = {(row["sensor"], row["source"]): row["connections"] for row in result.rows("source_bytes")}
    sites: dict[str, list[bool]] = defaultdict(list)
    for row in seen.sources:
        if (source := (row["sensor"], row["source"])) in connects:
            sites[row["site"]].append(connects[source])
    blind = sorted(site for site, known in sites.items() if site and not any(known))
    return blind if len(blind) < len(sites) else []


def _no_inside(result: Result, seen: Coverage) -> bool:
    """True if no server inside can have been seen, and none was."""
    known = [source["internal_connections"] for source in seen.sources]
    counted = [count for count in known if count is not None]
    return not result.rows("assets") and not sum(counted) and (bool(counted) or seen.lookups_only)
