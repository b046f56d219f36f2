"""AdGuard Home's query log: verdicts, ClientIDs, odd values."""

from __future__ import annotations

import base64
import json

from sensor.sources.logs.formats.adguard import AdguardFormat
from sensor.sources.logs.text.reasons import NO_CLIENT
from tests.sensor.sources.logs.formats.reading import read


def line(**more: object) -> str:
    entry = {
        "T": "2026-11-22T11:00:00.5+01:00",
        "QH": "chat.example.com",
        "QT": "A",
        "QC": "IN",
        "CP": "",
        "IP": "10.1.0.7",
    }
    return (
        json.dumps(entry | {"Answer": "Qz+B", "Result": {}, "Elapsed": 837429, "Cached": False} | more) + "\n"
    )


def test_verdicts() -> None:
    results = [
        {},
        {"IsFiltered": True, "Reason": 3},
        {"Reason": 8},
        {"Reason": 1},
        {"Reason": 7, "IsFiltered": True},
        {"Reason": 9},
    ]
    found = read(AdguardFormat, "".join(line(Result=result) for result in results))
    assert found["action"].to_list() == ["allowed", "blocked", "blocked", "allowed", "allowed", "allowed"]
    assert found["seen_at"][0].isoformat() == "2026-11-22T10:00:00.500000+00:00"
    assert set(found.select("client", "host").rows()) == {("10.1.0.7", "chat.example.com")}


def test_codes_of_answers() -> None:
    messages = (bytes([0x4F, 0xA1, 0x81, 0x80 | code, 0, 1, 0, 0, 0xFF]) for code in (0, 2, 3, 5))
    found = read(AdguardFormat, "".join(line(Answer=base64.b64encode(one).decode()) for one in messages))
    assert found["action"].to_list() == ["allowed", "allowed", "blocked", "blocked"]


def test_encrypted_lookups_name_their_device() -> None:
    (row,) = read(AdguardFormat, line(CP="doh", CID="ann-phone", IP="::ffff:203.0.113.9")).rows(named=True)
    assert (row["device"], row["client"]) == ("ann-phone", "203.0.113.9")


def test_odd_values_are_counted() -> None:
    found = read(AdguardFormat, line(IP=127001) + line(QH=6) + line(Result="x") + line(T="soon"))
    assert found["reason"][0] == NO_CLIENT
    assert found["reason"].null_count() == 1
