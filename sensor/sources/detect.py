"""Decides which source reads each file, by content, never by name.

In: files with their first 64 KB. Out: a `Plan`: inputs (of one file or several) with their source, and a line
of text for each file that no source can read.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType

import sensor.sources
import sensor.sources.packets
from sensor.errors import reason_of
from sensor.sources.interface import File, Input, Source
from sensor.sources.logs.known_formats import all_formats, look_at
from sensor.sources.rotated import rotation

#: A source that is less sure than this does not get the file.
ENOUGH = 0.5
#: A source that knows a file by its first bytes is so sure. Log formats count lines, and are never so sure.
SURE = 0.99
#: Files that are examined together: each format's expressions run once over all of them.
_TOGETHER = 500
#: The header of a Zeek log; ZeekSource knows by it the logs that it reads.
_ZEEK = re.compile(rb"#separator [^\n]+\n(?:#[^\n]*\n){0,9}?#path\t([a-z0-9_]{1,40})\r?\n")
_MAGIC = (
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive, or an office document; unpack it first"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"LPKSHHRH", "a systemd journal; pipe in what `journalctl -o json --file FILE` writes"),
    (b"\x0c\xa5\x01\x00", "flows of nfdump; scan what `nfdump -o csv -r FILE` writes"),
    (b"\x0c\xa5\x02\x00", "flows of nfdump; scan what `nfdump -o csv -r FILE` writes"),
    (b"\xde\xad\xbe\xef", "flows of SiLK; scan what `rwcut` writes"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (b"\x04\x22\x4d\x18", "compressed with LZ4; unpack it first"),
    (b"\x1f\x9d", "compressed with compress; unpack it first"),
    (b"]\x00\x00", "compressed with lzma; unpack it first"),
    (b"\x1f\x8b", "an archive inside an archive; unpack it once"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
)
#: Control characters that do not occur in text (tabs, line ends and terminal escapes do).
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\x1b"))


@dataclass
class Plan:
    """The inputs to read, each with its source, and the files that cannot be read."""

    inputs: list[tuple[type[Source], Input]] = field(default_factory=list)
    #: one line each, for files the user named and for two kinds that both fit
    problems: list[str] = field(default_factory=list)
    #: names of files met while walking a folder that are no input (notes, expected rows …)
    skipped: list[str] = field(default_factory=list)


def known() -> tuple[type[Source], ...]:
    """All sources, ordered by name.

    This folder, `packets` and `logs/formats` are walked, so that a new module or package is enough.
    """
    kinds = {**_walked(), **{log_format.name: log_format for log_format in all_formats()}}
    return tuple(kinds[name] for name in sorted(kinds))


@cache
def _walked() -> dict[str, type[Source]]:
    kinds: dict[str, type[Source]] = {}
    for name in (*_inside(sensor.sources), *_inside(sensor.sources.packets)):
        loaded = importlib.import_module(name)
        for thing in vars(loaded).values():
            is_kind = inspect.isclass(thing) and issubclass(thing, Source) and not inspect.isabstract(thing)
            is_its_own = is_kind and f"{thing.__module__}.".startswith(f"{loaded.__name__}.")
            if is_its_own:  # what it only imports is found where it is defined
                kinds[thing.name] = thing
    return kinds


def _inside(package: ModuleType) -> list[str]:
    """The full names of the modules and packages in `package`."""
    return [f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]


def kinds_by_name() -> dict[str, type[Source]]:
    """All sources by name."""
    return {kind.name: kind for kind in known()}


def plan(
    files: Sequence[File],
    *,
    walked: Collection[str] = (),
    captures: type[Source] | None = None,
    forced: type[Source] | None = None,
    sensor_of: Callable[[type[Source], File], Hashable] = lambda kind, file: None,
) -> Plan:
    """The plan for `files`.

    `walked` are names of files found in a folder; they are skipped silently if no source knows them.
    `captures` is the source that the user chose for captures; it also gets named files that no source knows.
    `forced` is the source chosen for everything. Files of different sensors (by `sensor_of`) are never one
    input.
    """
    made = Plan()
    by_kind: dict[type[Source], list[File]] = {}
    for begin in range(0, len(files), _TOGETHER):
        some = _with_heads(files[begin : begin + _TOGETHER], made)
        if forced is None:
            texts = (head for _, head in some if not _is_binary(head))
            look_at(head for head in texts if _is_for_formats(head, _by_its_beginning(head)))
        for file, head in some:
            best, rivals = recognise(head) if forced is None else (forced, [])
            is_capture = best.name == "pcap" if best is not None else file.name not in walked
            if captures and is_capture:
                best = captures
            if best is None:
                _set_aside(file, head, made, named=file.name not in walked)
                continue
            if rivals:
                names = ", ".join(rival.name for rival in rivals)
                made.problems.append(f"{file.name}: could be {names} just as well; read as {best.name}")
            by_kind.setdefault(best, []).append(file)
    for kind in sorted(by_kind, key=lambda kind: kind.name):
        by_sensor: dict[Hashable, list[File]] = {}
        for file in sorted(by_kind[kind], key=rotation):
            by_sensor.setdefault(sensor_of(kind, file), []).append(file)
        for of_sensor in by_sensor.values():
            groups = _grouped(kind, of_sensor, made)
            for group, before in zip(groups, kind.before(groups), strict=True):
                made.inputs.append((kind, Input(group, _identity(group), before)))
    return made


def _grouped(kind: type[Source], files: Sequence[File], made: Plan) -> list[tuple[File, ...]]:
    try:
        return kind.group(files)
    except OSError:  # one has vanished since
        return kind.group([file for file, _ in _with_heads(files, made)])


def _with_heads(files: Sequence[File], made: Plan) -> list[tuple[File, bytes]]:
    """The files with their heads, without those that have vanished since they were found."""
    some = []
    for file in files:
        try:
            some.append((file, file.head))
        except OSError as error:
            made.problems.append(f"{file.name}: {reason_of(error)}")
    return some


def recognise(head: bytes) -> tuple[type[Source] | None, list[type[Source]]]:
    """The source for an input that begins with `head` (None if none is sure enough), and others equally
    sure."""
    sure = _by_its_beginning(head)
    if _is_for_formats(head, sure):
        sure = {kind: sure[kind] if kind in sure else kind.recognise(head) for kind in known()}
    most = max(sure.values(), default=0.0)
    if most < ENOUGH:
        return None, []
    best, *rivals = (kind for kind, confidence in sure.items() if confidence == most)
    if all(kind.splits_lines for kind in (best, *rivals)):
        return best, []  # whichever reads the file, each line goes to its own format
    return best, rivals


def _by_its_beginning(head: bytes) -> dict[type[Source], float]:
    """How sure each source is that is not a log format. Asking log formats takes thirty times as long."""
    return {kind: kind.recognise(head) for kind in _walked().values()}


def _is_for_formats(head: bytes, sure: Mapping[type[Source], float]) -> bool:
    """True if log formats should be asked about `head`; `sure` is what the other sources say."""
    return max(sure.values(), default=0.0) < SURE and _ZEEK.match(head) is None


def looks_like(head: bytes) -> str:
    """A description of what `head` seems to be, for the message about a file that no source reads."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if zeek := _ZEEK.match(head):
        return f"a Zeek {zeek[1].decode()} log, which names no service"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in (b"{", b"["):
        return "JSON of another kind"
    if text[:5].lower() in (b"<html", b"<!doc", b"<?xml"):
        return "HTML or XML"
    return "binary data" if _is_binary(head) else "text"


def _is_binary(head: bytes) -> bool:
    begin = head[:4096]
    return len(begin) - len(begin.translate(None, _CONTROLS)) > len(begin) // 50


def _set_aside(file: File, head: bytes, made: Plan, *, named: bool) -> None:
    if named:
        made.problems.append(
            f"{file.name}: not a known kind of input (looks like {looks_like(head)}); "
            "`shadowai sources` lists them"
        )
    else:
        made.skipped.append(file.name)


def _identity(group: tuple[File, ...]) -> str:
    """One file keeps its own identity; several share the hash of theirs."""
    if len(group) == 1:
        return group[0].identity
    return hashlib.blake2b("".join(f.identity for f in group).encode(), digest_size=8).hexdigest()
