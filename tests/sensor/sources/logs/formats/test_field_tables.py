"""A key of a log fills one column: a table that lists it for two has most likely one of them wrong."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from sensor.sources.logs import formats
from sensor.sources.logs.fields import FIELDS

#: (format, table, key) -> why it may be read for several columns.
MEANT = {
    ("asim", "_WANTED", "EventResult"): "whether a lease was given; the verdict of what has no other",
    ("asim", "_WANTED", "EventResultDetails"): "an HTTP status in web sessions, an rcode in lookups",
    ("cloud_ngfw", "_FIELDS", "start_time"): "the record's time, where it tells no other",
    ("cloudflare", "_WANTED", "DeviceID"): "that it is there shows a gateway's lookup",
    ("cloudflare", "_WANTED", "SessionStartTime"): "that it is there shows a session",
    ("cloudflare", "_WANTED", "SourceIP"): "the client, where no internal address is told",
    ("cloudflare", "_WANTED", "SrcIP"): "the client, where no internal address is told",
    ("sentinelone", "_FIRST", "event_type"): "`tcpv4`, `dns` …: kind and transport in one word",
    ("splunk_cim", "_WANTED", "dest"): "an address or a name",
    ("umbrella", "_CEF", "request"): "a name in lookups, a URL in web records",
    ("unifi", "_FIELDS", "src"): "the holder's address, in records of clients that came",
}


def _tables() -> Iterator[tuple[str, str, dict[str, str]]]:
    """(format, name, table) of all tables `column -> "key|other spelling"`."""
    for module in pkgutil.walk_packages(formats.__path__, f"{formats.__name__}."):
        for name, table in vars(importlib.import_module(module.name)).items():
            if isinstance(table, dict) and _is_of_fields(table):
                yield module.name.removeprefix(f"{formats.__name__}."), name, table


def _is_of_fields(table: dict[object, object]) -> bool:
    """True if many keys are columns of FIELDS; other tables turn words into words."""
    of_texts = all(isinstance(one, str) for pair in table.items() for one in pair)
    return of_texts and len(FIELDS.keys() & table.keys()) >= 0.4 * len(table) > 0


def test_no_key_is_read_for_two_columns() -> None:
    seen, twice = 0, set()
    for module, name, table in _tables():
        seen += 1
        keys = [key for spellings in table.values() for key in dict.fromkeys(spellings.split("|"))]
        twice |= {(module, name, key) for key in keys if keys.count(key) > 1}
    assert seen > 90
    assert twice == MEANT.keys()
