"""CycloneDX 1.6 (ECMA-424): the inventory of AI assets as a machine-learning bill of materials.

One JSON document. AI servers and MCP servers are `services`, models pulled from hubs `components` of type
machine-learning-model, keys seen in the clear of type data, hosts of agents of type device. Of a model only
its hub and volume were seen: what was not seen is left out, and what was seen is in `properties`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from analytics.exports.records import Row
from analytics.exports.records.row import PRODUCT, without_empty

SPEC = "1.6"
#: What the rows are of.
OF = ("assets",)
_NAMESPACE = uuid.UUID("6a0d7c7e-93cd-5cc3-9b43-5d6f0e1f7a10")
_SERVICES = ("server", "mcp_server")
_TYPES = {"model_pull": "machine-learning-model", "key": "data", "agent_host": "device"}
_PROPERTIES = (
    "kind", "asset", "site", "scope", "app", "name", "tools", "first_seen", "last_seen", "days_seen",
    "clients", "owner", "status", "change", "week", "assets", "exposed", "unauthenticated", "cleartext",
    "people_at_least",
)  # fmt: skip


def write(rows: Iterable[Row], what: str) -> Iterator[str]:
    """The document, as pieces of text. The same rows give the same serial number."""
    services: list[dict[str, Any]] = []
    components: list[dict[str, Any]] = []
    for row in rows:
        of = services if row["kind"] in _SERVICES else components
        of.append(without_empty(_entry(row)))
    body = {"services": services, "components": components}
    serial = uuid.uuid5(_NAMESPACE, json.dumps(body, sort_keys=True))
    head = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"tools": {"components": [{"type": "application", "name": PRODUCT}]}},
    }
    yield json.dumps(head | body, ensure_ascii=False, indent=1) + "\n"


def _entry(row: Row) -> dict[str, Any]:
    key = " ".join(str(row.get(name)) for name in ("kind", "week", "asset", "site", "app", "name"))
    entry: dict[str, Any] = {"bom-ref": str(uuid.uuid5(_NAMESPACE, key)), "name": _name(row)}
    if row["kind"] not in _SERVICES:
        entry["type"] = _TYPES.get(row["kind"], "data")
    elif row.get("scope") in ("internal", "external"):
        entry["x-trust-boundary"] = row["scope"] == "external"
    properties = {name: row[name] for name in _PROPERTIES if row.get(name) is not None}
    return entry | {"properties": [{"name": f"shadowai:{n}", "value": str(v)} for n, v in properties.items()]}


def _name(row: Row) -> str:
    own = row.get("name") if row["kind"] in ("mcp_server", "key") else None
    return str(own or row.get("service") or row["kind"])
