"""The models of catalog files. An unknown field is an error, so that a typing mistake is noticed.

`categories.yml` is a `Vocabulary`, `risk.yml` a `Rubric` (see `risk`), `vendors/<vendor>/vendor.yml` a
`Vendor`, `vendors/<vendor>/<service>.yml` a `Service`, `bulk/<name>.yml` a `Bulk` of plain domains,
`behaviours/<name>.yml` a self-hosted `Product`; at a service's place an overlay may also hold an
`Amendment`. The models check form; whether words are in the vocabulary and entries agree with each
other is checked in `read` and `checks`.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

#: Kinds of indicators of a service, in the order of tables.
KINDS = ("domain", "suffix", "pattern", "url", "user_agent", "address", "ja4", "extension_id")
#: The kinds a self-hosted `Product` compiles to: a server port with the beginning of a path, what the
#: server says it runs, and the first label of its name.
PORT_PATH, SOFTWARE, LABEL = "port", "software", "label"

ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})+")
_PATTERN_LABEL = re.compile(r"[a-z0-9_*-]{1,63}")

Text = Annotated[str, Field(min_length=1, max_length=500)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Reference = Annotated[str, Field(min_length=5, max_length=300)]
Homepage = Annotated[str, Field(pattern=r"^https?://")]
Baseline = Annotated[int, Field(ge=0, le=10_000_000)]
Score = Annotated[int, Field(ge=0, le=100)]
Port = Annotated[int, Field(ge=1, le=65535)]
ExtensionId = Annotated[str, Field(pattern=r"^[a-p]{32}$")]
#: A word of the first label of a host name: the whole label, or a part between hyphens.
FirstLabel = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
#: Not "/" alone, which every server answers.
Path = Annotated[str, Field(pattern=r"^/[^/?#\s{}*][^?#\s{}*]*$", max_length=200)]
#: A mark of server software: the beginning of the Server header, or the name of an x- header.
Software = Annotated[
    str,
    Field(
        pattern=r"^(server: [a-z][a-z0-9._-]{3,}|x-[a-z0-9-]{4,}|speaks: [a-z][a-z-]+|sends: [a-z0-9-]+|"
        r"sent: ai-key)$",
        max_length=80,
    ),
]
Role = Literal["use", "embedded", "support"]

#: The form of `server_version` in sightings: numbers and dots.
_VERSION = r"^\d{1,5}(\.\d{1,5}){0,3}$"


class Strict(BaseModel):
    """Base of every model: immutable, and without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Indicator(Strict):
    """One sign by which a service is recognised: exactly one kind, what it gives access to, and the evidence
    for it.

    `shared` says that the same host also serves other things (a hit is then "embedded AI possible",
    never use). `access` is the door: a web page, an API, a coding tool, or a side door (telemetry,
    auth, CDN) that says nothing about use. `extension` is the name of an add-on in its store.
    """

    domain: str | None = None
    suffix: str | None = None
    pattern: str | None = None
    url: str | None = None
    user_agent: Annotated[str, Field(min_length=3, max_length=80)] | None = None
    address: str | None = None
    ja4: (
        Annotated[str, Field(pattern=r"^[tqd][0-9s]{2}[di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$")]
        | None
    ) = None
    extension_id: ExtensionId | None = None
    extension: Text | None = None
    access: str
    shared: bool = False
    certainty: str
    reference: Reference
    checked: datetime.date

    @property
    def kind(self) -> str:
        """The kind of this indicator, one of `KINDS`."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def value(self) -> str:
        """The value to match, as text."""
        return str(getattr(self, self.kind))

    @model_validator(mode="after")
    def _one_kind_well_formed(self) -> Indicator:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"an indicator has exactly one kind, not {' and '.join(given) or 'none'}")
        complaint = _complaint(self)
        if complaint:
            raise ValueError(complaint)
        if self.extension and not self.extension_id:
            raise ValueError("extension is the name of an add-on and needs its extension_id")
        return self


class Attribute(Strict):
    """A verifiable fact about a service: its value, the source, and the day the source was read.

    `categories.yml` lists the names, and the type of each one's value. An attribute that no
    source states is left out: unknown is not the same as no.
    """

    value: bool | Text | Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)]
    reference: Reference
    checked: datetime.date


class Event(Strict):
    """A minimal event that proves an entry: what a sensor might see, one field per column."""

    host: Text | None = None
    url: Text | None = None
    cname: Text | None = None
    user_agent: Text | None = None
    origin: Text | None = None
    server: Text | None = None
    software: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Event:
        if not self.model_fields_set:
            raise ValueError("an event needs a host, url, cname, user_agent, origin, server or software")
        if self.url is not None and not re.match(r"(https?|chrome-extension)://[^/]+/", self.url):
            raise ValueError("url in an event is absolute, with a path")
        return self


class Vendor(Strict):
    """The company behind services. Its head office decides which law applies."""

    name: Text
    country: Country | None = None
    homepage: Homepage

    @field_validator("country", mode="before")
    @classmethod
    def _norway(cls, country: object) -> object:
        if country is False:
            raise ValueError('write "NO" in quotes: YAML reads it as false')
        return country


class Service(Strict):
    """One service as its file describes it; `app` (the id) and `vendor` come from the path."""

    name: Text
    category: str
    homepage: Homepage | None = None
    experimental: bool = False
    upload_baseline_bytes: Baseline | None = None
    attributes: dict[str, Attribute] = {}
    indicators: Annotated[tuple[Indicator, ...], Field(min_length=1, max_length=500)]
    hits: tuple[Event, ...] = ()
    misses: tuple[Event, ...] = ()


class Bulk(Strict):
    """Many similar sites that are reported as one service, with less confidence.

    `suffixes` are domains with everything below them, `urls` a host and the beginning of a path,
    `extensions` ids of browser add-ons with the names they have in their store.
    """

    name: Text
    category: str
    access: str
    shared: bool = False
    experimental: bool = False
    certainty: str
    reference: Reference
    checked: datetime.date
    suffixes: Annotated[tuple[str, ...], Field(max_length=10_000)] = ()
    urls: Annotated[tuple[str, ...], Field(max_length=10_000)] = ()
    extensions: Annotated[dict[ExtensionId, Text], Field(max_length=10_000)] = {}
    hits: tuple[Event, ...] = ()
    misses: tuple[Event, ...] = ()

    @model_validator(mode="after")
    def _well_formed(self) -> Bulk:
        if not (self.suffixes or self.urls or self.extensions):
            raise ValueError("an entry needs suffixes, urls or extensions")
        for text in self.suffixes:
            if not is_host(text):
                raise ValueError(f"suffix '{text}' {_HOST_FORM}")
        for text in self.urls:
            if not _is_url(text):
                raise ValueError(f"url '{text}' {_URL_FORM}")
        return self


class Affected(Strict):
    """A known vulnerability and the affected versions: from `since` (by default the first) to just
    before `before`."""

    advisory: Annotated[str, Field(pattern=r"^CVE-\d{4}-\d{4,}$")]
    since: Annotated[str, Field(pattern=_VERSION)] = "0"
    before: Annotated[str, Field(pattern=_VERSION)]
    reference: Reference
    checked: datetime.date


class VersionAnswer(Strict):
    """The answer in which a server names its version, by a header field or the beginning of its body."""

    path: Path
    field: Text | None = None
    body: Text | None = None
    version: Annotated[str, Field(pattern=_VERSION)]

    @model_validator(mode="after")
    def _has_an_answer(self) -> VersionAnswer:
        if (self.field is None) == (self.body is None):
            raise ValueError("a version is told by a field or by a body")
        return self


class Product(Strict):
    """Self-hosted software. It is recognised on any host, by its ports, paths and answers.

    Only hosts that no other indicator knows are matched: by port and beginning of a path together (without
    `ports`, by the path on any port); by `software`, what only this product reports about itself in the head
    of its answers, on any port and path; by `labels`, words of the first label of the host, if nothing else
    matches. `markers` (words in answers), `default_auth` (does it authenticate clients as shipped?),
    `default_bind` and `advisories` are for people. `affected` is compared with the version that a server
    reports; `tells_version` proves that it can be read.
    """

    name: Text
    category: str
    homepage: Homepage | None = None
    access: str = "api"
    experimental: bool = False
    ports: Annotated[tuple[Port, ...], Field(max_length=20)] = ()
    paths: Annotated[tuple[Path, ...], Field(max_length=100)] = ()
    software: Annotated[tuple[Software, ...], Field(max_length=20)] = ()
    labels: Annotated[tuple[FirstLabel, ...], Field(max_length=20)] = ()
    markers: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    default_auth: bool | None = None
    default_bind: Literal["loopback", "all"] | None = None
    advisories: tuple[Annotated[str, Field(pattern=r"^CVE-\d{4}-\d{4,}$")], ...] = ()
    affected: Annotated[tuple[Affected, ...], Field(max_length=50)] = ()
    tells_version: Annotated[tuple[VersionAnswer, ...], Field(max_length=10)] = ()
    certainty: str
    reference: Reference
    checked: datetime.date
    hits: tuple[Event, ...] = ()
    misses: tuple[Event, ...] = ()

    @model_validator(mode="after")
    def _can_be_recognised(self) -> Product:
        if not (self.paths or self.software or self.labels or (self.ports and self.markers)):
            raise ValueError("a product needs paths, software, labels, or ports with markers")
        return self


class Retirement(Strict):
    """The reason and date for which an organisation removes an entry."""

    reason: Text
    date: datetime.date


class Reclassification(Strict):
    """An organisation's changes of an entry; fields that are left out stay as they are.

    `shared: true` turns every door into a possibility, `false` makes none of them shared. `risk` is a
    score of its own in place of the rubric's. `attributes` are laid over the entry's: what a contract
    says, for instance.
    """

    reason: Text
    category: str | None = None
    shared: bool | None = None
    experimental: bool | None = None
    upload_baseline_bytes: Baseline | None = None
    risk: Score | None = None
    attributes: dict[str, Attribute] = {}


class Amendment(Strict):
    """A file of an overlay in place of an entry, which changes it without copying it."""

    retire: Retirement | None = None
    reclassify: Reclassification | None = None

    @model_validator(mode="after")
    def _either(self) -> Amendment:
        if (self.retire is None) == (self.reclassify is None):
            raise ValueError("an amendment either retires an entry or reclassifies it")
        return self


class Word(Strict):
    """A term of the vocabulary and its meaning."""

    meaning: Text


class AccessWord(Word):
    """An access class: its role if the host is not shared, and the bytes that a visit sends without a
    prompt."""

    role: Literal["use", "support"]
    upload_baseline_bytes: Annotated[int, Field(ge=0)]


class CertaintyWord(Word):
    """How an indicator is known, and the confidence of a hit on it."""

    confidence: Annotated[float, Field(gt=0, le=1)]


class AttributeWord(Word):
    """A kind of fact about services, and the form of its value."""

    type: Literal["bool", "text", "texts", "host", "hosts"]

    def complaint(self, value: bool | str | tuple[str, ...]) -> str | None:
        """What is wrong with `value`; None if it is valid."""
        fits = {
            "bool": isinstance(value, bool),
            "text": isinstance(value, str),
            "texts": isinstance(value, tuple),
            "host": isinstance(value, str) and (is_host(value) or is_pattern(value)),
            "hosts": isinstance(value, tuple) and all(is_host(v) or is_pattern(v) for v in value),
        }
        return None if fits[self.type] else f"is not of type {self.type}"


class Vocabulary(Strict):
    """`categories.yml`: all terms that an entry may use."""

    category: dict[str, Word]
    attribute: dict[str, AttributeWord]
    access: dict[str, AccessWord]
    role: dict[str, Word]
    kind: dict[str, Word]
    certainty: dict[str, CertaintyWord]
    #: first label of a host below a vendor's own domain → its access class; see `doors`
    door: dict[str, str] = {}

    @model_validator(mode="after")
    def _agrees_with_the_code(self) -> Vocabulary:
        kinds = (*KINDS, PORT_PATH, SOFTWARE, LABEL)
        if set(self.kind) != set(kinds):
            raise ValueError(f"kind must list exactly {', '.join(kinds)}")
        if set(self.role) != {"use", "embedded", "support"}:
            raise ValueError("role must list exactly use, embedded, support")
        if strange := set(self.door.values()) - set(self.access):
            raise ValueError(f"door leads to {', '.join(sorted(strange))}, which access does not list")
        return self


def is_host(text: str) -> bool:
    """True for a lower-case host name of at least two labels (A-labels, no trailing dot)."""
    return _HOST.fullmatch(text) is not None


def is_pattern(text: str) -> bool:
    """True for a host name with `*` in it and at least two whole labels after the last one."""
    labels = text.split(".")
    return (
        "*" in text
        and all(_PATTERN_LABEL.fullmatch(label) and "**" not in label for label in labels)
        and len(labels) >= 3
        and "*" not in "".join(labels[-2:])
    )


def _complaint(indicator: Indicator) -> str | None:
    """What is wrong with the form of the indicator's value; None if it is valid."""
    form = _FORMS.get(indicator.kind)
    return None if form is None or form[0](indicator.value) else f"'{indicator.value}' {form[1]}"


def _is_url(text: str) -> bool:
    host, slash, path = text.partition("/")
    return bool(slash and path) and (is_host(host) or is_pattern(host)) and not re.search(r"[?#\s]", path)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


_HOST_FORM = "is not a lower-case domain of two labels or more (no leading or final dot, no port, A-labels)"
_URL_FORM = "is not host/path without scheme, query or port, such as example.com/chat"
_FORMS: dict[str, tuple[Callable[[str], bool], str]] = {
    "domain": (is_host, _HOST_FORM),
    "suffix": (is_host, _HOST_FORM),
    "pattern": (is_pattern, "needs '*' and two whole labels after the last '*'"),
    "url": (_is_url, _URL_FORM),
    "address": (_is_network, "is not a network such as 192.0.2.0/24"),
}
