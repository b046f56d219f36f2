"""JSON that is not one object per line: objects spread over lines, arrays, documents with a list of records.

Each record becomes a line with one object. A document may be longer than memory, cut off or broken, and may
stand between lines of another log: what can be read of it is read, and the rest is returned as it is, so that
it is counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, TypeAlias

from sensor.sources.logs.lines.framing import JOINT, MAX_RECORD_BYTES, text_of

#: Keys under which a document holds its records, whatever else stands in it.
CONTAINERS = (
    "records", "Records", "logEvents", "hits", "resourceLogs", "scopeLogs", "logRecords", "streams",
    "flow_logs", "dmesg",
)  # fmt: skip
#: Keys that mean this only where no other list stands beside them: a record may have lists of such names.
LOOSE_CONTAINERS = (
    "value",
    "events",
    "entries",
    "results",
    "result",
    "data",
    "items",
    "response",
    "logs",
    "queries",
    "dataRows",
    "activities",
)
#: Keys of objects that have such a list in them, as the answers of consoles do (`{"result": {"data": […]}}`).
_AROUND = ("hits", "response", "log", "data", "result", "results", "reply", "params", "_embedded")
_SCALAR = rb'(?:"(?:[^"\\]|\\.)*"|[\d.eE+-]+|true|false|null)'
#: How a document begins that holds its records under one of these keys, or as Log Analytics and HAR do.
_CONTAINER_START = re.compile(
    rb'^\s*\{\s*(?:"[^"]*"\s*:\s*(?:\{(?:[^{}]|\{[^{}]*\})*\}|' + _SCALAR + rb')\s*,\s*){0,20}"(?:'
    + "|".join((*CONTAINERS, *LOOSE_CONTAINERS, *_AROUND, "tables")).encode() + rb')"\s*:\s*[\[{]'
)  # fmt: skip
#: A line that is no part of a JSON document: it begins with a word, and more than a comma follows.
_STRANGER = re.compile(r"\s*[^\s\"\[\]{},](?![^\s,]*,?\s*$)")
#: The beginning of the list of records in a document.
_INSIDE = re.compile(rf'"(?:{"|".join((*CONTAINERS, *LOOSE_CONTAINERS))})"\s*:\s*\[(?=\s*\{{)')
#: Between two records of a list.
_FOLLOWING = re.compile(r"\}\s*,\s*(?=\{)")
#: Documents inside documents are taken apart so deep.
_DEPTH = 3
#: A document longer than this gives its records one by one, if they begin near its start.
_BIG_BYTES, _NEAR_BYTES = 1024 * 1024, 64 * 1024
#: What JSON has besides strings is no longer; it may be cut in the middle (`-Infinity`, `\\u00e9`).
_LONGEST_WORD = 12
_DECODER = json.JSONDecoder()
#: How an answer of Log Analytics begins: the columns are named once, before all rows.
_TABLE = re.compile(
    r'\s*\{\s*"tables"\s*:\s*\[\s*\{\s*(?:"name"\s*:\s*"[^"]*"\s*,\s*)?"columns"\s*:\s*(?=\[)'
)
_ROWS, _ROW = re.compile(r'\s*,\s*"rows"\s*:\s*\['), re.compile(r"[\s,]*(?=\[)")
#: Records, where to read on, and whether that needs more text.
_Step: TypeAlias = tuple[Iterable[str], int, bool]


class Json:
    """JSON that is not one object per line; `apart`: documents with a list of records are taken apart."""

    def __init__(self, *, apart: bool = True) -> None:
        self.apart = apart

    def fits(self, head: bytes) -> bool:
        """True for an array, an object that spans lines, and a document that contains records."""
        text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        if text[:1] == b"[":
            return re.match(rb"\[\s*[\[\{]", text) is not None
        if text[:1] != b"{":
            return False
        try:
            first, end = _DECODER.raw_decode(text_of(text))
        except RecursionError:
            return False
        except ValueError:
            # The head ends inside the document, or it is broken: only its beginning can be looked at.
            line = text.partition(b"\n")[0]
            spread = len(line) < 4096 and b"\n" in text and re.match(rb'\{\s*(?:"|$)', line) is not None
            return _CONTAINER_START.match(text) is not None or (
                spread and re.match(rb'\{\s*"', text) is not None and not _many(text)
            )
        # Amazon Data Firehose writes objects one after the other on one line.
        whole, behind = text_of(text)[:end], text_of(text)[end:].lstrip(" ")
        return "\n" in whole or behind.startswith("{") or next(_inside(first), None) is not None

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """One object per record. What is not JSON is returned line by line."""
        text = ""
        for piece in _with_rows(pieces) if self.apart else pieces:
            text, place, needs_more = text + piece, 0, False
            while not needs_more:
                found, place, needs_more = self._step(text, place)
                yield from found
            text = text[place:]
        yield from _rest(text)

    def _step(self, text: str, place: int) -> _Step:
        """The next object of `text` from `place` on, and the lines of another log before it."""
        start = text.find("{", place)
        if start < 0:
            return _no_object(text, place)
        line = text.rfind("\n", place, start) + 1 or place
        if _STRANGER.match(text[line:start]):
            return _line_with_brace(text, place, line, start)
        before = _strangers(text[place:start])
        try:
            found, end = _DECODER.raw_decode(text, start)
        except RecursionError:
            found, end = None, start + 1
        except json.JSONDecodeError as error:
            records, place, needs_more = _unfinished(text, start, error)
            return [*before, *records], place, needs_more
        records = _flat(found, text[start:end]) if self.apart else [_on_a_line(text[start:end])]
        return chain(before, records), end, False


#: A document that holds a list of records is taken apart.
JSON = Json()
#: Objects as they are: for records that hold lists of their own.
WHOLE_JSON = Json(apart=False)


def _with_rows(pieces: Iterable[str]) -> Iterator[str]:
    """`pieces`, but the rows of a long answer of Log Analytics as objects; a short one is read whole."""
    coming = iter(pieces)
    text = next(coming, "")
    names, place = _columns(text)
    while names:
        step = _ROW.match(text, place)
        try:
            row, place = _DECODER.raw_decode(text, step.end()) if step else (None, place)
        except json.JSONDecodeError as error:
            more = "" if _is_broken(error) or len(text) - place > MAX_RECORD_BYTES else next(coming, "")
            text, place = text[place:] + more, 0
            if more:
                continue
            break
        except RecursionError:
            break
        if row is None:
            break
        yield json.dumps(dict(zip(names, row, strict=False)), ensure_ascii=False) + "\n"
    yield text[place:]
    yield from coming


def _columns(text: str) -> tuple[list[str], int]:
    """The columns of such an answer that goes on after `text`, and where its rows begin; else no columns."""
    begin = _TABLE.match(text)
    try:
        named, end = _DECODER.raw_decode(text, begin.end()) if begin else ([], 0)
        rows = _ROWS.match(text, end)
    except (ValueError, RecursionError):
        return [], 0
    if not (rows and _is_unfinished(text)):
        return [], 0
    return _names_of(named), rows.end()


def _is_unfinished(text: str) -> bool:
    try:
        _DECODER.raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return True
    return False


def _no_object(text: str, place: int) -> _Step:
    """The whole lines from `place` on; an endless line is cut."""
    strangers = list(_strangers(text[place:]))
    place = max(place, text.rfind("\n"))
    if len(text) - place > MAX_RECORD_BYTES:
        return [*strangers, text[place : place + 1000].strip()], len(text), True
    return strangers, place, True


def _line_with_brace(text: str, place: int, line: int, start: int) -> _Step:
    """A line of another log that begins at `line` and has a brace at `start`, and the lines before it."""
    strangers = list(_strangers(text[place:line]))
    end = text.find("\n", start)
    if end < 0:
        if len(text) - line < MAX_RECORD_BYTES:
            return strangers, line, True
        end = len(text)
    return [*strangers, text[line:end].rstrip("\r")], end, False


def _unfinished(text: str, start: int, error: json.JSONDecodeError) -> _Step:
    """An object at `start` that is broken, too large to be read at once, or goes on in the next piece."""
    inner = _INSIDE.search(text, start, min(error.pos, start + _NEAR_BYTES))
    if inner and (_is_broken(error) or len(text) - start >= _BIG_BYTES):
        return [], inner.end(), False  # its records one by one
    after = _behind(text, start, error.pos) if _is_broken(error) else None
    if after is None and len(text) - start < MAX_RECORD_BYTES:
        return [], start, True
    end = after or len(text)
    return [text[start:end].strip().replace("\n", JOINT)], end, False


def _is_broken(error: json.JSONDecodeError) -> bool:
    """True if more text would not help, because the error is not at the end of the text."""
    is_open = error.msg.startswith("Unterminated string") or error.pos > len(error.doc) - _LONGEST_WORD
    return not is_open


def _behind(text: str, start: int, wrong: int) -> int | None:
    """Where to read on after the broken object at `start`; `wrong` is where the error is.

    An object over several lines was cut off before the line of `wrong`: that line is next. On a single line,
    the next object of a list is next, or else the next line. None if the text ends before that.
    """
    if (line := text.rfind("\n", start, wrong + 1)) >= 0:
        return line
    line = text.find("\n", wrong)
    following = _FOLLOWING.search(text, wrong, line if line >= 0 else len(text))
    if following:
        return following.end()
    return line if line >= 0 else None


def _strangers(between: str) -> Iterator[str]:
    """Whole lines between two objects that are no part of a document around them."""
    return (line.rstrip("\r") for line in between.split("\n")[1:-1] if _STRANGER.match(line))


def _rest(text: str) -> Iterator[str]:
    """What is left of a document that ends too early: the records in it, then its rest, shortened."""
    if _STRANGER.match(text):
        yield text.strip()
        return
    inner = _INSIDE.search(text, 0, _NEAR_BYTES)
    start = text.find("{", inner.end()) if inner else -1
    while start >= 0:
        try:
            found, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        yield from _flat(found, text[start:end])
        text, start = text[end:], text.find("{", end) - end
    left = text.strip(" \r\n\t,[]{}")
    if left:
        yield left[:1000].replace("\n", " ")


def _many(text: bytes) -> bool:
    """True if several lines are whole objects: some lines of JSON lines are broken, it is no document."""
    lines = text.split(b"\n")[:20]
    return sum(line.startswith(b"{") and line.rstrip().endswith(b"}") for line in lines) > 1


def _flat(found: Any, text: str) -> Iterator[str]:
    """The object itself, or the records it holds."""
    inside = _inside(found)
    first = next(inside, None)
    if first is None:
        yield _on_a_line(text)
        return
    for one in (first, *inside):
        yield json.dumps(one, ensure_ascii=False)


def _on_a_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


def _inside(found: Any, depth: int = 0, *, sure: bool = False) -> Iterator[dict[str, Any]]:
    """The records that a document holds; none if it is a record itself.

    `sure`: the list under a key of LOOSE_CONTAINERS is taken although other lists stand beside it.
    """
    if not isinstance(found, dict) or depth > _DEPTH:
        return
    if isinstance(found.get("tables"), list):
        yield from _of_tables(found["tables"])
        return
    if _is_cef(found):
        yield from ({"message": line} for line in found["events"])
        return
    if _is_stream(found):
        yield from ({"timestamp": stamp, "line": line} for stamp, line, *_ in found["values"])
        return
    for key in dict.fromkeys((*CONTAINERS, *LOOSE_CONTAINERS, *_AROUND)):
        held = found.get(key)
        plain = not any(isinstance(other, list) for name, other in found.items() if name != key)
        if (
            isinstance(held, list)
            and held
            and (key in CONTAINERS or plain or sure)
            and all(isinstance(o, dict) for o in held)
        ):
            for one in held:
                deeper = list(_inside(one, depth + 1)) if key in CONTAINERS or _is_stream(one) else []
                yield from deeper or [_with_source(one)]
            return
        if isinstance(held, dict) and key in _AROUND and _is_around(key, held, found):
            yield from _inside(held, depth + 1, sure=key == "log")
            return


def _is_around(key: str, held: dict[str, Any], found: dict[str, Any]) -> bool:
    """A record, too, may have a `log`, and a call its `params`."""
    return {"log": "entries" in held, "params": found.get("method") == "addEvents"}.get(key, True)


def _with_source(record: dict[str, Any]) -> dict[str, Any]:
    """The hit of an Elasticsearch search for `fields` (lists, mostly of one value) as if it had `_source`."""
    fields = record.get("fields")
    if "_source" in record or "_id" not in record or not isinstance(fields, dict):
        return record
    return {
        "_source": {
            name: held[0] if isinstance(held, list) and len(held) == 1 else held
            for name, held in fields.items()
        }
    }


def _is_stream(found: dict[str, Any]) -> bool:
    """True for a stream of Loki: `{"stream": {labels}, "values": [["<nanoseconds>", "<line>"], …]}`."""
    values = found.get("values")
    return (
        isinstance(found.get("stream"), dict)
        and isinstance(values, list)
        and all(isinstance(pair, list) and len(pair) > 1 for pair in values)
    )


def _is_cef(found: dict[str, Any]) -> bool:
    """True for what GravityZone pushes to collectors of CEF: `{"cef": "0", "events": ["CEF:0|…", …]}`."""
    events = found.get("events")
    return "cef" in found and isinstance(events, list) and all(isinstance(line, str) for line in events)


def _of_tables(tables: list[Any]) -> Iterator[dict[str, Any]]:
    """Rows of an answer of Log Analytics: `{"tables": [{"columns": [{"name": …}], "rows": [[…]]}]}`."""
    for table in tables:
        if isinstance(table, dict) and isinstance(table.get("columns"), list):
            names = _names_of(table["columns"])
            for row in table.get("rows") or []:
                if isinstance(row, list):
                    yield dict(zip(names, row, strict=False))


def _names_of(columns: list[Any]) -> list[str]:
    return [str(column.get("name")) if isinstance(column, dict) else str(column) for column in columns]
