"""Use without a person at the keyboard: programs, models downloaded, internal AI servers, keys."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.render import words
from analytics.render.language import say
from analytics.reports.common.sight import in_use
from analytics.reports.result import Result, Row
from analytics.reports.weekly.changes import Change, Item
from analytics.reports.weekly.counted import counted

#: Entries named per line; the annex has all services.
MOST = 3
#: Categories of services that programs call.
PROGRAMS = ("api", "gateway", "agent", "coding-agent", "mcp")
_HUB = "model-hub"
#: Kinds of AI assets inside, in the order of the page.
_ASSETS = ("server", "mcp_server", "key_in_clear")


def machines(result: Result) -> tuple[Change, ...]:
    """A line per kind; empty kinds are left out."""
    used = [row for row in result.rows("services") if row["seen"] and in_use(row["grade"])]
    mcp = {row["name"] for row in result.rows("assets") if row["kind"] == "mcp_server"}
    assets = [row for row in result.rows("assets") if row["kind"] != "server" or row["name"] not in mcp]
    lines = [
        _line("machines.programs", [_program(result, row) for row in used if row["category"] in PROGRAMS]),
        _line("machines.models", [_hub(result, row) for row in used if row["category"] == _HUB]),
        *(
            _line(f"machines.{kind}", [_asset(row) for row in assets if row["kind"] == kind])
            for kind in _ASSETS
        ),
    ]
    return tuple(line for line in lines if line.items)


def _line(key: str, items: list[Item]) -> Change:
    return Change(say(key), tuple(items[:MOST]), max(len(items) - MOST, 0))


def _program(result: Result, row: Row) -> Item:
    who = words.group(row["people"], row["people_hidden"], counted(result))
    if row["connections"] is not None:
        who = f"{who}, {say('count.connections', row['connections'])}"
    return Item(row["service"], who, row["grade"])


def _hub(result: Result, row: Row) -> Item:
    who = words.group(row["people"], row["people_hidden"], counted(result))
    if row["bytes_down"] is None:
        return Item(row["service"], who, row["grade"])
    fetched = say("numbers.received", amount=words.size(row["bytes_down"]))
    return Item(row["service"], f"{who}, {fetched}", row["grade"])


def _asset(row: Row) -> Item:
    is_key = row["kind"] == "key_in_clear"  # 'openai/project-key' reads 'openai project key'
    name = words.category(row["service"].replace("/", " ")) if is_key else row["service"]
    return Item(name, ", ".join(_remarks(row)), None)


def _remarks(row: Row) -> Iterator[str]:
    if row["assets"] is None:
        yield say("machines.uncounted")
    else:
        count = say("machines.keys" if row["kind"] == "key_in_clear" else "machines.servers", row["assets"])
        yield count if row["last_assets"] is not None else say("machines.new", count=count)
    for column in ("exposed", "unauthenticated"):
        if row[column]:
            yield say(f"machines.{column}", row[column])
    if row["people_at_least"]:
        yield say("machines.clients", row["people_at_least"])
