"""Duo's authentication log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sensor.sources.logs.formats.duo import DuoFormat
from sensor.sources.logs.text.held import SIGN_IN_CONFIDENCE
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN
from tests.sensor.sources.logs.formats.reading import read


def event(**more: Any) -> str:
    return json.dumps(
        {
            "event_type": "authentication", "factor": "duo_push", "result": "success", "txid": "very-secret",
            "isotimestamp": "2026-10-06T10:00:00.250000+00:00", "timestamp": 1791280800,
            "user": {"key": "DU1", "name": "ada@example.org", "groups": []},
            "access_device": {"ip": "198.51.100.7", "hostname": "ada-pc", "os": "Windows"},
            "auth_device": {"ip": "203.0.113.9", "name": "phone"}, "application": {"key": "DI1", "name": "VPN"},
        }
        | more
    )  # fmt: skip


def test_a_sign_in_is_a_weak_lease_where_it_was_made() -> None:
    (row,) = read(DuoFormat, event() + "\n").iter_rows(named=True)
    assert (row["kind"], row["client"], row["user_name"], row["device"], row["confidence"]) == (
        "lease", "198.51.100.7", "ada@example.org", "ada-pc", SIGN_IN_CONFIDENCE,
    )  # fmt: skip
    assert row["reason"] is None and "very-secret" not in str(row)
    assert row["seen_at"].replace(microsecond=0) == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_version_one_names_account_and_address_without_nesting() -> None:
    line = {
        "access_device": {}, "device": "+1 555 0100", "factor": "Duo Push", "integration": "Intranet",
        "ip": "198.51.100.8", "result": "SUCCESS", "timestamp": 1791280800, "username": "bob",
    }  # fmt: skip
    (row,) = read(DuoFormat, json.dumps(line) + "\n").iter_rows(named=True)
    assert (row["client"], row["user_name"], row["device"], row["reason"]) == (
        "198.51.100.8", "bob", None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (event(result="denied"), FAILED_SIGN_IN),
        (event(result="fraud"), FAILED_SIGN_IN),
        (event(event_type="enrollment"), NO_SIGN_IN),
        (
            json.dumps(
                {"action": "user_update", "isotimestamp": "2026-10-06T10:00:00+00:00", "object": "ada",
                 "timestamp": 1791280800, "username": "admin", "description": "{}"}
            ),
            NO_SIGN_IN,
        ),
        (event(access_device={"ip": None}), "set aside: names no client"),
    ],
)  # fmt: skip
def test_what_tells_nobody_s_address_is_set_aside(line: str, reason: str) -> None:
    assert read(DuoFormat, line + "\n")["reason"].to_list() == [reason]
