"""What a catalog file may hold; an unknown field is an error, so a typing mistake never passes silently.

Three kinds of file: `categories.yml` (`Vocabulary`), `vendors/<vendor>/vendor.yml` (`Vendor`) and
`vendors/<vendor>/<service>.yml` (`Service`). The models check form; whether words are in the
vocabulary and entries agree with each other is checked in `load` and `checks`.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Indicator kinds, in the order in which a table lists them. `port` (with path or marker) belongs to
#: self-hosted servers and `extension_id` to browser inventories: neither is read off a host name.
KINDS = (
    "domain", "suffix", "pattern", "url", "user_agent", "address", "ja4", "extension_id", "port",
)  # fmt: skip

ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})+")
_PATTERN_LABEL = re.compile(r"[a-z0-9_*-]{1,63}")

Text = Annotated[str, Field(min_length=1, max_length=500)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Role = Literal["use", "embedded", "support"]


class Strict(BaseModel):
    """Base of every model: immutable, and no field it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Indicator(Strict):
    """One thing that gives a service away: exactly one kind, what it opens, and how we know.

    `shared` says that the same host also serves other things (a hit is then "embedded AI possible",
    never use). `access` is the door: a web page, an API, a coding tool, or a side door (telemetry,
    auth, CDN) that says nothing about use.
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
    extension_id: Annotated[str, Field(pattern=r"^[a-p]{32}$")] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    path: Annotated[str, Field(pattern=r"^/")] | None = None
    marker: Text | None = None
    access: str
    shared: bool = False
    certainty: str
    reference: Annotated[str, Field(min_length=5, max_length=300)]
    checked: datetime.date

    @property
    def kind(self) -> str:
        """Which kind of indicator this is, a word of `KINDS`."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def value(self) -> str:
        """What it looks for, as text."""
        value = str(getattr(self, self.kind))
        return f"{value}{self.path or ''}" if self.kind == "port" else value

    @model_validator(mode="after")
    def _one_kind_well_formed(self) -> Indicator:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"an indicator has exactly one kind, not {' and '.join(given) or 'none'}")
        complaint = _complaint(self)
        if complaint:
            raise ValueError(complaint)
        return self


class Dated(Strict):
    """A yes or no about a service that somebody can check: the source and the day it was read."""

    value: bool
    reference: Text
    checked: datetime.date


class Event(Strict):
    """A tiny event that proves an entry: what a sensor might see, one field per column."""

    host: Text | None = None
    url: Text | None = None
    cname: Text | None = None
    user_agent: Text | None = None
    server: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Event:
        if not self.model_fields_set:
            raise ValueError("an event needs a host, url, cname, user_agent or server")
        if self.url is not None and not re.match(r"https?://[^/]+/", self.url):
            raise ValueError("url in an event is absolute, with a path")
        return self


class Vendor(Strict):
    """Who stands behind services: the legal home decides which law a question is about."""

    name: Text
    country: Country | None = None
    homepage: Annotated[str, Field(pattern=r"^https?://")]


class Service(Strict):
    """One service as its file describes it; `app` (the id) and `vendor` come from the path."""

    name: Text
    category: str
    homepage: Annotated[str, Field(pattern=r"^https?://")] | None = None
    experimental: bool = False
    upload_baseline_bytes: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    trains_by_default: Dated | None = None
    indicators: Annotated[tuple[Indicator, ...], Field(min_length=1, max_length=500)]
    hits: tuple[Event, ...] = ()
    misses: tuple[Event, ...] = ()


class Word(Strict):
    """A word of the vocabulary and what it means."""

    meaning: Text


class AccessWord(Word):
    """An access class: its role when the host is not shared, and what a visit sends without a prompt."""

    role: Literal["use", "support"]
    upload_baseline_bytes: Annotated[int, Field(ge=0)]


class CertaintyWord(Word):
    """How an indicator is known, and how far a hit on it is believed."""

    confidence: Annotated[float, Field(gt=0, le=1)]


class Vocabulary(Strict):
    """`categories.yml`: every word an entry may use."""

    category: dict[str, Word]
    access: dict[str, AccessWord]
    role: dict[str, Word]
    kind: dict[str, Word]
    certainty: dict[str, CertaintyWord]

    @model_validator(mode="after")
    def _agrees_with_the_code(self) -> Vocabulary:
        if set(self.kind) != set(KINDS):
            raise ValueError(f"kind must list exactly {', '.join(KINDS)}")
        if set(self.role) != {"use", "embedded", "support"}:
            raise ValueError("role must list exactly use, embedded, support")
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
    """What is wrong with the form of the indicator's value, or None."""
    check: dict[str, Any] = {
        "domain": (is_host, "is not a lower-case host name (no port, no final dot, A-labels)"),
        "suffix": (is_host, "is not a lower-case domain of two labels or more (no leading dot)"),
        "pattern": (is_pattern, "needs '*' and two whole labels after the last '*'"),
        "url": (_is_url, "is not host/path without scheme, query or port, such as example.com/chat"),
        "address": (_is_network, "is not a network such as 192.0.2.0/24"),
        "port": (lambda _: bool(indicator.path or indicator.marker), "needs a path or a marker beside it"),
    }
    test, message = check.get(indicator.kind, (lambda _: True, ""))
    return None if test(indicator.value) else f"'{indicator.value}' {message}"


def _is_url(text: str) -> bool:
    host, slash, path = text.partition("/")
    return bool(slash and path) and (is_host(host) or is_pattern(host)) and not re.search(r"[?#\s]", path)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
