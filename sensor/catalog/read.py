"""Turns catalog files into checked entries; mistakes become `Problem`s with their lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sensor.catalog.blind import BlindSpot, BlindSpots
from sensor.catalog.document import Document, Place, Unreadable, parse
from sensor.catalog.entry import Entry, amended, of_bulk, of_product, of_service
from sensor.catalog.files import (
    BLIND_FOLDER,
    BULKS,
    PRODUCTS,
    RUBRIC_FILE,
    SERVICES,
    VENDOR_FILE,
    VOCABULARY_FILE,
    File,
)
from sensor.catalog.model import ID, Amendment, Attribute, Bulk, Product, Service, Vendor, Vocabulary
from sensor.catalog.problem import CatalogProblems, Problem
from sensor.catalog.risk import Rubric

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Draft:
    """All entries, with the documents they came from, so that lints can point at lines.

    Documents are keyed by the id of their entry, those of blind spots by their relative path.
    """

    entries: tuple[Entry, ...]
    vocabulary: Vocabulary
    rubric: Rubric
    documents: Mapping[str, Document]
    blind: Mapping[str, BlindSpots]
    #: values of the claims of entries that an overlay retired: known, and not wanted
    retired: frozenset[str] = frozenset()

    @property
    def blind_spots(self) -> tuple[BlindSpot, ...]:
        """The entries of all blind spot files, in file order."""
        return tuple(spot for file in self.blind.values() for spot in file.entries)


def draft(files: Iterable[File]) -> Draft:
    """All entries in `files`. Raises CatalogProblems with all mistakes of all files."""
    problems: list[Problem] = []
    layers = _layers(files, problems)
    base = {key: documents[0] for key, documents in layers.items()}
    vocabulary = _only(Vocabulary, base.get(VOCABULARY_FILE), VOCABULARY_FILE, problems)
    rubric = _only(Rubric, base.get(RUBRIC_FILE), RUBRIC_FILE, problems)
    vendors = {
        key.split("/")[1]: _model(Vendor, document, problems)
        for key, document in base.items()
        if key.endswith(f"/{VENDOR_FILE}")
    }
    blind = _blind(base, vocabulary, problems)
    entries: dict[str, Entry] = {}
    retired: set[str] = set()
    for key, documents in layers.items():
        if key.startswith((SERVICES, BULKS, PRODUCTS)) and not key.endswith(f"/{VENDOR_FILE}"):
            whole = _entry(key, documents[0], vendors, vocabulary, problems)
            entry = whole and _amended(whole, documents[1:], vocabulary, problems)
            if entry is not None:
                entries[key] = entry
            elif whole is not None:
                retired |= {claim.value for claim in whole.claims}
    if rubric is not None and vocabulary is not None:
        problems.extend(
            base[RUBRIC_FILE].problem(place, what, f"use the words of {VOCABULARY_FILE}")
            for place, what in rubric.unknown_words(vocabulary)
        )
    if problems or vocabulary is None or rubric is None:
        raise CatalogProblems(problems)
    own = {entry.app: base[key] for key, entry in entries.items()} | {key: base[key] for key in blind}
    by_app = tuple(sorted(entries.values(), key=lambda entry: entry.app))
    return Draft(by_app, vocabulary, rubric, own, blind, frozenset(retired))


def _layers(files: Iterable[File], problems: list[Problem]) -> dict[str, list[Document]]:
    """The documents of each place: the last whole one, and the amendments laid over it."""
    by_key: dict[str, list[File]] = {}
    for file in files:
        by_key.setdefault(file.key, []).append(file)
    layers: dict[str, list[Document]] = {}
    for key, stack in by_key.items():
        documents = _stack(stack, problems)
        if documents and _is_amendment(documents[0]):
            remedy = "remove it, or put it where the entry stands"
            problems.append(documents[0].problem((), "changes an entry that does not exist", remedy))
        elif documents:
            layers[key] = documents
    return layers


def _stack(stack: list[File], problems: list[Problem]) -> list[Document]:
    """The documents of one place that count: from the last whole one on."""
    documents: list[Document] = []
    for file in reversed(stack):
        try:
            documents.append(parse(file.name, file.content))
        except Unreadable as unreadable:
            problems.append(unreadable.problem)
            return []
        if not _is_amendment(documents[-1]):
            break
    return documents[::-1]


def _is_amendment(document: Document) -> bool:
    return bool(document.data) and set(document.data) <= set(Amendment.model_fields)


def _only(kind: type[Model], document: Document | None, name: str, problems: list[Problem]) -> Model | None:
    """The model of a file that the catalog has once."""
    if document is None:
        if not problems:
            remedy = "the built-in catalog is incomplete: reinstall"
            problems.append(Problem(name, 1, "missing", remedy))
        return None
    return _model(kind, document, problems)


def _entry(
    key: str,
    document: Document,
    vendors: Mapping[str, Vendor | None],
    vocabulary: Vocabulary | None,
    problems: list[Problem],
) -> Entry | None:
    """The entry in a file, or None with its mistakes added to `problems`."""
    app = key.removeprefix(SERVICES).removesuffix(".yml")
    problems.extend(_misnamed(key, document, app, vendors))
    entry: Entry | None = None
    if key.startswith(BULKS):
        if bulk := _model(Bulk, document, problems):
            entry = of_bulk(app, bulk)
    elif key.startswith(PRODUCTS):
        if software := _model(Product, document, problems):
            entry = of_product(app, software)
    elif service := _model(Service, document, problems):
        entry = of_service(app, service, vendors.get(app.split("/")[0]))
    if entry is not None and vocabulary is not None:
        problems.extend(_unknown_words(entry, document, vocabulary))
    return entry


def _amended(
    entry: Entry, documents: Iterable[Document], vocabulary: Vocabulary | None, problems: list[Problem]
) -> Entry | None:
    """`entry` after all amendments, the first first; None once it is retired."""
    words = vocabulary.access if vocabulary else {}
    is_door = {name: word.role == "use" for name, word in words.items()}
    for document in documents:
        amendment = _model(Amendment, document, problems)
        if amendment is None:
            continue
        if amendment.reclassify and vocabulary:
            change, place = amendment.reclassify, ("reclassify",)
            if change.category is not None and change.category not in vocabulary.category:
                problems.append(
                    _unknown(document, (*place, "category"), change.category, vocabulary.category)
                )
            problems.extend(_wrong_attributes(change.attributes, place, document, vocabulary))
        changed = amended(entry, amendment, is_door)
        if changed is None:
            return None
        entry = changed
    return entry


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
    if key.startswith(SERVICES) and vendor not in vendors:
        yield document.problem((), f"no {VENDOR_FILE} beside it", f"add vendors/{vendor}/{VENDOR_FILE}")


def _unknown_words(entry: Entry, document: Document, vocabulary: Vocabulary) -> Iterator[Problem]:
    """Words that `categories.yml` does not list, and attributes that do not look as it says."""
    if entry.category not in vocabulary.category:
        yield _unknown(document, ("category",), entry.category, vocabulary.category)
    # A bulk list and a product say these words once, for all that they claim.
    own = [claim for claim in entry.claims if claim.place[0] == "indicators"]
    for claim in own or entry.claims[:1]:
        if claim.access not in vocabulary.access:
            yield _unknown(document, (*claim.place, "access"), claim.access, vocabulary.access)
        if claim.certainty not in vocabulary.certainty:
            yield _unknown(document, (*claim.place, "certainty"), claim.certainty, vocabulary.certainty)
    yield from _wrong_attributes(entry.attributes, (), document, vocabulary)


def _wrong_attributes(
    attributes: Mapping[str, Attribute], place: Place, document: Document, vocabulary: Vocabulary
) -> Iterator[Problem]:
    for name, attribute in attributes.items():
        where = (*place, "attributes", name)
        word = vocabulary.attribute.get(name)
        if word is None:
            yield _unknown(document, where, name, vocabulary.attribute, "attribute")
        elif what := word.complaint(attribute.value):
            yield document.problem(where, f"{name} {what}", f"see attribute in {VOCABULARY_FILE}")


def _unknown(
    document: Document, place: Place, word: str, known: Iterable[str], what: str | None = None
) -> Problem:
    remedy = f"use one of {', '.join(sorted(known))}, or add it to {VOCABULARY_FILE}"
    return document.problem(place, f"unknown {what or place[-1]} '{word}'", remedy)
