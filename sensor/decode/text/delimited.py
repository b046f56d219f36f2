"""Splits lines into fields at a separator (tab, space) in one pass over the bytes.

Texts are dictionary-encoded, counts and times become numbers, so that later steps work once per distinct
value. A line that is not plain (fewer or more fields, a number in another notation, a URL with quotes, a
possible key of an AI service) is *odd* and left to a complete parser.
"""

# What kernels compute with is Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from sensor.coded import Vocabulary
from sensor.decode.kernels.jit import entry, kernel, step
from sensor.decode.kernels.packet_bytes import copy, find, holds, sure_8, sure_16, sure_64, u8, word
from sensor.decode.layout import Bytes, Records, i64
from sensor.decode.text.credentials import PREFIXES

#: Kinds of fields. `CODE`: dictionary-encoded text; `COUNT`: a non-negative integer of at most 18 digits;
#: `MICROS`: seconds with up to six decimals, converted to microseconds; `STAMP`: ten digits, a point and
#: three digits, converted to microseconds; `COPY`: text with mostly distinct values; `URL`: scheme and
#: authority encoded, path copied; `PADDED`: a count that several separators may precede.
SKIP, CODE, COUNT, MICROS, STAMP, COPY, URL, PADDED = range(8)
#: Suffix of the field name of a URL, for its path without query.
PATH = "_path"

_LINE_END, _SPACE, _FRAGMENT, _PLUS, _POINT, _QUERY, _SLASHES = 10, 32, 35, 43, 46, 63, 0x2F2F
#: Classes of bytes in a URL: not allowed in a plain one, colon, slash, start of query or fragment, other,
#: part of a word, first byte of a key.
_NOT_PLAIN, _SIGN, _CUT, _END, _OTHER, _WORD, _LETTER = range(7)
#: Every key format (credentials.py) has at least so many consecutive letters, digits, `-` and `_`.
_KEY_WORD = 15
_DIGITS = 18
#: Initial slots of a hash table, which grows with the number of texts, up to four slots each.
_FIRST_SLOTS = 1024
#: Maximum distinct texts of a column, and their bytes, before the dictionary is cleared.
_MOST_TEXTS, _MOST_BYTES = 1 << 16, 4 << 20
_LONGEST_URL = 1 << 20
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
#: random hash seed of this process, so that nobody can write a log whose values collide
_SEED = np.uint64(secrets.randbits(64))

Integers = npt.NDArray[np.int64]


class Field(NamedTuple):
    """One field of a line; the name of a skipped field is not used."""

    kind: int
    name: str = ""


@dataclass(frozen=True)
class Layout:
    """The line format."""

    fields: tuple[Field, ...]
    separator: str = "\t"
    #: texts for NULL; empty fields are NULL, too, if `empty` allows them
    nothing: tuple[str, ...] = ("-",)
    empty: bool = True
    #: the last field extends to the end of the line and may contain separators
    tail: bool = False
    #: prefix of comment lines; a line that begins with `stop` ends the cut
    comment: str = ""
    stop: str = ""


@dataclass(frozen=True)
class Cut:
    """Result of a cut: plain lines as columns, odd lines as text, and the end offset."""

    #: one row per plain line: offset in the text and bytes including the line end, then the named fields:
    #: Categorical, Int64 or String
    rows: pl.DataFrame
    #: line, offset, bytes of odd lines
    odd: pl.DataFrame
    #: end offset in the text: at a line that begins with `stop`, or at the end
    end: int


class _Form(NamedTuple):
    """A `Layout`, for the kernels."""

    separator: int
    tail: bool
    empty: bool
    comment: int
    stop: Bytes
    kinds: Integers  # of each field
    columns: Integers  # of each field, in the arrays of its kind; then that of the path of a URL
    words: Bytes  # texts for NULL
    ends: Integers  # of each in `words`


class _Dictionaries(NamedTuple):
    """The distinct texts of each column, and a hash table from text to code.

    Each column has `room` codes, one more position, and eight times as many slots. Few slots are used while
    there are few texts, for cache locality.
    """

    seed: np.uint64
    room: int
    slots: Integers  # hash << 32 | code, or -1
    tags: Integers  # the same by code, to fill more slots
    places: Integers  # of each text in `values`, by code
    values: Bytes  # the texts, one per line
    counts: Integers  # codes of each column
    masks: Integers  # slots in use of each column, minus one


class _Columns(NamedTuple):
    """The result: columns of plain lines by kind, with room for all lines; then what all lines have."""

    codes: Records  # -1 where missing
    numbers: Records  # -2 where missing
    begins: Records
    lengths: Records
    offsets: Integers
    whole: Integers  # bytes with the line end
    is_odd: Bytes


class _UrlTables(NamedTuple):
    """What to look for in a URL."""

    classes: Bytes  # of each byte
    heads: Integers  # prefixes of keys, as integers of seven bytes
    bits: Integers  # that count of each


@step
def _few(data: Bytes, at: int, end: int) -> np.uint64:
    """The one to eight bytes of data[at:end] as an integer."""
    if at + 8 <= data.size:
        return sure_64(data, at) >> np.uint64(8 * (8 - (end - at)))
    return word(data, at, end) >> np.uint64(8 * (8 - (end - at)))


@step
def _digest(data: Bytes, at: int, end: int, seed: np.uint64) -> np.uint64:
    state = (seed ^ np.uint64(end - at)) * _SPREAD
    while at + 8 < end:
        state = (state ^ sure_64(data, at)) * _SPREAD
        state ^= state >> np.uint64(29)
        at += 8
    if at < end:
        state = (state ^ _few(data, at, end)) * _SPREAD
    return state ^ (state >> np.uint64(32))


@step
def _same(data: Bytes, at: int, end: int, values: Bytes, place: int) -> bool:
    while at + 8 < end:
        if sure_64(data, at) != sure_64(values, place):
            return False
        at, place = at + 8, place + 8
    return at == end or _few(data, at, end) == _few(values, place, place + end - at)


@kernel
def _use_more_slots(texts: _Dictionaries, column: int) -> None:
    """Double the slots that a column uses."""
    first, table, slots = column * (texts.room + 1), column * 8 * texts.room, texts.slots
    mask = 2 * i64(texts.masks[column]) + 1
    texts.masks[column] = mask
    slots[table : table + mask + 1] = -1
    for known in range(first, first + i64(texts.counts[column])):
        slot = i64(texts.tags[known]) >> 32 & mask
        while slots[table + slot] >= 0:
            slot = (slot + 1) & mask
        slots[table + slot] = texts.tags[known]


@step
def _code(data: Bytes, at: int, end: int, texts: _Dictionaries, column: int) -> int:
    """The dictionary code of the text data[at:end] in a column; a new one for a new text."""
    slots, places, values = texts.slots, texts.places, texts.values
    first, table = column * (texts.room + 1), column * 8 * texts.room
    mask = i64(texts.masks[column])
    tag = i64(_digest(data, at, end, texts.seed) >> np.uint64(33))
    slot = tag & mask
    found = i64(slots[table + slot])
    while found >= 0:
        if found >> 32 == tag:
            code = found & 0xFFFFFFFF
            place = i64(places[first + code])
            if i64(places[first + code + 1]) - place == end - at + 1 and _same(data, at, end, values, place):
                return code
        slot = (slot + 1) & mask
        found = i64(slots[table + slot])
    code = i64(texts.counts[column])
    slots[table + slot] = texts.tags[first + code] = tag << 32 | code
    place = i64(places[first + code])
    copy(data, at, end - at, values, place)
    place += end - at
    values[place] = _LINE_END
    places[first + code + 1] = place + 1
    texts.counts[column] = code + 1
    if 2 * code > mask:
        _use_more_slots(texts, column)
    return code


@kernel
def _count(data: Bytes, at: int, end: int) -> int:
    """data[at:end] as an integer; -1 if invalid or longer than 18 digits."""
    if at >= end or end - at > _DIGITS:
        return -1
    value = i64(0)
    if not holds(data, at, end, end - at):
        return -1
    for k in range(at, end):
        digit = sure_8(data, k) - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value


@kernel
def _micros(data: Bytes, at: int, end: int) -> int:
    """Seconds with at most six decimals, as microseconds; -1 for another notation."""
    point = find(data, at, end, _POINT)
    whole = _count(data, at, point)
    if whole < 0 or point - at > 10:
        return -1
    decimals = end - point - 1
    if decimals < 1:
        return -1 if point < end else whole * 1_000_000
    part = _count(data, point + 1, end)
    if part < 0 or decimals > 6:
        return -1
    for _ in range(6 - decimals):
        part *= 10
    return whole * 1_000_000 + part


@step
def _is_nothing(data: Bytes, at: int, end: int, form: _Form) -> bool:
    """True if data[at:end] is one of the texts for NULL."""
    begin, words = i64(0), form.words
    for n in range(form.ends.size):
        size = i64(form.ends[n]) - begin
        if size == end - at:
            k = i64(0)
            while k < size and u8(data, at + k, end) == words[begin + k]:
                k += 1
            if k == size:
                return True
        begin = i64(form.ends[n])
    return False


@kernel
def _may_hold_key(data: Bytes, at: int, end: int, urls: _UrlTables) -> bool:
    """True if a word in data[at:end] begins like a key of an AI service."""
    before = False  # is what stands before a part of a word?
    for k in range(at, end):
        kind = urls.classes[sure_8(data, k)]
        if kind >= _LETTER and not before:
            head = i64(word(data, k, end) >> np.uint64(1))
            for n in range(urls.heads.size):
                if head & urls.bits[n] == urls.heads[n]:
                    return True
        before = kind >= _WORD or kind == _CUT or data[k] == _PLUS
    return False


@step
def _path_of(data: Bytes, at: int, end: int, urls: _UrlTables) -> int:
    """End of scheme and authority of a URL; -1 if it is not plain or may contain a key."""
    if not holds(data, at, end, end - at) or end - at > _LONGEST_URL or sure_8(data, end - 1) > 127:
        return -1
    cut, scheme, run, longest = i64(-1), False, 0, 0
    k = at
    while k < end:
        kind = i64(urls.classes[sure_8(data, k)])
        if kind >= _WORD:
            run += 1
        else:
            longest, run = max(longest, run), 0
            if kind == _NOT_PLAIN:
                return -1
            if kind == _SIGN and not scheme and end - k > 2 and sure_16(data, k + 1) == _SLASHES:
                if cut >= 0 or k == at:
                    return -1  # what looks like a scheme in a path
                scheme = True
                k += 2
            elif kind in (_CUT, _END) and cut < 0:
                cut = k
        k += 1
    # The only key format with slashes is long enough for several words of this length.
    if max(longest, run) >= _KEY_WORD and _may_hold_key(data, at, end, urls):
        return -1
    return end if cut < 0 else cut


@step
def _number(data: Bytes, at: int, end: int, kind: int) -> int:
    """The field data[at:end] of kind COUNT, PADDED, MICROS or STAMP as a number; -1 if it is none."""
    if kind in (COUNT, PADDED):
        return _count(data, at, end)
    if kind == MICROS or (end - at == 14 and u8(data, at + 10, end) == _POINT):
        return _micros(data, at, end)
    return -1


@step
def _begins_with(data: Bytes, at: int, end: int, text: Bytes) -> bool:
    """True if data[at:end] begins with `text`, and that is not empty."""
    k = i64(0)
    while k < text.size and u8(data, at + k, end) == text[k]:
        k += 1
    return 0 < k == text.size


@step
def _put_field(
    data: Bytes, at: int, end: int, field: int, form: _Form, urls: _UrlTables, texts: _Dictionaries,
    out: _Columns, row: int,
) -> bool:  # fmt: skip
    """Write the field data[at:end] to its column; False if it makes the line odd."""
    kind, column = form.kinds[field], form.columns[field]
    if at == end and not form.empty:
        return False
    if at < end and form.ends.size > 0 and _is_nothing(data, at, end, form):
        end = at
    if kind == URL:
        split = _path_of(data, at, end, urls) if at < end else -1
        if split <= at:
            return False
        path, query = form.columns[form.kinds.size], find(data, split, end, _QUERY)
        out.begins[path, row] = split
        out.lengths[path, row] = min(query, find(data, split, end, _FRAGMENT)) - split
        end = split
    if kind in (CODE, URL):
        out.codes[column, row] = _code(data, at, end, texts, column) if at < end else -1
    elif kind == COPY:
        out.begins[column, row], out.lengths[column, row] = at, end - at
    else:
        value = -2 if at == end else _number(data, at, end, kind)
        if value == -1:
            return False
        out.numbers[column, row] = value
    return True


@step
def _put_line(
    data: Bytes, at: int, end: int, form: _Form, urls: _UrlTables, texts: _Dictionaries, out: _Columns,
    row: int,
) -> bool:  # fmt: skip
    """Write the fields of the line data[at:end] as a row; False if it is odd."""
    last = form.kinds.size - 1
    for field in range(form.kinds.size):
        if at > end:
            return False
        while form.kinds[field] == PADDED and u8(data, at, end) == form.separator:
            at += 1
        close = end if form.tail and field == last else find(data, at, end, form.separator)
        if form.kinds[field] != SKIP and not _put_field(data, at, close, field, form, urls, texts, out, row):
            return False
        at = close + 1
    return at > end


@entry
def cut_lines(
    data: Bytes, at: int, form: _Form, urls: _UrlTables, texts: _Dictionaries, out: _Columns, totals: Integers
) -> int:
    """Split the lines of `data` from `at` on; returns the end offset.

    `totals` receives the number of plain lines and of all lines.
    """
    rows, lines = i64(0), i64(0)
    while at < data.size:
        line_end = find(data, at, data.size, _LINE_END)
        end = line_end
        while end > at and u8(data, end - 1, end) == _SPACE:
            end -= 1
        is_comment = end > at and u8(data, at, end) == form.comment
        if is_comment and _begins_with(data, at, end, form.stop):
            break
        if end > at and not is_comment:
            plain = _put_line(data, at, end, form, urls, texts, out, rows)
            out.offsets[lines], out.whole[lines], out.is_odd[lines] = at, line_end - at + 1, not plain
            lines += 1
            rows += 1 if plain else 0
        at = line_end + 1
    totals[0], totals[1] = rows, lines
    return min(at, data.size)


@entry
def join_texts(data: Bytes, begins: Records, lengths: Records, count: int, out: Bytes) -> int:
    """Write the texts data[begins:][:lengths] to `out`, one per line; returns the number of bytes."""
    to = i64(0)
    for n in range(count):
        size = i64(lengths[n])
        copy(data, i64(begins[n]), size, out, to)
        to += size
        out[to] = _LINE_END
        to += 1
    return to


def _url_tables() -> _UrlTables:
    """The class of each byte in a URL; and key prefixes as integers of seven bytes and a bit."""
    classes = np.full(256, _OTHER, np.uint8)
    classes[:33] = _NOT_PLAIN
    for sign, kind in {b'"\\': _NOT_PLAIN, b":": _SIGN, b"/": _CUT, b"?#": _END, b"-_": _WORD}.items():
        classes[list(sign)] = kind
    for first, last in (b"09", b"AZ", b"az"):
        classes[first : last + 1] = _WORD
    heads, bits = [], []
    for prefix in PREFIXES:
        raw = prefix.encode()[:7]
        heads.append(int.from_bytes(raw.ljust(8, b"\0"), "big") >> 1)
        bits.append(int.from_bytes((b"\xff" * len(raw)).ljust(8, b"\0"), "big") >> 1)
        classes[raw[0]] = _LETTER
    return _UrlTables(classes, np.array(heads, np.int64), np.array(bits, np.int64))


_URL_TABLES = _url_tables()


class Cutter:
    """Splits lines of one layout. Codes persist from one text to the next (`coded.Vocabulary`)."""

    def __init__(self, layout: Layout, *, most_texts: int = _MOST_TEXTS) -> None:
        """`most_texts`: maximum distinct texts of a column before its dictionary is cleared."""
        self._layout = layout
        kinds = np.array([field.kind for field in layout.fields], np.int64)
        self._columns = np.zeros(len(kinds) + 1, np.int64)
        self._amount = dict.fromkeys(range(PADDED + 1), 0)
        for n, kind in enumerate(kinds.tolist()):
            array = {URL: CODE, MICROS: COUNT, STAMP: COUNT, PADDED: COUNT}.get(kind, kind)
            self._columns[n] = self._amount[array]
            self._amount[array] += 1
            if kind == URL:
                self._columns[-1] = self._amount[COPY]
                self._amount[COPY] += 1
        words = [one.encode() for one in layout.nothing]
        self._form = _Form(
            ord(layout.separator), layout.tail, layout.empty, ord(layout.comment or "\n"),
            np.frombuffer(layout.stop.encode(), np.uint8), kinds, self._columns,
            np.frombuffer(b"".join(words) or b"\0", np.uint8),
            np.cumsum([len(one) for one in words], dtype=np.int64),
        )  # fmt: skip
        self._texts = _Texts(max(1, self._amount[CODE]), most_texts)

    def cut(self, text: bytes, *, at: int = 0) -> Cut:
        """Split the lines of `text` (valid UTF-8) from byte `at` on."""
        data, layout, texts = np.frombuffer(text, np.uint8), self._layout, self._texts
        room = max(int(np.count_nonzero(data[at:] == _LINE_END)) + 1, _FIRST_SLOTS // 8)
        texts.make_room(room, data.size)
        copied = (max(1, self._amount[COPY]), room)
        out = _Columns(
            np.empty((len(texts.vocabularies), room), np.int32),
            np.empty((max(1, self._amount[COUNT]), room), np.int64),
            np.empty(copied, np.int64), np.empty(copied, np.int32),
            np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint8),
        )  # fmt: skip
        totals = np.zeros(2, np.int64)
        end = cut_lines(data, at, self._form, _URL_TABLES, texts.dictionaries(), out, totals)
        rows, lines = int(totals[0]), int(totals[1])
        odd = out.is_odd[:lines].astype(bool)
        found = [pl.Series("offset", out.offsets[:lines][~odd]), pl.Series("bytes", out.whole[:lines][~odd])]
        for field, column in zip(layout.fields, self._columns.tolist(), strict=False):
            if field.kind in (CODE, URL):
                texts.number(column)
                found.append(pl.Series(field.name, out.codes[column, :rows]))
            if field.kind == COPY:
                found.append(_texts(field.name, data, out.begins[column, :rows], out.lengths[column, :rows]))
            if field.kind == URL:
                path, copies = field.name + PATH, int(self._columns[-1])
                found.append(_texts(path, data, out.begins[copies, :rows], out.lengths[copies, :rows]))
            if field.kind in (COUNT, MICROS, STAMP, PADDED):
                found.append(pl.Series(field.name, out.numbers[column, :rows]))
        known = pl.DataFrame(found).with_columns(
            _known(field, texts.vocabularies[column].dtype if field.kind in (CODE, URL) else None)
            for field, column in zip(layout.fields, self._columns.tolist(), strict=False)
            if field.kind not in (SKIP, COPY)
        )
        left = pl.DataFrame({"offset": out.offsets[:lines][odd], "bytes": out.whole[:lines][odd]})
        return Cut(known, lines_at(text, left), end)


class _Texts:
    """The dictionary of each column, shared by the kernel (`_code`) and Polars."""

    def __init__(self, columns: int, most_texts: int) -> None:
        self._most = most_texts
        self.vocabularies = [Vocabulary() for _ in range(columns)]
        self._counts, self._masks = np.zeros(columns, np.int64), np.zeros(columns, np.int64)
        #: number of texts that Polars knows
        self._known = [0] * columns
        self._room = self._bytes = 0

    def make_room(self, lines: int, size: int) -> None:
        """Make room for the texts of a number of lines with this many bytes; clears full columns."""
        columns = len(self.vocabularies)
        if self._most + lines > self._room or _MOST_BYTES + size + lines > self._bytes:
            # Blocks vary, and unused space takes no memory.
            self._room, self._bytes = self._most + 2 * lines, _MOST_BYTES + 2 * (size + lines)
            self._slots = np.empty(columns * 8 * self._room, np.int64)
            self._tags = np.empty(columns * (self._room + 1), np.int64)
            self._places = np.empty(columns * (self._room + 1), np.int64)
            self._values = np.empty(columns * self._bytes + 8, np.uint8)
            for column in range(columns):
                self._forget(column)
        for column, count in enumerate(self._counts.tolist()):
            if count > self._most or self._place(column, count) - self._place(column, 0) > _MOST_BYTES:
                self._forget(column)

    def dictionaries(self) -> _Dictionaries:
        """The dictionaries, for the kernels."""
        return _Dictionaries(
            _SEED, self._room, self._slots, self._tags, self._places, self._values, self._counts, self._masks
        )

    def number(self, column: int) -> None:
        """Register new texts of a column in Polars, with the same codes."""
        known, count = self._known[column], int(self._counts[column])
        if count > known:
            begin, end = self._place(column, known), self._place(column, count)
            _split(self._values[begin:end]).cast(self.vocabularies[column].dtype)
            self._known[column] = count

    def _forget(self, column: int) -> None:
        self.vocabularies[column] = Vocabulary()
        self._counts[column], self._masks[column], self._known[column] = 0, _FIRST_SLOTS - 1, 0
        first = column * 8 * self._room
        self._slots[first : first + _FIRST_SLOTS] = -1
        self._places[column * (self._room + 1)] = column * self._bytes

    def _place(self, column: int, code: int) -> int:
        """The offset of a text in `values`."""
        return int(self._places[column * (self._room + 1) + code])


def lines_at(text: bytes, places: pl.DataFrame) -> pl.DataFrame:
    """Columns `line`, `offset`, `bytes` for the lines of `text` at `places` (offset, bytes with line end)."""
    found = [
        (text[begin : begin + size].decode("utf-8", "replace").rstrip("\n").rstrip(" "), begin, size)
        for begin, size in places.select("offset", "bytes").iter_rows()
    ]
    schema = {"line": pl.String, "offset": pl.Int64, "bytes": pl.Int64}
    return pl.DataFrame(found, schema=schema, orient="row")


def _known(field: Field, texts: pl.DataType | None) -> pl.Expr:
    """A column of numbers with NULL for missing ones; codes as `texts`."""
    number = pl.col(field.name)
    known = pl.when(number >= 0).then(number)
    return known if texts is None else known.cast(pl.UInt32).cat.to(texts)


def _texts(name: str, data: Bytes, begins: Records, lengths: Records) -> pl.Series:
    """The texts data[begins:][:lengths] as a String column; NULL where empty."""
    if not len(begins):
        return pl.Series(name, [], dtype=pl.String)
    out = np.empty(int(lengths.sum()) + len(begins), np.uint8)
    size = join_texts(data, begins, lengths, len(begins), out)
    texts, empty = _split(out[:size]).alias(name), lengths == 0
    return texts.set(pl.Series(empty), None) if empty.any() else texts


def _split(lines: Bytes) -> pl.Series:
    """The lines of a text (each ends with a line feed) as a String column."""
    if not lines.size:
        return pl.Series([], dtype=pl.String)
    return pl.Series([lines[:-1].tobytes().decode()]).str.split("\n").explode()
