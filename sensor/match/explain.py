"""Explains which indicator wins for a name, URL, User-Agent, address, add-on or JA4, and which ones lose."""

from __future__ import annotations

import datetime
import ipaddress
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from sensor import schema
from sensor.match.hostname import normal
from sensor.match.index import Index
from sensor.match.match import match

_ADD_ON = re.compile(r"[a-p]{32}")
_JA4 = re.compile(r"[tqd][0-9s]{2}[di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}")
#: As in the log of a proxy: a host and a port, maybe a path.
_WITH_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s/:]+):\d{1,5}(/\S*)?")
_PORTS = {"http": 80, "https": 443}
_WHY = {
    "url": "a host with a path is the most specific",
    "domain": "an exact host name beats every suffix and pattern",
    "suffix": "the suffix with the most labels wins",
    "pattern": "the pattern with the most labels and literal characters wins",
    "user_agent": "the product names itself in the User-Agent; alone that is no use",
    "address": "no name is known, and the vendor serves from this network",
    "software": "nothing knows the host, and its answers say that it runs this",
    "label": "nothing knows the host, and a word of its first label tells: a reason to look, no use",
    "port": "nothing knows the host, and self-hosted software answers this path on this port",
    "extension_id": "a browser add-on by its id",
}
_BY_CONVENTION = "nobody listed this host; its first label says what it opens on the vendor's own domain"
_BY_PATH = "nothing knows the host, and its path tells: a reason to look, no use"
_SIDE_DOOR = (
    "nobody listed it; its first label or the first part of its path says that it is a side door, no use"
)


@dataclass(frozen=True)
class Candidate:
    """An indicator that matches the question."""

    signature: str
    access: str
    role: str
    certainty: str
    reference: str
    checked: datetime.date


@dataclass(frozen=True)
class Explanation:
    """The winner for a question (None if nothing matches), and the indicators that lost, best first."""

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
    """Explains which indicators match `question`: a host, URL, address, JA4 fingerprint or User-Agent."""
    event = event_of(question)
    hits = match(observation(**event), index)
    fitting = _fitting(index, event)
    if hits.is_empty():
        why = _why_not(event, fitting)
        return Explanation(question, None, None, None, None, None, why, None, tuple(fitting))
    hit = hits.row(0, named=True)
    winner = next((c for c in fitting if c.signature == hit["signature"]), None)
    why = _WHY[hit["signature"].split("#", 1)[1].split(":", 1)[0]]
    if winner and winner.certainty == "convention":
        why = _BY_CONVENTION
    elif hit["name_from"] == "path" and hit["role"] != "use":
        why = _BY_PATH
    elif winner and winner.role != hit["role"] and "host" in event:
        why = _SIDE_DOOR
    return Explanation(
        question=question,
        app=hit["app"],
        signature=hit["signature"],
        access=hit["access"],
        role=hit["role"],
        confidence=round(hit["confidence"], 3),
        why=why,
        winner=winner,
        lost=tuple(candidate for candidate in fitting if candidate != winner),
    )


def event_of(question: str) -> dict[str, str | int]:
    """Parses `question` into fields of an observation: host, path, server_port, server, ja4 or user_agent."""
    text = question.strip()
    if _JA4.fullmatch(text):
        return {"ja4": text}
    if _ADD_ON.fullmatch(text):
        return {"host": text}
    if "://" in text:
        return url_event(text)
    try:
        address = ipaddress.ip_address(text.strip("[]"))
        # ::ffff:192.0.2.1 is stored as 192.0.2.1
        return {"server": str(getattr(address, "ipv4_mapped", None) or address)}
    except ValueError:
        pass
    if _WITH_PORT.fullmatch(text):
        return url_event(f"//{text}")
    host, slash, path = text.partition("/")
    is_agent = " " in text or "." not in host or (bool(slash) and host != host.lower())
    if is_agent:
        return {"user_agent": text}
    return {"host": host, "path": f"/{path}"} if path else {"host": host}


def url_event(url: str) -> dict[str, str | int]:
    """Host, port and path of an absolute URL, without the query, as in every observation."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:  # brackets without an address, or a port above 65535
        return {"host": url}
    event: dict[str, str | int] = {"host": parts.hostname or "", "path": parts.path or "/"}
    return event if port is None else {**event, "server_port": port}


def observation(**fields: str | int) -> pl.DataFrame:
    """A frame of one observation with these columns; all others are NULL."""
    frame = pl.DataFrame({name: [value] for name, value in fields.items()})
    return schema.OBSERVATIONS.conform(frame)


def _why_not(event: dict[str, str | int], fitting: list[Candidate]) -> str:
    if "ja4" in event and fitting:
        return "a fingerprint only strengthens a hit by name"
    return "the indicators of this host ask for another path" if fitting else "no indicator fits"


def _fitting(index: Index, event: dict[str, Any]) -> list[Candidate]:
    """Every indicator that matches a field of `event`, most specific first."""
    rows: list[int] = []
    if "host" in event:
        host = normal(pl.Series([event["host"]]))
        rows += index.candidates(host).sort("specificity", descending=True)["row"].to_list()
        rows += index.by_label(host)["label_row"].to_list()
    if "user_agent" in event:
        rows += index.by_agent(pl.Series([event["user_agent"]]))["agent_row"].to_list()
    if "server" in event:
        rows += index.by_address(pl.Series([event["server"]]))["address_row"].to_list()
    if "server_port" in event:
        request = pl.DataFrame({name: [event[name]] for name in ("server_port", "path")})
        rows += index.by_port(request)["port_row"].to_list()
    if "ja4" in event:
        of_kind = (pl.col("kind") == "ja4") & (pl.col("value") == event["ja4"])
        rows += index.rows.filter(of_kind)["row"].to_list()
    return [_candidate(index.rows.row(row, named=True)) for row in rows]


def _candidate(row: dict[str, Any]) -> Candidate:
    names = ("signature", "access", "role", "certainty", "reference", "checked")
    return Candidate(**{name: row[name] for name in names})
