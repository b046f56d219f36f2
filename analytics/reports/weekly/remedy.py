"""What would improve the coverage most if too little of the week was seen: a sensor to fix, a log to add."""

from __future__ import annotations

import itertools

from analytics.render import words
from analytics.render.language import say
from analytics.reports.common.sight import in_use
from analytics.reports.result import Result, Row
from analytics.reports.weekly.coverage import Coverage, source_key, source_name, telling_sources


def remedy(result: Result, seen: Coverage) -> str:
    """A text: what would help most against the first of the week's doubts."""
    if seen.stopped and (seen.dark or (seen.use_untold and _told_use_before(result))):
        return _of_stopped(seen)
    if seen.no_names or seen.unnamed:
        return say("remedy.names")
    if seen.lookups_only or (seen.sources and all(map(_is_recording, seen.sources))):
        return say("remedy.lookups")
    if seen.no_amounts:
        return say("remedy.amounts")
    if not seen.sources:
        return say("remedy.none")
    if (seen.dark or (seen.nothing and seen.told_seldom)) and not seen.mostly_nameless:
        feeds = itertools.filterfalse(_is_recording, seen.sources)
        telling = telling_sources(result)
        tells = {source_key(one): (one["sensor"], one["source"]) in telling for one in seen.sources}

        def use(one: Row) -> tuple[bool, int, bool]:
            told = tells[source_key(one)]
            return seen.told_seldom and told, one["days"], told

        source = max(feeds, key=use)
        if source["kind"] == "packets" and seen.watched_briefly:
            return _of_hours(seen)
        return say("remedy.days", name=source_name(source), days=source["days"], of=seen.hours // 24)
    if seen.stopped:
        return _of_stopped(seen)
    return _of_packets(seen)


def lookups_only(result: Result) -> str:
    """A text: which sources record lookups only, so that use cannot be seen."""
    sources = result.rows("source_bytes")
    return say("visibility.no_use", len(sources), names=words.listing([source_name(row) for row in sources]))


def _of_stopped(seen: Coverage) -> str:
    return say("remedy.silent", len(seen.stopped), names=words.listing(seen.stopped))


def _of_packets(seen: Coverage) -> str:
    """A text for missing packets: the sensor with the greatest possible improvement."""
    if seen.mostly_nameless:
        return _of_names(seen)
    if seen.watched_briefly:
        return _of_hours(seen)
    if seen.nameless:
        return _of_names(seen)
    if seen.one_way:
        source = max(seen.sources, key=lambda one: one["one_sided_flows"] or 0)
        return say("remedy.one_way", name=source_name(source))
    source = max(seen.sources, key=lambda one: one["kernel_drops"] or 0)
    return say("remedy.lost", name=source_name(source))


def _of_hours(seen: Coverage) -> str:
    packets = [source for source in seen.sources if source["kind"] == "packets"]
    source = max(packets, key=lambda one: seen.minutes[source_key(one)])
    hours = words.number(seen.minutes[source_key(source)] // 60)
    return say("remedy.hours", name=source_name(source), hours=hours, of=seen.hours)


def _of_names(seen: Coverage) -> str:
    source = max(seen.sources, key=lambda one: (one["flows"] or 0) - (one["named_flows"] or 0))
    return say("remedy.nameless", name=source_name(source))


def _told_use_before(result: Result) -> bool:
    """True if the week before could tell what was used, so that its sensors would help this one."""
    total = result.of_week("totals", result.scope.previous)
    return total is not None and in_use(total["grade"])


def _is_recording(source: Row) -> bool:
    """True if somebody had a look at one program: there are no further days of it to read."""
    return bool(source["kind"] == "recordings")
