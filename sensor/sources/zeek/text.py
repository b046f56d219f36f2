r"""Parses Zeek logs, TSV or JSON lines, to a frame of the fields that are needed.

TSV (`LogAscii`): header lines `#separator`, `#set_separator`, `#empty_field`, `#unset_field`,
`#path`, `#fields`; columns are found by `#fields`, because scripts add some, and a header may
come again in the middle of a file. Bytes that cannot be printed stand as `\xHH`.
JSON: one object per line, keys dotted (`id.orig_h`), nested (`id: {orig_h}`) or `id_orig_h`.

Either way the result has the same columns: text for scalars (numbers in plain TSV are parsed), lists of text
for sets and vectors, NULL for unset values; one row per line.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from sensor.sources.logs.lines.blocks import Block, first_lines
from sensor.sources.logs.text import objects

_ID = ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")
_EVERY = ("ts", "uid", *_ID)
#: The logs that say something about services, and the fields read from each.
WANTED: dict[str, tuple[str, ...]] = {
    "dns": (
        *_EVERY,
        *("proto", "trans_id", "rtt", "query", "qtype", "qtype_name", "rcode_name"),
        *("answers", "TTLs", "rejected", "opcode"),
    ),
    "quic": (*_EVERY, "server_name", "ja4"),
    "ssl": (*_EVERY, "server_name", "subject", "established", "ja4"),
    "http": (
        *_EVERY,
        *("trans_depth", "method", "host", "uri", "user_agent", "origin", "username"),
        *("request_body_len", "response_body_len", "status_code"),
    ),
    "socks": (*_EVERY, "user", "status", "request.host", "request.name", "request_p"),
    "conn": (
        *_EVERY,
        *("proto", "duration", "orig_bytes", "resp_bytes", "conn_state", "missed_bytes", "history"),
        *("orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes", "tunnel_parents", "orig_l2_addr"),
    ),
    "dhcp": (
        *("ts", "uids", "client_addr", "requested_addr", "assigned_addr", "mac", "host_name", "client_fqdn"),
        *("lease_time", "msg_types", "assigned_ip"),
    ),
    "kerberos": (*_EVERY, "request_type", "client", "service", "success", "till"),
    "ntlm": (*_EVERY, "username", "hostname", "domainname", "success"),
    "radius": (*_EVERY, "username", "mac", "framed_addr", "result"),
}
LISTS = frozenset({"answers", "TTLs", "tunnel_parents", "uids", "msg_types"})
#: Columns of numbers: cast as a whole, unless one holds anything else.
_WHOLE = (
    *("id.orig_p", "id.resp_p", "trans_depth", "request_body_len", "response_body_len", "status_code"),
    *("orig_bytes", "resp_bytes", "missed_bytes", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes"),
)
_DECIMAL = ("ts", "duration", "rtt")
#: Keys that identify a JSON log without `_path`, the most specific first.
_TELLING = {
    "dhcp": ("msg_types", "assigned_addr", "assigned_ip"),
    "conn": ("conn_state", "orig_ip_bytes"),
    "dns": ("trans_id", "qtype_name"),
    "http": ("trans_depth",),
    "quic": ("client_initial_dcid",),
    "kerberos": ("request_type",),
    "ntlm": ("server_tree_name", "domainname", "server_nb_computer_name"),
    "radius": ("framed_addr", "connect_info"),
    "socks": ("request_p", "bound_p"),
    # Last: a Kerberos ticket has a cipher, too.
    "ssl": ("established", "cipher"),
}
_PATH = re.compile(rb'"_path"\s*:\s*"([^"]*)"')
#: One in so many lines may be damaged.
_FEW = 10
#: Headers per block and names per header that are read; a real log has fewer.
MAX_HEADERS, _MAX_FIELDS = 64, 1000
_PRINTABLE = {f"\\x{code:02x}": chr(code) for code in range(0x20, 0x7F)}


@dataclass(frozen=True)
class Header:
    """The content of the header lines of a TSV log."""

    fields: tuple[str, ...] = ()
    separator: str = "\t"
    set_separator: str = ","
    nothing: tuple[str, ...] = ("-", "(empty)")


@dataclass
class Text:
    """Turns blocks of one file into frames; remembers the header across blocks."""

    log: str
    header: Header = field(default_factory=Header)

    def read(self, block: Block) -> pl.DataFrame:
        """The lines of a block as `line`, offset, bytes, and their fields.

        Under a known header, `line` is NULL for plain rows: splitting the text into lines takes most of the
        time.
        """
        if self.header.fields and block.text[:1].isdigit() and (ends := block.ends(comment=b"#")) is not None:
            read = self._tsv(block.text)
            if read.height == ends.height:
                return ends.with_columns(line=pl.lit(None, pl.String)).hstack(read)
        return self.rows(block.lines())

    def rows(self, lines: pl.DataFrame) -> pl.DataFrame:
        """`lines` (with column `line`) without header lines, and with their fields."""
        if _is_json(lines):
            return lines.hstack(json_rows(lines["line"], self.log))
        parts = [part.hstack(self._tsv_rows(part["line"])) for part in self._segments(lines)]
        return pl.concat(parts, how="vertical_relaxed")

    def _segments(self, lines: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Stretches of data lines under one header; at least one, maybe empty."""
        comment = lines["line"].str.starts_with("#")
        if not comment.any():
            yield lines
            return
        starts = lines["line"].str.starts_with("#fields").arg_true().head(MAX_HEADERS).to_list()
        edges = [0, *starts, lines.height]
        stretches = [(self.header, 0, edges[1])]
        for begin, end in itertools.pairwise(edges[1:]):
            header = read_header(lines["line"].slice(max(0, begin - 8), min(begin, 8) + 1).to_list())
            before, since, _ = stretches[-1]
            is_same = header == before or not self._holds_any(comment, since, begin)
            stretches[-1:] = [(header, since, end)] if is_same else [stretches[-1], (header, begin, end)]
        for self.header, begin, end in stretches:
            yield lines.slice(begin, end - begin).filter(~comment.slice(begin, end - begin))

    @staticmethod
    def _holds_any(comment: pl.Series, begin: int, end: int) -> bool:
        return not comment.slice(begin, end - begin).all()

    def _tsv_rows(self, lines: pl.Series) -> pl.DataFrame:
        names = self.header.fields
        if lines.is_empty() or not names:
            return pl.DataFrame(
                {name: [None] * len(lines) for name in WANTED[self.log]}, schema=_dtypes(self.log)
            )
        return self._tsv(lines.str.join("\n")[0].encode())

    def _tsv(self, text: bytes) -> pl.DataFrame:
        names = self.header.fields
        numbers = dict.fromkeys(_WHOLE, pl.Int64) | dict.fromkeys(_DECIMAL, pl.Float64)
        try:
            return self._typed(text, [numbers.get(name, pl.String) for name in names])
        except pl.exceptions.ComputeError:
            return self._typed(text, [pl.String] * len(names))

    def _typed(self, text: bytes, dtypes: Sequence[type[pl.DataType]]) -> pl.DataFrame:
        """The wanted of `text`'s fields. Raises ComputeError where one is not of its type."""
        names = self.header.fields
        read = pl.scan_csv(
            io.BytesIO(text),
            separator=self.header.separator,
            has_header=False,
            quote_char=None,
            schema={f"f{number}": dtype for number, dtype in enumerate(dtypes)},
            null_values=list(self.header.nothing),
            missing_columns="insert",
            extra_columns="ignore",
            truncate_ragged_lines=True,
        )
        place = {name: f"f{number}" for number, name in reversed(list(enumerate(names)))}
        wanted = [self._field(name, place.get(name)) for name in WANTED[self.log]]
        # `f0` gives the frame its height where a header names no wanted field.
        return read.select("f0", *wanted).collect(engine="in-memory").drop("f0")

    def _field(self, name: str, column: str | None) -> pl.Expr:
        if column is None:
            return pl.lit(None, dtype=_dtypes(self.log)[name]).alias(name)
        text = pl.col(column)
        return (text.str.split(self.header.set_separator) if name in LISTS else text).alias(name)


def log_of(head: bytes) -> str | None:
    """The log (a key of `WANTED`) that begins with `head`; None for any other file."""
    lines = first_lines(head, 20)
    if lines.is_empty():
        return None
    if lines[0].startswith("#separator"):
        paths = [line.split("\t", 1)[1:] for line in lines if line.startswith("#path")]
        name = paths[0][0] if paths and paths[0] else None
        return name if name in WANTED else None
    # A stream with lines of several logs, or of other products, is sorted line by line, see
    # formats/zeek_json.py.
    logs = {log for line in lines if (log := _json_log(line))}
    logs |= {log for path in _PATH.findall(head) if (log := path.decode(errors="replace")) in WANTED}
    strangers = sum('"uid' not in line for line in lines)
    return logs.pop() if len(logs) == 1 and strangers * _FEW <= len(lines) else None


def read_header(lines: list[str]) -> Header:
    """The header that the last of `lines` (`#fields`) and the `#` lines just above it form."""
    header = Header()
    start = next((n for n in range(len(lines) - 1, -1, -1) if not lines[n].startswith("#")), -1) + 1
    for line in lines[start:]:
        key, _, value = line.partition(" " if line.startswith("#separator") else header.separator)
        if key == "#separator" and len(bare := _unescape_separator(value)) == 1 and bare.isascii():
            header = replace(header, separator=bare)
        elif key == "#set_separator" and value:
            header = replace(header, set_separator=value)
        elif key in ("#unset_field", "#empty_field") and value and value not in header.nothing:
            header = replace(header, nothing=(*header.nothing, value))
        elif key == "#fields":
            header = replace(header, fields=tuple(value.split(header.separator)[:_MAX_FIELDS]))
    return header


def unescape(text: pl.Expr) -> pl.Expr:
    r"""`text` with escapes `\xHH` of printable ASCII replaced by the character; other escapes stay."""
    return (
        pl.when(text.str.contains("\\x", literal=True))
        .then(text.str.replace_many(_PRINTABLE))
        .otherwise(text)
    )


def _unescape_separator(value: str) -> str:
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), value.strip())


def _dtypes(log: str) -> dict[str, pl.DataType]:
    return {name: pl.List(pl.String()) if name in LISTS else pl.String() for name in WANTED[log]}


def _json_log(line: str) -> str | None:
    """The log a JSON line belongs to: by `_path`, else by the keys only that log has."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    # Vectra's stream has names like Zeek's, but other units.
    if not isinstance(found, dict) or "metadata_type" in found:
        return None
    if not ("uid" in found and {"id.orig_h", "id", "id_orig_h"} & found.keys()) and "uids" not in found:
        return None
    if "_path" in found:
        return found["_path"] if found["_path"] in WANTED else None
    return next((log for log, keys in _TELLING.items() if found.keys() & set(keys)), None)


def _is_json(lines: pl.DataFrame) -> bool:
    return bool(lines["line"].head(1).str.starts_with("{").any())


def json_rows(lines: pl.Series, log: str) -> pl.DataFrame:
    """The fields of JSON lines of a `log`; a line that is no object gives a row of NULLs."""
    nested = {name.removeprefix("id."): pl.String() for name in _ID}
    underscored = {name.replace(".", "_"): pl.String() for name in _ID}
    asked = _dtypes(log) | underscored | {"id": pl.Struct(nested), "_path": pl.String()}
    bare = lines.str.strip_chars_start(" \t")
    sound = bare.to_frame("line").select(
        pl.when(pl.col("line").str.starts_with("{")).then("line").fill_null("{}")
    )
    read = objects.ndjson(sound["line"], asked)
    ids = [
        pl.coalesce(name, name.replace(".", "_"), pl.col("id").struct.field(name.removeprefix("id.")))
        for name in _ID
        if name in WANTED[log]
    ]
    # Corelight's data reduction calls its logs `dns_red`.
    other = pl.col("_path").is_not_null() & (pl.col("_path").str.replace("_red$", "") != log)
    rows = read.with_columns(ids).with_columns(ts=pl.when(~other).then("ts"))
    return rows.select(WANTED[log])
