"""Catalog files to checked entries; what cannot be read or does not fit becomes a `Problem` with its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sensor.catalog.blind import BlindSpot, BlindSpots
from sensor.catalog.document import MAX_BYTES, Document, Unreadable, parse
from sensor.catalog.model import ID, Service, Strict, Vendor, Vocabulary
from sensor.catalog.problem import CatalogProblems, Problem

VOCABULARY_FILE = "categories.yml"
VENDOR_FILE = "vendor.yml"
#: The folder of `BlindSpots` files.
BLIND_FOLDER = "resolvers/"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class File:
    """One catalog file: its place below the catalog folder, its name for messages, its bytes."""

    key: str
    name: str
    content: bytes


class Entry(Strict):
    """A service with its id and its vendor: what the rest of the product sees."""

    app: str
    vendor: Vendor
    service: Service


@dataclass(frozen=True)
class Draft:
    """All entries of one reading, with the documents they came from, so that lints can point at lines.

    Documents stand under their service's id, those of blind spots under their place in the folder.
    """

    entries: tuple[Entry, ...]
    vocabulary: Vocabulary
    documents: Mapping[str, Document]
    blind: Mapping[str, BlindSpots]

    @property
    def blind_spots(self) -> tuple[BlindSpot, ...]:
        """The entries of all blind spot files, in file order."""
        return tuple(spot for file in self.blind.values() for spot in file.entries)


def collect(folders: Iterable[Path]) -> list[File]:
    """The files of `folders`, sorted; a later folder's file replaces an earlier one of the same place."""
    files: dict[str, File] = {}
    problems: list[Problem] = []
    for folder in folders:
        if not any((folder / part).is_dir() for part in ("vendors", BLIND_FOLDER)):
            problems.append(
                Problem(
                    str(folder),
                    1,
                    "no catalog here",
                    "give a folder that holds vendors/<vendor>/<service>.yml",
                )
            )
            continue
        for path in places(folder):
            key = path.relative_to(folder).as_posix()
            try:
                files[key] = File(key, str(path), _content(path))
            except OSError as error:
                what = f"cannot be read ({error.strerror or error})"
                problems.append(Problem(str(path), 1, what, "check its permissions"))
    if problems:
        raise CatalogProblems(problems)
    return [files[key] for key in sorted(files)]


def places(folder: Path) -> list[Path]:
    """The catalog files of a folder, sorted."""
    patterns = (VOCABULARY_FILE, "vendors/*/*.y*ml", f"{BLIND_FOLDER}*.y*ml")
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


def _content(path: Path) -> bytes:
    """The bytes of a regular file, at most one more than a document may have."""
    if not path.is_file():
        raise OSError("not a file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def draft(files: Iterable[File]) -> Draft:
    """Every entry in `files`; raises `CatalogProblems` with all mistakes of all files."""
    problems: list[Problem] = []
    documents = _documents(files, problems)
    vocabulary = _vocabulary(documents, problems)
    vendors = {
        key.split("/")[1]: _model(Vendor, document, problems)
        for key, document in documents.items()
        if key.endswith(f"/{VENDOR_FILE}")
    }
    blind = _blind(documents, vocabulary, problems)
    entries: list[Entry] = []
    for key, document in documents.items():
        if key == VOCABULARY_FILE or key.endswith(f"/{VENDOR_FILE}") or key.startswith(BLIND_FOLDER):
            continue
        app = key.removeprefix("vendors/").removesuffix(".yml")
        service = _model(Service, document, problems)
        problems.extend(_misnamed(key, document, app, vendors))
        if service is not None and vocabulary is not None:
            problems.extend(_unknown_words(service, document, vocabulary))
        vendor = vendors.get(app.split("/")[0])
        if service is not None and vendor is not None:
            entries.append(Entry(app=app, vendor=vendor, service=service))
    if problems or vocabulary is None:
        raise CatalogProblems(problems)
    by_app = {entry.app: documents[f"vendors/{entry.app}.yml"] for entry in entries}
    own = by_app | {key: documents[key] for key in blind}
    return Draft(tuple(sorted(entries, key=lambda entry: entry.app)), vocabulary, own, blind)


def _documents(files: Iterable[File], problems: list[Problem]) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    for file in files:
        try:
            documents[file.key] = parse(file.name, file.content)
        except Unreadable as unreadable:
            problems.append(unreadable.problem)
    return documents


def _vocabulary(documents: Mapping[str, Document], problems: list[Problem]) -> Vocabulary | None:
    document = documents.get(VOCABULARY_FILE)
    if document is None:
        if not problems:
            problems.append(
                Problem(VOCABULARY_FILE, 1, "missing", "the built-in catalog is incomplete: reinstall")
            )
        return None
    return _model(Vocabulary, document, problems)


def _blind(
    documents: Mapping[str, Document], vocabulary: Vocabulary | None, problems: list[Problem]
) -> dict[str, BlindSpots]:
    """The blind spot files that are well-formed, by their place in the folder."""
    found: dict[str, BlindSpots] = {}
    for key, document in documents.items():
        spots = _model(BlindSpots, document, problems) if key.startswith(BLIND_FOLDER) else None
        if spots is None:
            continue
        found[key] = spots
        known = vocabulary.certainty if vocabulary else {}
        for position, spot in enumerate(spots.entries):
            if known and spot.certainty not in known:
                place = ("entries", position, "certainty")
                remedy = f"use one of {', '.join(sorted(known))}"
                problems.append(document.problem(place, f"unknown certainty '{spot.certainty}'", remedy))
    return found


def _model(kind: type[Model], document: Document, problems: list[Problem]) -> Model | None:
    """`document` as a `kind`, or None with its mistakes added to `problems`."""
    try:
        return kind.model_validate(document.data)
    except ValidationError as error:
        for mistake in error.errors(include_url=False):
            place = tuple(mistake["loc"])
            problems.append(document.problem(place, *_in_words(kind, place, mistake["type"], mistake["msg"])))
        return None


def _in_words(
    kind: type[BaseModel], place: tuple[str | int, ...], type_: str, message: str
) -> tuple[str, str]:
    """A pydantic mistake as what is wrong and what to do."""
    field = ".".join(str(part) for part in place) or "the entry"
    if type_ == "extra_forbidden":
        return f"unknown field '{field}'", f"fields of a {kind.__name__.lower()} are in signatures/README.md"
    if type_ == "missing":
        return f"'{field}' is missing", "add it; signatures/README.md shows an entry"
    what = message.removeprefix("Value error, ")
    return f"{field}: {what[:1].lower()}{what[1:]}", "correct the value; signatures/README.md shows an entry"


def _misnamed(key: str, document: Document, app: str, vendors: Mapping[str, object]) -> Iterable[Problem]:
    if key.endswith(".yaml"):
        yield document.problem((), "file name ends in .yaml", "rename it to .yml")
    elif not all(ID.fullmatch(part) for part in app.split("/")):
        yield document.problem(
            (), f"'{app}' is not an id", "use lower-case letters, digits and single hyphens"
        )
    vendor = app.split("/")[0]
    if vendor not in vendors:
        yield document.problem((), f"no {VENDOR_FILE} beside it", f"add vendors/{vendor}/{VENDOR_FILE}")


def _unknown_words(service: Service, document: Document, vocabulary: Vocabulary) -> Iterable[Problem]:
    """Words that `categories.yml` does not list."""
    used: list[tuple[tuple[str | int, ...], str, Iterable[str]]] = [
        (("category",), service.category, vocabulary.category)
    ]
    for position, indicator in enumerate(service.indicators):
        used.append((("indicators", position, "access"), indicator.access, vocabulary.access))
        used.append((("indicators", position, "certainty"), indicator.certainty, vocabulary.certainty))
    for place, word, known in used:
        if word not in known:
            remedy = f"use one of {', '.join(sorted(known))}, or add it to {VOCABULARY_FILE}"
            yield document.problem(place, f"unknown {place[-1]} '{word}'", remedy)
