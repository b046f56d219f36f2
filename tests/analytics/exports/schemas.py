"""What public schemas say of the fields we write: a table each.

`faults` checks a record against one: every field must be in the table and of its type, every required one
there. Only the fields we write stand here; a new one needs a new line, looked up first.

OCSF 1.3.0: network_activity, http_activity, dns_activity, detection_finding and their objects. Events and
    findings of the demo were also held against the JSON schemas that the package ocsf-json-schema 1.2.0 makes
    of 1.3.0 (with constraints, enums, captions; unknown fields are errors).
ECS 8.11: names, types, arrays, allowed values and the event types expected of a category, from the field
    table in the package @elastic/ecs 8.11.5; the allowed values also from generated/ecs/ecs_flat.yml of
    elastic/ecs. Exports of the demo were held against the whole of that table.
STIX 2.1: docs.oasis-open.org/cti/stix/v2.1/os (3.2 common properties, 4.17 Tool, 5.2 Sighting). Exports of
    the demo are valid for stix2-validator 3.3.2, which only warns (103) that identifiers are UUIDv5: they
    are, so that the same rows give the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any], bool]


def one_of(*allowed: Any) -> Check:
    return lambda value: value in allowed and type(value) is type(allowed[0])


def matching(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def whole(least: int, most: int = 2**63 - 1) -> Check:
    return lambda value: type(value) is int and least <= value <= most


TEXT = matching(r"(?s).+")
PORT = whole(0, 65_535)
ADDRESS = matching(r"[0-9a-f.:]+")
HOST = matching(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
MILLISECONDS = whole(1_000_000_000_000, 9_999_999_999_999)


def anything(value: Any) -> bool:
    """For objects whose inner fields a schema leaves open: `unmapped`, `labels`."""
    return isinstance(value, (str, int, float, bool))


@dataclass(frozen=True)
class Schema:
    """Fields by dotted path (`.*` for any inner name, lists by their items), and which must be there."""

    fields: Mapping[str, Check]
    required: frozenset[str]
    #: of each group at least one
    some_of: tuple[frozenset[str], ...] = ()


def faults(record: Mapping[str, Any], schema: Schema) -> list[str]:
    """What is wrong with a record; empty if nothing is."""
    flat = list(_flat(record))
    parts = [path.split(".") for path, _ in flat]
    paths = {".".join(names[:n]) for names in parts for n in range(1, len(names) + 1)}
    found = [f"missing: {path}" for path in sorted(schema.required - paths)]
    found += [f"none of {sorted(group)}" for group in schema.some_of if not group & paths]
    for path, value in flat:
        check = schema.fields.get(path) or schema.fields.get(f"{path.rpartition('.')[0]}.*")
        if check is None:
            found.append(f"no such field: {path}")
        elif not check(value):
            found.append(f"{path}: {value!r}")
    return found


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _flat(inner, path)
    else:
        yield path, value


_OCSF_BASE: dict[str, Check] = {
    "severity_id": one_of(0, 1, 2, 3, 4, 5, 6, 99), "time": MILLISECONDS, "metadata.version": one_of("1.3.0"),
    "metadata.product.name": TEXT, "metadata.product.vendor_name": TEXT, "unmapped.*": anything,
    "start_time": MILLISECONDS, "end_time": MILLISECONDS, "count": whole(1),
}  # fmt: skip
_OCSF_REQUIRED = frozenset(
    {"activity_id", "category_uid", "class_uid", "type_uid", "severity_id", "time", "metadata"}
) | {"metadata.version", "metadata.product", "metadata.product.vendor_name"}

#: What the three network classes have in common.
_OCSF_NETWORK: dict[str, Check] = _OCSF_BASE | {
    "category_uid": one_of(4),
    "src_endpoint.ip": ADDRESS, "src_endpoint.uid": TEXT, "src_endpoint.port": PORT,
    "src_endpoint.owner.name": TEXT,
    "dst_endpoint.ip": ADDRESS, "dst_endpoint.uid": TEXT, "dst_endpoint.hostname": HOST,
    "dst_endpoint.svc_name": TEXT, "dst_endpoint.port": PORT,
    "connection_info.direction_id": one_of(0, 1, 2, 3, 99), "connection_info.protocol_name": TEXT,
    "traffic.bytes_in": whole(0), "traffic.bytes_out": whole(0),
    # of the profile security_control
    "metadata.profiles": one_of("security_control"),
    "action_id": one_of(0, 1, 2, 99), "disposition_id": whole(0, 27),
}  # fmt: skip
_NAMED = frozenset(f"dst_endpoint.{name}" for name in ("ip", "uid", "hostname", "svc_name"))
_OCSF_NETWORK_REQUIRED = _OCSF_REQUIRED | {"connection_info.direction_id"}
#: Class to its schema.
OCSF_EVENTS = {
    4001: Schema(
        _OCSF_NETWORK
        | {
            "class_uid": one_of(4001), "type_uid": whole(400_100, 400_199),
            "activity_id": one_of(0, 1, 2, 3, 4, 5, 6, 7, 99),
        },
        _OCSF_NETWORK_REQUIRED | {"dst_endpoint"},
        (_NAMED,),
    ),
    4002: Schema(
        _OCSF_NETWORK
        | {
            "class_uid": one_of(4002), "type_uid": whole(400_200, 400_299),
            "activity_id": one_of(0, 1, 2, 3, 4, 5, 6, 7, 8, 99), "activity_name": TEXT,
            "http_request.http_method": matching("[A-Z]+"), "http_request.user_agent": TEXT,
            "http_request.url.hostname": HOST, "http_request.url.path": TEXT,
            "http_response.code": whole(100, 999),
        },
        _OCSF_NETWORK_REQUIRED | {"dst_endpoint", "http_request", "http_response", "http_response.code"},
        (_NAMED,),
    ),
    4003: Schema(
        _OCSF_NETWORK
        | {
            "class_uid": one_of(4003), "type_uid": whole(400_300, 400_399),
            "activity_id": one_of(0, 1, 2, 6, 99), "query.hostname": HOST,
        },
        _OCSF_NETWORK_REQUIRED | {"query.hostname"},
    ),
}  # fmt: skip
OCSF_DETECTION_FINDING = Schema(
    _OCSF_BASE
    | {
        "category_uid": one_of(2), "class_uid": one_of(2004), "activity_id": one_of(0, 1, 2, 3, 99),
        "type_uid": whole(200_400, 200_499), "status_id": one_of(0, 1, 2, 3, 4, 99),
        # the caption of its id, or a word of ours with 99
        "status": one_of("New", "Suppressed", "Resolved", "not evaluable"),
        "finding_info.uid": TEXT, "finding_info.title": TEXT, "finding_info.desc": TEXT,
        "finding_info.first_seen_time": MILLISECONDS, "finding_info.last_seen_time": MILLISECONDS,
        "finding_info.analytic.name": TEXT, "finding_info.analytic.type_id": one_of(0, 1, 2, 3, 4, 99),
        "remediation.desc": TEXT,
    },
    _OCSF_REQUIRED | {"finding_info.uid", "finding_info.title", "finding_info.analytic.type_id"},
    (frozenset({"finding_info.analytic.name", "finding_info.analytic.uid"}),),
)  # fmt: skip

_DATE = matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
#: Category to the types expected of it.
ECS_TYPES = {
    "network": {"access", "allowed", "connection", "denied", "end", "info", "protocol", "start"},
    "web": {"access", "error", "info"},
}
ECS = Schema(
    {
        "@timestamp": _DATE, "ecs.version": one_of("8.11.0"), "message": TEXT, "labels.*": TEXT,
        "observer.product": TEXT, "observer.name": TEXT,
        # "signal" is reserved for Elastic's own
        "event.kind": one_of("alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error"),
        "event.category": one_of(*ECS_TYPES), "event.type": one_of(*set().union(*ECS_TYPES.values())),
        "event.id": TEXT,
        "event.start": _DATE, "event.end": _DATE, "event.duration": whole(0), "event.severity": whole(0),
        "source.address": TEXT, "source.ip": ADDRESS, "source.port": PORT, "source.bytes": whole(0),
        "source.user.name": TEXT, "dns.type": one_of("query", "answer"), "dns.question.name": TEXT,
        "http.request.method": TEXT, "http.response.status_code": whole(100), "url.domain": TEXT,
        "url.path": TEXT,
        "user_agent.name": TEXT, "network.protocol": matching("[a-z]+"),
        "network.direction": one_of(
            "ingress", "egress", "inbound", "outbound", "internal", "external", "unknown"
        ),
        "destination.address": TEXT, "destination.domain": TEXT, "destination.ip": ADDRESS,
        "destination.port": PORT,
        "destination.bytes": whole(0), "network.transport": TEXT, "network.application": matching("[^A-Z]+"),
        "rule.name": TEXT, "rule.description": TEXT, "rule.version": TEXT,
    },
    frozenset({"@timestamp", "ecs.version", "event.kind"}),
)  # fmt: skip

_STAMP = matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_UUID = r"--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_STIX: dict[str, Check] = {"spec_version": one_of("2.1"), "created": _STAMP, "modified": _STAMP}
_STIX_REQUIRED = frozenset({"type", "spec_version", "id", "created", "modified"})
STIX = {
    "tool": Schema(
        _STIX | {"type": one_of("tool"), "id": matching(f"tool{_UUID}"), "name": TEXT},
        _STIX_REQUIRED | {"name"},
    ),
    "sighting": Schema(
        _STIX
        | {
            "type": one_of("sighting"), "id": matching(f"sighting{_UUID}"), "description": TEXT,
            "first_seen": _STAMP, "last_seen": _STAMP, "count": whole(0, 999_999_999),
            "sighting_of_ref": matching(f"[a-z-]+{_UUID}"),
        },
        _STIX_REQUIRED | {"sighting_of_ref"},
    ),
}  # fmt: skip
