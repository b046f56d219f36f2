"""Which indicator wins for one name, URL, User-Agent or address, why, and what lost. Pure."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from sensor import schema
from sensor.match.hostname import normal
from sensor.match.index import Index
from sensor.match.match import match

_WHY = {
    "url": "a host with a path is the most specific",
    "domain": "an exact host name beats every suffix and pattern",
    "suffix": "the suffix with the most labels wins",
    "pattern": "the pattern with the most labels and literal characters wins",
    "user_agent": "the product names itself in the User-Agent; alone that is no use",
    "address": "no name is known, and the vendor serves from this network",
}


@dataclass(frozen=True)
class Candidate:
    """One indicator that fits."""

    signature: str
    access: str
    role: str
    certainty: str
    reference: str
    checked: datetime.date


@dataclass(frozen=True)
class Explanation:
    """What a question resolves to: the winner with its evidence (None: no hit), the losers best first."""

    question: str
    app: str | None
    signature: str | None
    access: str | None
    role: str | None
    confidence: float | None
    why: str
    winner: Candidate | None
    lost: tuple[Candidate, ...]


def explain(index: Index, question: str) -> Explanation:
    """What `question` (host, URL, address or User-Agent) hits in the catalog, and why."""
    event = event_of(question)
    hits = match(observation(**event), index)
    fitting = _fitting(index, event)
    if hits.is_empty():
        why = "no indicator fits" if not fitting else "the indicators of this host ask for another path"
        return Explanation(question, None, None, None, None, None, why, None, tuple(fitting))
    hit = hits.row(0, named=True)
    winner = next((c for c in fitting if c.signature == hit["signature"]), None)
    kind = hit["signature"].split("#", 1)[1].split(":", 1)[0]
    return Explanation(
        question=question,
        app=hit["app"],
        signature=hit["signature"],
        access=hit["access"],
        role=hit["role"],
        confidence=round(hit["confidence"], 3),
        why=_WHY.get(kind, kind),
        winner=winner,
        lost=tuple(candidate for candidate in fitting if candidate != winner),
    )


def event_of(question: str) -> dict[str, str]:
    """`question` as the fields of an observation: host, path, server or user_agent."""
    text = question.strip()
    if "://" in text:
        return url_event(text)
    try:
        return {"server": str(ipaddress.ip_address(text.strip("[]")))}
    except ValueError:
        pass
    host, slash, path = text.partition("/")
    is_agent = " " in text or "." not in host or (bool(slash) and host != host.lower())
    if is_agent:
        return {"user_agent": text}
    return {"host": host, "path": f"/{path}"} if path else {"host": host}


def url_event(url: str) -> dict[str, str]:
    """Host and path of an absolute URL; no query, as in every observation."""
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that hold no address
        return {"host": url}
    return {"host": parts.hostname or "", "path": parts.path or "/"}


def observation(**fields: str) -> pl.DataFrame:
    """One observation with these text columns, all others NULL."""
    frame = pl.DataFrame({name: [value] for name, value in fields.items()})
    return schema.OBSERVATIONS.conform(frame)


def _fitting(index: Index, event: dict[str, Any]) -> list[Candidate]:
    """Every indicator that fits a field of `event`, most specific first."""
    rows: list[int] = []
    if "host" in event:
        host = normal(pl.Series([event["host"]]))
        rows += index.candidates(host).sort("specificity", descending=True)["row"].to_list()
    if "user_agent" in event:
        rows += index.by_agent(pl.Series([event["user_agent"]]))["agent_row"].to_list()
    if "server" in event:
        rows += index.by_address(pl.Series([event["server"]]))["address_row"].to_list()
    return [_candidate(index.rows.row(row, named=True)) for row in rows]


def _candidate(row: dict[str, Any]) -> Candidate:
    names = ("signature", "access", "role", "certainty", "reference", "checked")
    return Candidate(**{name: row[name] for name in names})
