"""Brings records that span several lines to one line each: JSON documents, blocks, quoted line breaks.

In: a stream. Out: a stream with one record per line, for `lines.blocks`; offsets count the bytes of the
latter. The framing of a file is decided by its first 64 KB, so that every read frames it the same way.

    JSON      objects spread over lines, arrays, and documents that hold a list of records (`CONTAINERS`)
    Blocks    from a line that begins a record to one that ends it (or the next beginning), joined by `JOINT`
    QUOTED    separated values whose quotes hold line breaks
    TABLE     separated values one of whose columns holds lines of a log (`HOLDS`): exports of Splunk,
              Sentinel, Kibana; each becomes an object, as those tools export them, too
    RESAVED   separated values that a spreadsheet saved again, with semicolons or tabs between them
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Protocol

from sensor.chunks import ChunkStream, EndedEarly, fault_of

#: Stands in place of a line break inside a record.
JOINT = "\x1f"
#: A record or document longer than this is cut: nothing real is, and memory must stay bounded.
MAX_RECORD_BYTES = 16 * 1024 * 1024
#: Keys under which documents keep their records, whatever else they hold …
CONTAINERS = (
    "records", "Records", "logEvents", "hits", "resourceLogs", "scopeLogs", "logRecords", "streams",
    "flow_logs",
)  # fmt: skip
#: … and those that are only meant so where nothing but plain values stands beside them.
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
)
#: Columns of exports that hold a line as it was logged.
HOLDS = (
    "_raw", "SyslogMessage", "event.original", "rawMessage", "RawData", "raw_message", "full_log",
    "full_message", "message", "@message", "Raw Event Log", "rawEventMsg", "Line", "Content", "Message",
    "Payload",
)  # fmt: skip
_SCALAR = rb'(?:"(?:[^"\\]|\\.)*"|[\d.eE+-]+|true|false|null)'
_CONTAINER_START = re.compile(
    rb'^\s*\{\s*(?:"[^"]*"\s*:\s*' + _SCALAR + rb'\s*,\s*){0,20}"(?:'
    + "|".join((*CONTAINERS, *LOOSE_CONTAINERS, "tables", "log")).encode() + rb')"\s*:\s*[\[{]'
)  # fmt: skip
_STRANGER = re.compile(r"\s*[^\s\"\[\]{},](?![^\s,]*,?\s*$)")
_INSIDE = re.compile(rf'"(?:{"|".join((*CONTAINERS, *LOOSE_CONTAINERS))})"\s*:\s*\[(?=\s*\{{)')
#: A document longer than this gives its records one by one, if they begin near its start.
_BIG_BYTES, _NEAR_BYTES = 1024 * 1024, 64 * 1024
_PIECE_BYTES = 256 * 1024
_DEPTH = 3
#: Between two records of a list.
_FOLLOWING = re.compile(r"\}\s*,\s*(?=\{)")
#: A column's name; a line of fewer is no header.
_NAME = re.compile(r"^[A-Za-z@_#][\w .@/()\[\]#:%-]{0,60}$")
_FEWEST_NAMES = 3
_GROUPED = re.compile(r"^\d{1,3}(?:,\d{3})+$")
#: Of what JSON has besides strings, what may be cut in the middle: `-Infinity`, `\\u00e9`.
_LONGEST_WORD = 12


class Framing(Protocol):
    """One way in which records span lines."""

    def fits(self, head: bytes) -> bool:
        """True if a stream that begins with `head` has this framing."""
        ...

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """The records in `pieces` of text, without line breaks."""
        ...


@dataclass(frozen=True)
class Blocks:
    """Records of several lines, from one that matches `begins` to one that matches `ends` (by default a blank
    one).

    A line that matches `apart` is never part of a record, even if the record has not ended.
    """

    begins: str
    ends: str = ""
    apart: str = r"[^\s\S]"

    def fits(self, head: bytes) -> bool:
        """True if a line of `head` begins a record, and the next lines belong to it."""
        return re.search(self.begins, _text(head), re.MULTILINE) is not None

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """The records; lines outside of them are returned by themselves, so that they are counted."""
        begins, apart = re.compile(self.begins), re.compile(self.apart)
        ends = re.compile(self.ends) if self.ends else None
        held: list[str] = []
        size = 0
        for line in _lines(pieces):
            starts = begins.search(line) is not None
            over = (
                size > MAX_RECORD_BYTES
                or (ends is None and not line.strip())
                or apart.search(line) is not None
            )
            if held and (starts or over):
                yield JOINT.join(held)
                held, size = [], 0
            if not line.strip():
                continue
            if not held and not starts:
                yield line
                continue
            held.append(line)
            size += len(line)
            if ends is not None and ends.search(line):
                yield JOINT.join(held)
                held, size = [], 0
        if held:
            yield JOINT.join(held)


class Quoted:
    """Separated values: a record continues while its double quotes are unbalanced, for at most 200 lines."""

    def fits(self, head: bytes) -> bool:
        """True if a line of `head` leaves its quotes open and a later one closes them."""
        lines = head.split(b"\n")[:-1]
        odd = [number for number, line in enumerate(lines) if line.count(b'"') % 2]
        return len(odd) >= 2

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """The lines, joined while quotes are open."""
        held: list[str] = []
        for line in _lines(pieces):
            odd = line.count('"') % 2 == 1
            if not held and not odd:
                yield line
                continue
            held.append(line)
            if (odd and len(held) > 1) or len(held) > 200:
                yield JOINT.join(held)
                held = []
        yield from held


class Json:
    """JSON that is not one object a line; `apart`: a document that holds a list of records is taken apart."""

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
            first, end = json.JSONDecoder().raw_decode(_text(text))
        except RecursionError:
            return False
        except ValueError:
            # Cut off at 64 KB, spread over lines, or broken: it can only be recognised by its beginning.
            line = text.partition(b"\n")[0]
            spread = len(line) < 4096 and b"\n" in text and re.match(rb'\{\s*(?:"|$)', line) is not None
            return _CONTAINER_START.match(text) is not None or (
                spread and re.match(rb'\{\s*"', text) is not None and not _many(text)
            )
        # Objects one after the other on a line are what Firehose makes of records.
        whole, behind = _text(text)[:end], _text(text)[end:].lstrip(" ")
        return "\n" in whole or behind.startswith("{") or next(_inside(first), None) is not None

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """One object per record; what is no JSON is returned line by line."""
        decoder = json.JSONDecoder()
        text, place = "", 0
        for piece in pieces:
            text, place = text[place:] + piece, 0
            while (start := _object_start(text, place)) is not None:
                line = text.rfind("\n", place, start) + 1 or place
                if _STRANGER.match(text[line:start]):
                    yield from _strangers(text[place:line])
                    place = line
                    if (end := text.find("\n", start)) < 0:
                        if len(text) - line < MAX_RECORD_BYTES:
                            break
                        end = len(text)
                    yield text[line:end].rstrip("\r")
                    place = end
                    continue
                yield from _strangers(text[place:start])
                try:
                    found, end = decoder.raw_decode(text, start)
                except RecursionError:
                    found, end = None, start + 1
                except json.JSONDecodeError as error:
                    inner = _INSIDE.search(text, start, min(error.pos, start + _NEAR_BYTES))
                    if inner and (_is_broken(error) or len(text) - start >= _BIG_BYTES):
                        place = inner.end()  # a long or broken document: its records one by one
                        continue
                    after = _behind(text, start, error.pos) if _is_broken(error) else None
                    place = start
                    if after is None and len(text) - start < MAX_RECORD_BYTES:
                        break
                    place = after or len(text)
                    yield text[start:place].strip().replace("\n", JOINT)
                    continue
                yield from _flat(found, text[start:end]) if self.apart else [_on_a_line(text[start:end])]
                place = end
            else:
                yield from _strangers(text[place:])
                place = max(place, text.rfind("\n"))
                if len(text) - place > MAX_RECORD_BYTES:  # a line without an end
                    yield text[place : place + 1000].strip()
                    place = len(text)
        yield from _rest(text[place:], decoder)


def _is_broken(error: json.JSONDecodeError) -> bool:
    """True if more text would not help: the error is before the end of the text."""
    is_open = error.msg.startswith("Unterminated string") or error.pos > len(error.doc) - _LONGEST_WORD
    return not is_open


def _behind(text: str, start: int, wrong: int) -> int | None:
    """Where to read on after the object at `start`, of which `wrong` is the first place that cannot be.

    With the line of `wrong`, as an object that was cut off ends before it; on a single line, with the next
    object of a list, else behind the line. None where the text ends before that.
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


def _rest(text: str, decoder: json.JSONDecoder) -> Iterator[str]:
    """What is left of a document that ends too early: the records it holds so far, else its beginning."""
    if _STRANGER.match(text):
        yield text.strip()
        return
    inner = _INSIDE.search(text, 0, _NEAR_BYTES)
    start = text.find("{", inner.end()) if inner else -1
    while start >= 0:
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        yield from _flat(found, text[start:end])
        text, start = text[end:], text.find("{", end) - end
    left = text.strip(" \r\n\t,[]{}")
    if left:
        yield left[:1000].replace("\n", " ")


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
    """The records a document holds; none where it is a record itself."""
    if not isinstance(found, dict) or depth > _DEPTH:
        return
    if isinstance(found.get("tables"), list):
        yield from _of_tables(found["tables"])
        return
    if _is_stream(found):
        yield from ({"timestamp": stamp, "line": line} for stamp, line, *_ in found["values"])
        return
    for key in (*CONTAINERS, *LOOSE_CONTAINERS, "log"):
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
        if (
            isinstance(held, dict)
            and key in ("hits", "response", "log", "data")
            and (key != "log" or "entries" in held)
        ):
            yield from _inside(held, depth + 1, sure=key == "log")
            return


def _with_source(record: dict[str, Any]) -> dict[str, Any]:
    """A hit of Elasticsearch that was asked for `fields` only: these are lists, mostly of one value."""
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
    """Loki: `{"stream": {labels}, "values": [["<nanoseconds>", "<line>"], …]}`, pushed or asked for."""
    values = found.get("values")
    return (
        isinstance(found.get("stream"), dict)
        and isinstance(values, list)
        and all(isinstance(pair, list) and len(pair) > 1 for pair in values)
    )


def _of_tables(tables: list[Any]) -> Iterator[dict[str, Any]]:
    """Log Analytics: `{"tables": [{"columns": [{"name": …}], "rows": [[…]]}]}`."""
    for table in tables:
        if isinstance(table, dict) and isinstance(table.get("columns"), list):
            names = [
                str(column.get("name")) if isinstance(column, dict) else str(column)
                for column in table["columns"]
            ]
            for row in table.get("rows") or []:
                if isinstance(row, list):
                    yield dict(zip(names, row, strict=False))


def _object_start(text: str, place: int) -> int | None:
    start = text.find("{", place)
    return None if start < 0 else start


def _many(text: bytes) -> bool:
    """Several lines that are objects of their own: broken lines among sound ones, not one spread out."""
    lines = text.split(b"\n")[:20]
    return sum(line.startswith(b"{") and line.rstrip().endswith(b"}") for line in lines) > 1


def _text(head: bytes) -> str:
    return head.decode("utf-8", "replace")


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """Lines without their ends; one longer than a record may be comes in parts."""
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        yield from whole
        if len(rest) > MAX_RECORD_BYTES:
            yield rest
            rest = ""
    if rest:
        yield rest


class Table:
    """Separated values; each record becomes a JSON object. `of_lines`: one column holds whole lines."""

    def __init__(self, *, of_lines: bool = True) -> None:
        self.of_lines = of_lines

    def fits(self, head: bytes) -> bool:
        """True if the first line names such a column, or is a line of names at all."""
        names = _names(_text(head).partition("\n")[0])
        if self.of_lines:
            return any(name in HOLDS for name in names)
        return len(names) >= _FEWEST_NAMES and all(_NAME.match(name) for name in names if name)

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """A JSON object per record, without empty columns."""
        names: list[str] = []
        separator = ","
        for record in QUOTED.records(pieces):
            if not names:
                names, separator = _names(record), _separator(record)
                continue
            try:
                (values,) = csv.reader([record], delimiter=separator)
            except (csv.Error, ValueError):
                yield record
                continue
            yield json.dumps(
                {
                    name: _ungrouped(value)
                    for name, value in zip(names, values, strict=False)
                    if name and value
                },
                ensure_ascii=False,
            )


def _ungrouped(value: str) -> str:
    """`2,214` as 2214: tables made for people group digits."""
    return value.replace(",", "") if _GROUPED.match(value) else value


def _names(header: str) -> list[str]:
    """Columns of a header line; `TimeGenerated [UTC]` without its zone."""
    try:
        (names,) = csv.reader([header.strip("\ufeff\r\n")], delimiter=_separator(header))
    except (csv.Error, ValueError):
        return []
    return [name.strip().removesuffix(" [UTC]") for name in names]


def _separator(header: str) -> str:
    """What stands between the names of a header line: commas, or a spreadsheet's semicolons or tabs."""
    return next((one for one in "\t;" if header.count(one) > header.count(",")), ",")


class Resaved:
    """Separated values that a spreadsheet saved again in its own manner, with commas as they had been."""

    def fits(self, head: bytes) -> bool:
        """True if the first line is cut by something else than commas, at two places or more."""
        header = _text(head).partition("\n")[0]
        return header.count(separator := _separator(header)) > 1 and separator != ","

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """The records, with commas; what is none stays as it is."""
        separator = None
        for record in QUOTED.records(pieces):
            separator = separator or _separator(record)
            try:
                (values,) = csv.reader([record], delimiter=separator)
            except (csv.Error, ValueError):
                yield record
                continue
            yield _separated(values)


def _separated(values: list[str]) -> str:
    """A record of CSV, with quotes where they are needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


JSON, QUOTED, TABLE, RESAVED = Json(), Quoted(), Table(), Resaved()
#: An export whose columns are the fields of records that are known as JSON.
ROWS = Table(of_lines=False)
#: Records that hold lists of their own.
WHOLE_JSON = Json(apart=False)


def framed(stream: IO[bytes], framing: Framing | None) -> IO[bytes]:
    """`stream` with one record per line; the stream itself if there is no `framing`."""
    return stream if framing is None else io.BufferedReader(ChunkStream(_encoded(stream, framing)))


def _encoded(stream: IO[bytes], framing: Framing) -> Iterator[bytes]:
    """The records of a stream, each with a line feed. Raises EndedEarly where the stream ended early."""
    for record in framing.records(_pieces(stream)):
        yield record.replace("\r", " ").encode("utf-8", "replace") + b"\n"
    if fault := fault_of(stream):
        raise EndedEarly(fault)


def _pieces(stream: IO[bytes]) -> Iterator[str]:
    first = stream.read(_PIECE_BYTES)
    encoding = next((name for bom, name in _BOMS.items() if first.startswith(bom)), "utf-8-sig")
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    while first:
        yield decoder.decode(first).replace("\0", "")
        first = stream.read(_PIECE_BYTES)
    yield decoder.decode(b"", final=True)


_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
