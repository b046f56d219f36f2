"""Attribution compared with its rule written out facet by facet, on random claims."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields
from typing import Any

import duckdb
import numpy as np
import pytest

from analytics.counting.attribution import (
    DEVICE,
    FIRST_PERSON,
    HINT,
    LOG,
    NOBODY,
    OWNER,
    SHARED,
    attribute_facets,
)
from analytics.counting.intervals import DHCP, LINK, LOGIN, STATIC
from analytics.counting.intervals import HINT as HINT_KIND

STALE = 0.4
#: Two days are counted together.
SHIFTS = 8 * 3
TARGETS = 3
#: Bindings of each address, all numbered in a row.
SPELLS = 4
TURNS = 2 * (SPELLS + 1)
#: What nobody is called who is asked about in `test_which_account_takes_precedence`.
LABEL = 9
#: How the user of a login or a fixed address is known there.
USER = HINT + 1
KINDS = {"user": LOGIN, "device": DHCP, "static": STATIC, "hint": HINT_KIND, "station": LINK}
METHODS = {"user": USER, "device": USER, "static": USER, "hint": HINT, "station": USER}

Row = dict[str, int | float | bool]


@dataclass(frozen=True)
class Claims:
    """What is said of whom: the tables that `believe` reads, as rows, and the events seen."""

    statements: list[Row]
    bindings: list[Row]
    asked: list[Row]
    names: list[Row]
    #: of events: who is asked about, turn, shift and target
    seen: list[tuple[Row, int, int, int]]
    #: context, binding and shift of addresses that too many share
    crowds: set[tuple[int, int, int]]


def test_facets_are_attributed_by_the_order_of_precedence() -> None:
    claims = _random_claims(random.Random(7))
    connection = duckdb.connect()
    found = _found(connection, claims)
    expected = {_expected(claims, *event) for event in claims.seen}
    assert set(found) == expected
    assert len(found) == len(expected)
    heard = connection.execute("SELECT name_id FROM chosen_names ORDER BY name_id").fetchall()
    assert heard == sorted({(row[6],) for row in found})
    assert {method for *_, method, _, _ in found} > {NOBODY, DEVICE, SHARED, LOG, OWNER, HINT}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({}, (LABEL, NOBODY, 0.0), id="nothing said"),
        pytest.param({"account": 4, "shared": True}, (4, LOG, 1.0), id="the line itself, before sharing"),
        pytest.param(
            {"shared": True, "user": {"account": 4}}, (LABEL, SHARED, 0.0), id="shared, before a login"
        ),
        pytest.param({"user": {"account": 4}, "owner": 5}, (4, USER, 0.5), id="a login, before an owner"),
        pytest.param(
            {"user": {"account": 4}, "stale": True}, (4, USER, 0.5 * STALE), id="an old login, less"
        ),
        pytest.param({"owner": 5, "owned": {"owner": 6}}, (5, OWNER, 0.5), id="the owner of what was asked"),
        pytest.param(
            {"owned": {"owner": 6, "device": 1}}, (6, OWNER, 0.5), id="the owner of the lease's device"
        ),
        pytest.param(
            {"device": 2, "owned": {"owner": 6, "device": 1}}, (2, DEVICE, 0.0), id="not of another device's"
        ),
        pytest.param(
            {"static": {"account": 7}, "hint": {"account": 8}}, (7, USER, 0.5), id="a fixed address"
        ),
        pytest.param(
            {"static": {"account": 7, "mac": 1}, "owned": {"mac": 2}},
            (LABEL, NOBODY, 0.0),
            id="of another card",
        ),
        pytest.param({"hint": {"account": 8}, "device": 2}, (8, HINT, 0.5), id="a hint, before the device"),
        pytest.param({"owned": {"device": 3}}, (3, DEVICE, 0.0), id="the device only"),
        pytest.param(
            {"owned": {"device": 3}, "station": {"hardware": 2}},
            (3, DEVICE, 0.0),
            id="its name before its card",
        ),
        pytest.param({"station": {"hardware": 2}}, (2, DEVICE, 0.0), id="the network card only"),
        pytest.param(
            {"static": {"account": 7}, "station": {"owner": 6, "hardware": 2}},
            (6, OWNER, 0.5),
            id="the card's owner",
        ),
    ],
)
def test_which_account_takes_precedence(said: dict[str, Any], expected: tuple[int, int, float]) -> None:
    """Each step of the order alone: what the steps before it say nothing of."""
    statements = [_statement(0)]
    binding: Row = {"binding": 1, "is_shared": said.get("shared", False)}
    columns = (
        ("user", "user"),
        ("device", "owned"),
        ("static", "static"),
        ("hint", "hint"),
        ("station", "station"),
    )
    for column, statement in columns:
        binding[f"{column}_statement"] = len(statements) if statement in said else 0
        if statement in said:
            more = {"kind": KINDS[column], "method": METHODS[column]} | said[statement]
            statements.append(_statement(len(statements), **more))
    who: Row = {
        "context": 1, "base_binding": 0, "environment": 1, "address_name": LABEL,
        "account": said.get("account", 0),
        "device": said.get("device", 0), "owner": said.get("owner", 0), "owner_confidence": 0.5,
    }  # fmt: skip
    names: list[Row] = [{"name_id": nth, "org_unit": 0} for nth in range(1, 10)]
    binding_slot = 3 if said.get("stale") else 2
    nobody_crowded = {(1, 9, 11)}  # a table with a row: another binding's
    claims = Claims(statements, [binding], [who], names, [(who, binding_slot, 11, 1)], nobody_crowded)
    ((_, _, _, _, _, _, name, confidence, method, _, _),) = _found(duckdb.connect(), claims)
    assert (name, method, confidence) == pytest.approx(expected)


def _statement(nth: int, **more: int | float) -> Row:
    blank: Row = {
        "statement": nth, "kind": 0, "method": 0, "account": 0, "mac": 0, "hardware": 0, "device": 0,
        "confidence": 0.5, "owner": 0, "owner_confidence": 0.5,
    }  # fmt: skip
    return blank | more


def _random_claims(chance: random.Random) -> Claims:
    def some(most: int) -> int:
        """A number, or, as often, 0 for nothing."""
        return chance.choice([0, chance.randint(1, most)])

    kinds = [0, *(chance.choice([LOGIN, DHCP, STATIC, HINT_KIND]) for _ in range(30))]
    statements: list[Row] = [
        _statement(0, confidence=0.0, owner_confidence=0.0),
        *(
            {"statement": nth, "kind": kinds[nth], "method": HINT + chance.randint(1, 3), "account": some(9),
             "mac": some(3), "hardware": some(3), "device": some(3), "confidence": chance.random(),
             "owner": some(9), "owner_confidence": chance.random()}
            for nth in range(1, 31)
        ),
    ]  # fmt: skip
    bindings: list[Row] = [
        {"binding": nth, "is_shared": chance.random() < 0.1, "user_statement": some(30),
         "device_statement": some(30), "static_statement": some(30), "hint_statement": some(30),
         "station_statement": some(30)}
        for nth in range(1, 5 * SPELLS + 1)
    ]  # fmt: skip
    asked: list[Row] = [
        {"context": nth, "base_binding": chance.randrange(5) * SPELLS, "environment": chance.randint(1, 3),
         "address_name": chance.randint(1, 9), "account": some(9) if chance.random() < 0.2 else 0,
         "device": some(3), "owner": some(9) if chance.random() < 0.3 else 0,
         "owner_confidence": chance.random()}
        for nth in range(1, 41)
    ]  # fmt: skip
    names: list[Row] = [{"name_id": nth, "org_unit": some(4)} for nth in range(1, 10)]
    seen = [
        (who, chance.choice([0, 0, chance.randrange(2, TURNS)]), day_pair, chance.randrange(1, TARGETS))
        for who in asked
        for day_pair in (8 + 3, 8 + 4, 16 + 2, 16 + 3)
        for _ in range(4)
    ]
    crowds = {
        (int(who["context"]), _binding(who, binding_slot), day_pair)
        for who, binding_slot, day_pair, _ in seen[::9]
    }
    return Claims(statements, bindings, asked, names, seen, crowds)


def _found(connection: duckdb.DuckDBPyConnection, claims: Claims) -> list[tuple[Any, ...]]:
    """Facet, day, context, binding, stale, crowded, name, confidence, way, setting and post, as believed."""
    _table(connection, "statement_codes", claims.statements)
    _table(connection, "bindings", claims.bindings)
    _table(connection, "context_codes", claims.asked)
    _table(connection, "names", claims.names)
    shared: list[Row] = [
        {"context": who, "binding": binding, "day_pair": at} for who, binding, at in claims.crowds
    ]
    _table(connection, "shared_contexts", shared)
    facets = {
        _facet(int(who["context"]), binding_slot, day_pair, target)
        for who, binding_slot, day_pair, target in claims.seen
    }
    attributions = attribute_facets(
        connection,
        np.array(sorted(facets)),
        binding_slots=TURNS,
        day_pairs=SHIFTS,
        targets=TARGETS,
        stale=STALE,
    )
    profile_keys = connection.execute(
        "SELECT method, environment, org_unit FROM profile_keys ORDER BY profile_key"
    ).fetchall()
    columns = [getattr(attributions, field.name).tolist() for field in fields(attributions)]
    return [
        (facet, day, context, binding, stale, observed_shared, name, confidence, *profile_keys[profile_key])
        for facet, day, context, binding, stale, observed_shared, name, profile_key, confidence in zip(
            *columns, strict=True
        )
    ]


def _expected(claims: Claims, who: Row, binding_slot: int, day_pair: int, target: int) -> tuple[Any, ...]:
    """The same of one event, by the rule."""
    binding, stale = _binding(who, binding_slot), binding_slot % 2 == 1
    observed_shared = (int(who["context"]), binding, day_pair) in claims.crowds
    held: Row = claims.bindings[binding - 1] if binding else dict.fromkeys(claims.bindings[0], 0)
    name, method, confidence = _believed(
        who, held, claims.statements, observed_shared=observed_shared, stale=stale
    )
    org_unit = claims.names[name - 1]["org_unit"] if method >= FIRST_PERSON else 0
    facet = _facet(int(who["context"]), binding_slot, day_pair, target)
    return (
        facet, day_pair // 8, who["context"], binding, stale, observed_shared, name, confidence, method,
        who["environment"], org_unit,
    )  # fmt: skip


def _believed(
    who: Row, held: Row, statements: list[Row], *, observed_shared: bool, stale: bool
) -> tuple[int, int, float]:
    user, device, static, hint, station = (
        statements[int(held[f"{what}_statement"])] for what in ("user", "device", "static", "hint", "station")
    )
    fits = not (who["device"] and device["device"] and who["device"] != device["device"])
    by = "mac" if static["mac"] and device["mac"] else "device"
    other = static[by] and device[by] and static[by] != device[by] and device["kind"] != STATIC
    if who["account"]:
        return int(who["account"]), LOG, 1.0
    if held["is_shared"] or observed_shared:
        return int(who["address_name"]), SHARED, 0.0
    if user["account"]:
        return int(user["account"]), int(user["method"]), user["confidence"] * (STALE if stale else 1.0)
    if who["owner"]:
        return int(who["owner"]), OWNER, who["owner_confidence"]
    if fits and device["owner"]:
        return int(device["owner"]), OWNER, device["owner_confidence"]
    if fits and station["owner"]:
        return int(station["owner"]), OWNER, station["owner_confidence"]
    if fits and static["account"] and not other:
        return int(static["account"]), int(static["method"]), static["confidence"]
    if fits and hint["account"]:
        return int(hint["account"]), HINT, hint["confidence"]
    if who["device"] or device["device"]:
        return int(who["device"] or device["device"]), DEVICE, 0.0
    if station["hardware"]:
        return int(station["hardware"]), DEVICE, 0.0
    return int(who["address_name"]), NOBODY, 0.0


def test_a_day_without_events_has_no_attributions() -> None:
    connection = duckdb.connect()
    columns = {
        "statement_codes": "statement, kind, method, account, mac, hardware, device, confidence, owner, "
        "owner_confidence",
        "bindings": "binding, is_shared, user_statement, device_statement, static_statement, hint_statement, "
        "station_statement",
        "context_codes": "context, base_binding, environment, address_name, account, device, owner, "
        "owner_confidence",
        "names": "name_id, org_unit",
        "shared_contexts": "context, binding, day_pair",
    }
    for name, listed in columns.items():
        typed = ", ".join(f"{column} {_type(column)}" for column in listed.split(", "))
        connection.execute(f"CREATE TEMP TABLE {name} ({typed})")
    attributions = attribute_facets(
        connection, np.empty(0, np.int64), binding_slots=2, day_pairs=SHIFTS, targets=1, stale=STALE
    )
    assert not len(attributions.facet)
    for made in ("chosen_names", "profile_keys"):
        assert connection.execute(f"SELECT COUNT(*) FROM {made}").fetchone() == (0,)


def _facet(context: int, binding_slot: int, day_pair: int, target: int) -> int:
    return ((context * TURNS + binding_slot) * SHIFTS + day_pair) * TARGETS + target


def _binding(who: Row, binding_slot: int) -> int:
    return int(who["base_binding"]) + binding_slot // 2 if binding_slot else 0


def _type(column: str) -> str:
    return "BOOLEAN" if column == "is_shared" else "DOUBLE" if "confidence" in column else "BIGINT"


def _table(connection: duckdb.DuckDBPyConnection, name: str, rows: list[Row]) -> None:
    columns = list(rows[0])
    connection.execute(f"CREATE TEMP TABLE {name} ({', '.join(f'{c} {_type(c)}' for c in columns)})")
    values = ", ".join(f"({', '.join(str(row[column]) for column in columns)})" for row in rows)
    connection.execute(f"INSERT INTO {name} VALUES {values}")
