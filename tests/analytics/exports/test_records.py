"""What single rows become in the formats of other tools: lookups, requests, blocks, directions, versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics.exports.records import formats
from tests.analytics.exports.schemas import ECS, ECS_TYPES, OCSF_DETECTION_FINDING, OCSF_EVENTS, STIX, faults

SIGHTING: dict[str, Any] = {
    "event_id": 7, "seen_at": datetime(2026, 11, 17, 9, tzinfo=UTC), "duration_s": 1.5, "sensor": "hq",
    "kind": "tls", "grade": 4, "action": "allowed", "client_scope": "internal", "server_scope": "external",
    "client": "10.0.0.7", "client_port": 50_000, "user_name": "u-token", "host": "chatgpt.com", "path": None,
    "method": None, "status": None, "user_agent": None, "server": "198.51.100.7", "server_port": 443,
    "transport": "tcp", "bytes_up": 4_000, "bytes_down": 9_000, "connections": 1, "lookups": 0,
    "app": "openai/chatgpt", "access": "web",
}  # fmt: skip
ROWS: dict[str, dict[str, Any]] = {
    "tls": {},
    "token": {"client": "a0-token", "server": None},
    "lookup": {"kind": "dns", "transport": "udp", "server": "10.0.0.1", "server_port": 53, "lookups": 3,
               "server_scope": "internal", "bytes_up": None, "bytes_down": None},
    "lookup without a resolver": {"kind": "dns", "server": None, "server_port": None, "server_scope": None},
    "request": {"kind": "http", "method": "POST", "status": 200, "path": "/v1", "user_agent": "curl/8"},
    "rare method": {"kind": "http", "method": "PATCH", "status": 204},
    "request without an answer": {"kind": "http", "method": "GET"},
    "blocked": {"kind": "proxy", "method": "CONNECT", "status": 403, "action": "blocked"},
    "reset": {"action": "reset"},
    "from outside": {"client_scope": "external", "server_scope": "internal", "host": None},
    "no name": {"host": "2001:db8::1"},
}  # fmt: skip
FINDING: dict[str, Any] = {
    "finding": "f1", "rule": "unsanctioned_use", "title": "Use", "severity": "high", "severity_rank": 3,
    "app": "openai/chatgpt", "scope": "all", "status": "open", "first_seen": date(2026, 11, 9),
    "last_seen": date(2026, 11, 9), "question": "Why?", "proposal": "Ask.", "owner": None, "due": None,
    "policy_version": "v1", "sessions": 6,
}  # fmt: skip


def written(form: str, row: Mapping[str, Any], what: str = "events") -> Any:
    return json.loads("".join(formats(what)[form]([row], what)))


@pytest.mark.parametrize("name", ROWS)
def test_every_kind_of_row_is_a_record_of_the_schema(name: str) -> None:
    row = SIGHTING | ROWS[name]
    ocsf, ecs = written("ocsf", row), written("ecs", row)
    assert faults(ocsf, OCSF_EVENTS[ocsf["class_uid"]]) == []
    assert ocsf["type_uid"] == ocsf["class_uid"] * 100 + ocsf["activity_id"]
    assert faults(ecs, ECS) == []
    expected = set().union(*(ECS_TYPES[category] for category in ecs["event"]["category"]))
    assert set(ecs["event"]["type"]) <= expected


def test_a_lookup_is_no_connection_to_the_service() -> None:
    row = SIGHTING | ROWS["lookup"]
    ocsf, ecs = written("ocsf", row), written("ecs", row)
    assert ocsf["class_uid"] == 4003 and ocsf["query"] == {"hostname": "chatgpt.com"} and ocsf["count"] == 3
    assert ocsf["dst_endpoint"] == {"ip": "10.0.0.1", "port": 53}
    assert ecs["dns"]["question"] == {"name": "chatgpt.com"} and "domain" not in ecs["destination"]
    assert "dst_endpoint" not in written("ocsf", SIGHTING | ROWS["lookup without a resolver"])


def test_a_request_says_what_was_asked_and_answered() -> None:
    ocsf = written("ocsf", SIGHTING | ROWS["request"])
    assert (ocsf["class_uid"], ocsf["activity_id"], ocsf["http_response"]) == (4002, 6, {"code": 200})
    assert written("ocsf", SIGHTING | ROWS["rare method"])["activity_name"] == "PATCH"
    ecs = written("ecs", SIGHTING | ROWS["request"])
    assert ecs["url"] == {"domain": "chatgpt.com", "path": "/v1"} and "status" not in ecs["labels"]


def test_what_was_blocked_is_denied() -> None:
    for name, disposition in (("blocked", 2), ("reset", 21)):
        ocsf, ecs = written("ocsf", SIGHTING | ROWS[name]), written("ecs", SIGHTING | ROWS[name])
        assert (ocsf["action_id"], ocsf["disposition_id"]) == (2, disposition)
        assert ocsf["metadata"]["profiles"] == ["security_control"]
        assert "denied" in ecs["event"]["type"]
    assert "action_id" not in written("ocsf", SIGHTING)


@pytest.mark.parametrize(
    ("scopes", "ocsf_id", "ecs_word"),
    [
        (("internal", "external"), 2, "outbound"),
        (("guest", "external"), 2, "outbound"),
        (("external", "internal"), 1, "inbound"),
        (("internal", "internal"), 3, "internal"),
        (("internal", "unknown"), 0, None),
        (("external", "external"), 0, None),
    ],
)
def test_the_direction_follows_from_who_is_inside(
    scopes: tuple[str, str], ocsf_id: int, ecs_word: str | None
) -> None:
    row = SIGHTING | dict(zip(("client_scope", "server_scope"), scopes, strict=True))
    assert written("ocsf", row)["connection_info"]["direction_id"] == ocsf_id
    assert written("ecs", row)["network"].get("direction") == ecs_word


@pytest.mark.parametrize("status", ["open", "accepted", "restricted", "resolved", "not evaluable"])
def test_the_status_of_a_finding_is_the_caption_of_its_id(status: str) -> None:
    record = written("ocsf", FINDING | {"status": status}, "findings")
    assert faults(record, OCSF_DETECTION_FINDING) == []
    captions = {1: "New", 3: "Suppressed", 4: "Resolved", 99: "not evaluable"}
    assert record["status"] == captions[record["status_id"]]
    assert record["unmapped"]["decision"] == status
    assert faults(written("ecs", FINDING | {"status": status}, "findings"), ECS) == []


def test_a_finding_seen_again_is_a_later_version_of_the_same_sighting() -> None:
    first = written("stix", FINDING, "findings")["objects"]
    again = written("stix", FINDING | {"last_seen": date(2026, 11, 16)}, "findings")["objects"]
    assert [faults(one, STIX[one["type"]]) for one in (*first, *again)] == [[]] * 4
    assert first[0] == again[0]
    (_, before), (_, after) = first, again
    assert (before["id"], before["created"]) == (after["id"], after["created"])
    assert before["modified"] < after["modified"]


def test_each_decision_and_its_end_is_a_later_version_of_the_same_sighting() -> None:
    noon, until = datetime(2026, 11, 16, 12, tzinfo=UTC), date(2026, 11, 20)
    accepted = FINDING | {"status": "accepted", "decided_at": noon, "valid_until": until}
    restricted = accepted | {"status": "restricted", "decided_at": noon + timedelta(hours=1)}  # the same day
    run_out = restricted | {"status": "open"}
    versions = [
        written("stix", row, "findings")["objects"][1] for row in (FINDING, accepted, restricted, run_out)
    ]
    stamps = [version["modified"] for version in versions]
    assert stamps == sorted(set(stamps)) and stamps[3] == "2026-11-21T00:00:00.000Z"
    assert len({version["last_seen"] for version in versions}) == 1


def test_a_running_week_ends_when_it_is_exported() -> None:
    """Dated on a Sunday to come, a finding of today was in no search of today."""
    wednesday = datetime(2026, 11, 11, 12, tzinfo=UTC)
    for row, what in (
        (FINDING, "findings"),
        ({"week": date(2026, 11, 9), "app": "a/chat", "grade": 3}, "events"),
    ):
        row = row | {"exported_at": wednesday}
        assert written("stix", row, what)["objects"][1]["last_seen"] == "2026-11-11T12:00:00.000Z"
        ecs, ocsf = written("ecs", row, what), written("ocsf", row, what)
        assert ecs["event"]["end"] == wednesday.isoformat() and ecs["@timestamp"] <= ecs["event"]["end"]
        assert ocsf["time"] <= wednesday.timestamp() * 1000
    late = written("ecs", FINDING | {"exported_at": datetime(2026, 12, 1, tzinfo=UTC)}, "findings")
    assert late["@timestamp"] == "2026-11-15T23:59:59+00:00"


@pytest.mark.parametrize(("scope", "crosses"), [("external", True), ("internal", False), ("unknown", None)])
def test_a_service_whose_place_is_unknown_crosses_no_known_boundary(scope: str, crosses: bool | None) -> None:
    row = {"kind": "mcp_server", "asset": "s:80", "site": "hq", "app": "mcp", "name": "x", "scope": scope}
    (service,) = written("cyclonedx", row, "assets")["services"]
    assert service.get("x-trust-boundary") is crosses


def test_a_bundle_of_nothing_has_no_list() -> None:
    assert json.loads("".join(formats("findings")["stix"]([], "findings"))).keys() == {"type", "id"}
