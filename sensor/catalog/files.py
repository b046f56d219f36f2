"""Finds and reads the files of the catalog. Kept simple, because every start looks at thousands of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sensor.catalog.problem import CatalogProblems, Problem
from sensor.errors import reason_of

VOCABULARY_FILE = "categories.yml"
RUBRIC_FILE = "risk.yml"
VENDOR_FILE = "vendor.yml"
#: Folders of entries, by what their files hold.
SERVICES, BULKS, PRODUCTS = "vendors/", "bulk/", "behaviours/"
#: The folder of `BlindSpots` files.
BLIND_FOLDER = "resolvers/"
#: Far above the longest honest entry (about 20 KB); below what would be slow to parse.
MAX_BYTES = 256 * 1024


@dataclass(frozen=True)
class File:
    """A catalog file: its path relative to the catalog folder, its name in messages, and its bytes."""

    key: str
    name: str
    content: bytes


def collect(folders: Iterable[Path]) -> list[File]:
    """The files of `folders`, sorted by relative path; those with the same path in the order of the
    folders."""
    files: list[File] = []
    problems: list[Problem] = []
    for folder in folders:
        found = places(folder)
        if not found:
            remedy = "give a folder that holds vendors/<vendor>/<service>.yml"
            problems.append(Problem(str(folder), 1, "no catalog here", remedy))
        for path in found:
            try:
                content = _content(Path(path))
            except OSError as error:
                what = f"cannot be read ({reason_of(error)})"
                problems.append(Problem(path, 1, what, "check its permissions"))
                continue
            files.append(File(path[len(str(folder)) + 1 :].replace(os.sep, "/"), path, content))
    if problems:
        raise CatalogProblems(problems)
    return sorted(files, key=lambda file: file.key)


def places(folder: Path) -> list[str]:
    """Paths of the catalog files of a folder, sorted; as text, because there are thousands."""
    return sorted(_walk(str(folder)))


def _walk(folder: str) -> Iterator[str]:
    """Paths of the catalog files below `folder`; `glob` would take four times as long."""
    for name in (VOCABULARY_FILE, RUBRIC_FILE):
        path = os.path.join(folder, name)
        if os.path.lexists(path):
            yield path
    for part in (BULKS, PRODUCTS, BLIND_FOLDER):
        yield from _yaml_files(os.path.join(folder, part))
    for vendor in _scan(os.path.join(folder, SERVICES)):
        yield from _yaml_files(vendor.path)


def _yaml_files(folder: str) -> Iterator[str]:
    return (entry.path for entry in _scan(folder) if entry.name.endswith((".yml", ".yaml")))


def _scan(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _content(path: Path) -> bytes:
    """The bytes of a regular file, at most one more than a document may have."""
    if not path.is_file():
        raise OSError("not a file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
