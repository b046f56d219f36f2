"""Writes the catalog in the formats of other tools, as text. Pure.

CSV and JSON contain everything, including roles. The formats that other tools act on (hosts, STIX, Zeek
Intel, Suricata) only contain use: no shared hosts, no side doors, no unproven entries. What a format cannot
express (a pattern in a hosts file) is left out, and counted in its first lines.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from sensor.catalog.doors import CONVENTION
from sensor.catalog.load import Catalog
from sensor.match.index import pattern_expression

#: Namespace of the STIX identifiers, so that an indicator keeps its own from release to release.
NAMESPACE = uuid.UUID("6f0c8a2e-5c1b-5d0c-9c55-7d3f4d1a8b21")
#: Suricata's local range ends at 4294967295; rules of public sets stay below this.
FIRST_SID, SIDS = 3_000_000_000, 1_000_000_000
_NAMES = ("domain", "suffix", "pattern")


def as_csv(catalog: Catalog) -> Iterator[str]:
    """One line per indicator, with its service, vendor, category, country and risk."""
    columns = ("app", "service", "vendor", "category", "country", "experimental", "risk_low", "risk_high")
    about = catalog.services.select(columns)
    yield catalog.indicators.join(about, on="app", how="left", maintain_order="left").write_csv()


def as_json(catalog: Catalog) -> Iterator[str]:
    """One object: version, services (with their attributes) and indicators."""
    known: dict[str, dict[str, Any]] = {}
    for row in catalog.attributes.iter_rows(named=True):
        known.setdefault(row.pop("app"), {})[row.pop("attribute")] = row
    services = [{**row, "attributes": known.get(row["app"], {})} for row in catalog.services.to_dicts()]
    document = {
        "version": catalog.version,
        "services": services,
        "indicators": catalog.indicators.to_dicts(),
    }
    yield json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n"


def as_hosts(catalog: Catalog) -> Iterator[str]:
    """A hosts file that blocks every host and domain; a hosts file knows no subdomains."""
    rows = acted_on(catalog)
    names = rows.filter(pl.col("kind").is_in(["domain", "suffix"]))
    yield f"# AI services, signatures {catalog.version}; {_left_out(rows, names)}\n"
    yield "# a domain stands for itself only: a hosts file cannot name what is below it\n"
    for name in names["value"].unique().sort():
        yield f"0.0.0.0 {name}\n:: {name}\n"  # a resolver asks for IPv6 apart


def as_stix(catalog: Catalog) -> Iterator[str]:
    """A STIX 2.1 bundle of indicators (OASIS STIX 2.1, section 4.7)."""
    found = [_stix(row) for row in acted_on(catalog).iter_rows(named=True)]
    bundle = {
        "type": "bundle",
        "id": f"bundle--{uuid.uuid5(NAMESPACE, catalog.version)}",
        "objects": [indicator for indicator in found if indicator],
    }
    yield json.dumps(bundle, ensure_ascii=False, indent=1) + "\n"


def as_zeek_intel(catalog: Catalog) -> Iterator[str]:
    """A file of Zeek's Intelligence Framework; its domains and URLs match as a whole only.

    So beginnings of paths cannot be expressed, and a domain does not include its subdomains.
    """
    types = {"domain": "Intel::DOMAIN", "suffix": "Intel::DOMAIN", "address": "Intel::SUBNET"}
    rows = acted_on(catalog)
    expressible = rows.filter(pl.col("kind").is_in(list(types))).unique(
        ["kind", "value"], keep="first", maintain_order=True
    )
    yield f"# AI services, signatures {catalog.version}; {_left_out(rows, expressible)}\n"
    yield "# a domain stands for itself only: Intel::DOMAIN matches whole names\n"
    yield "\t".join(("#fields", "indicator", "indicator_type", "meta.source", "meta.desc", "meta.url")) + "\n"
    for row in expressible.iter_rows(named=True):
        about = (f"{row['service']}, {row['access']}", row["reference"])
        cells = (row["value"], types[row["kind"]], f"shadow-ai-sensor {row['app']}", *about)
        yield "\t".join(re.sub(r"[\t\r\n]+", " ", cell) or "-" for cell in cells) + "\n"


def as_suricata(catalog: Catalog) -> Iterator[str]:
    """Suricata rules on tls.sni and dns.query; an indicator keeps its sid from release to release."""
    rows = acted_on(catalog)
    names = rows.filter(pl.col("kind").is_in(_NAMES)).with_columns(verify=pattern_expression("value"))
    yield f"# AI services, signatures {catalog.version}; {_left_out(rows, names)}\n"
    taken: set[int] = set()
    for row in names.iter_rows(named=True):
        for protocol, buffer in (("tls", "tls.sni"), ("dns", "dns.query")):
            sid = _sid(f"{row['signature']} {buffer}", taken)
            yield (
                f"alert {protocol} $HOME_NET any -> any any "
                f'(msg:"AI service {_quoted(row["service"])} ({row["access"]})"; {buffer}; '
                f"{_content(row)} reference:url,{_bare(row['reference'])}; "
                f"classtype:policy-violation; metadata:app {row['app']}, category {row['category']}; "
                f"sid:{sid}; rev:1;)\n"
            )


FORMATS: dict[str, Callable[[Catalog], Iterator[str]]] = {
    "csv": as_csv,
    "json": as_json,
    "hosts": as_hosts,
    "stix": as_stix,
    "zeek-intel": as_zeek_intel,
    "suricata": as_suricata,
}


def acted_on(catalog: Catalog) -> pl.DataFrame:
    """The indicators of proven use on hosts that serve nothing else, with service, vendor and category.

    Without hosts that are only known by convention.
    """
    about = catalog.services.filter(~pl.col("experimental")).select("app", "service", "vendor", "category")
    use = catalog.indicators.filter(pl.col("role") == "use", pl.col("certainty") != CONVENTION)
    return use.join(about, on="app", maintain_order="left")


def _left_out(rows: pl.DataFrame, expressible: pl.DataFrame) -> str:
    return f"{expressible.height} of {rows.height} indicators can be said in this format"


def _stix(row: dict[str, Any]) -> dict[str, Any] | None:
    """A STIX indicator, or None where STIX has no object for its kind."""
    pattern = _stix_pattern(row["kind"], row["value"])
    if pattern is None:
        return None
    day = f"{row['checked']:%Y-%m-%d}T00:00:00.000Z"
    reference = row["reference"]
    link = {"url": reference} if reference.startswith("http") else {"description": reference}
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid5(NAMESPACE, row['signature'])}",
        "created": day,
        "modified": day,
        "name": f"{row['service']}: {row['value']}",
        "description": f"{row['app']}, {row['access']}; known by {row['certainty']}",
        "indicator_types": ["unknown"],
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": day,
        "labels": ["generative-ai", row["category"], row["access"]],
        "confidence": round(row["confidence"] * 100),
        "external_references": [{"source_name": "evidence", **link}],
    }


def _stix_pattern(kind: str, value: str) -> str | None:
    match kind:
        case "domain":
            return f"[domain-name:value = {_literal(value)}]"
        case "suffix":
            return f"[domain-name:value = {_literal(value)} OR domain-name:value {_like('*.' + value)}]"
        case "pattern":
            return f"[domain-name:value {_like(value)}]"
        case "url":
            return f"[url:value {_like(f'http*://{value}*')}]"
        case "address":
            return f"[{'ipv6' if ':' in value else 'ipv4'}-addr:value ISSUBSET {_literal(value)}]"
        case "user_agent":
            header = "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"
            return f"[{header} {_like(f'*{value}*')}]"
        case _:
            return None


def _like(text: str) -> str:
    """A comparison in which `*` stands for anything. LIKE has no escape for its own `_` and `%`."""
    if re.search("[_%]", text):
        return f"MATCHES {_literal('^' + '.*'.join(re.escape(part) for part in text.split('*')) + '$')}"
    return f"LIKE {_literal(text.replace('*', '%'))}"


def _literal(text: str) -> str:
    """A string of the pattern language: only backslash and quote are escaped (STIX 2.1, section 9.3)."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _content(row: dict[str, Any]) -> str:
    """The part of a rule that compares the name."""
    value = row["value"]
    if row["kind"] == "suffix":
        return f'dotprefix; content:".{value}"; nocase; endswith;'
    if row["kind"] == "domain":
        return f'content:"{value}"; nocase; startswith; endswith;'
    longest = max(value.split("*"), key=len)
    expression = row["verify"].replace("/", "\\/").replace(";", "\\;").replace('"', '\\"')
    return f'content:"{longest}"; nocase; pcre:"/{expression}/i";'


def _sid(name: str, taken: set[int]) -> int:
    """A rule number made from its name; in the rare case that two names agree, the next free one."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % SIDS
    while number in taken:
        number = (number + 1) % SIDS
    taken.add(number)
    return FIRST_SID + number


def _quoted(text: str) -> str:
    return re.sub(r'[\\";:|]', " ", text)


def _bare(reference: str) -> str:
    """A reference as Suricata wants it: no scheme, no spaces, no semicolons."""
    return re.sub(r"[\s;,\"\\]+", "_", re.sub(r"^https?://", "", reference))
