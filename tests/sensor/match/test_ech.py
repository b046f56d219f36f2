"""Real ECH and GREASE: which outer names cover another, and that they never pass for the service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import polars as pl
import pytest

from sensor import schema
from sensor.match.answers import MAX_AGE
from sensor.match.ech import PUBLIC_NAMES
from sensor.match.naming import NameTable

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ME, OTHER, THERE = "10.0.0.1", "10.0.0.2", "203.0.113.5"
COVER = "cover.example"


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def address(second: float, host: str, client: str = ME, there: str = THERE) -> pl.DataFrame:
    """An answer with an address."""
    row = {"answered_at": [at(second)], "client": client, "host": host, "address": there, "ttl_s": 300}
    return schema.ANSWERS.conform(pl.DataFrame(row, schema_overrides={"answered_at": schema.TIME}))


def config(second: float, host: str, number: int = 7, cover: str = COVER, client: str = ME) -> pl.DataFrame:
    """An answer with an ECH configuration."""
    row = address(second, host, client).with_columns(ech_config=pl.lit(number), ech_public_name=pl.lit(cover))
    return schema.ANSWERS.conform(row.with_columns(address=pl.lit(None, pl.String)))


def hello(
    sni: str, number: int | None = 7, second: float = 10, client: str | None = ME, kind: str = "tls"
) -> pl.DataFrame:
    """A connection whose hello carried ECH of configuration `number`."""
    row = {"seen_at": [at(second)], "client": client, "server": THERE, "host": sni, "kind": kind}
    frame = pl.DataFrame(row, schema_overrides={"seen_at": schema.TIME, "client": pl.String})
    name_from = pl.lit("quic_sni" if kind == "quic" else "sni")
    return schema.OBSERVATIONS.conform(frame.with_columns(ech_config=pl.lit(number), name_from=name_from))


def named(table: NameTable, seen: pl.DataFrame) -> tuple[str | None, str | None, bool | None]:
    (row,) = table.name(seen).select("host", "name_from", "ech").rows()
    return row


def taught(*told: pl.DataFrame) -> NameTable:
    table = NameTable()
    for rows in told:
        table.learn(rows)
    return table


@pytest.mark.parametrize("kind", ["tls", "quic"])
def test_real_ech_is_named_by_what_the_client_asked_for(kind: str) -> None:
    told = [config(0, "secret.example"), address(1, "secret.example"), address(2, "plain.example")]
    for order in permutations(told):
        assert named(taught(*order), hello(COVER, kind=kind)) == ("secret.example", "ech_dns", True)


@pytest.mark.parametrize(
    ("sni", "number"), [("secret.example", 7), ("secret.example", 8), (COVER, 8), (COVER, None)]
)
def test_grease_and_plain_hellos_keep_their_names(sni: str, number: int | None) -> None:
    table = taught(config(0, "secret.example"), address(1, "secret.example"))
    assert named(table, hello(sni, number)) == (sni, "sni", None)


def test_a_public_name_of_the_list_is_never_a_name() -> None:
    (cover,) = PUBLIC_NAMES
    assert named(NameTable(), hello(cover, None)) == (None, None, True)
    assert named(NameTable(), hello(cover, client=None)) == (None, None, True)
    assert named(taught(address(0, "secret.example")), hello(cover)) == ("secret.example", "ech_dns", True)
    assert named(taught(address(0, cover)), hello(cover)) == (None, None, True)
    question = hello(cover, None, kind="dns")
    assert NameTable().name(question).equals(question)


def test_what_any_client_was_told_hides_a_name_but_cannot_hide_what_was_asked_for() -> None:
    elsewhere = config(0, "secret.example", client=OTHER)
    assert named(taught(elsewhere), hello(COVER)) == (None, None, True)
    assert named(taught(elsewhere), hello(COVER, 8)) == (COVER, "sni", None)
    assert named(taught(elsewhere, address(5, "web.example")), hello(COVER)) == (
        "web.example",
        "ech_dns",
        True,
    )
    assert named(taught(elsewhere, address(5, COVER)), hello(COVER)) == (COVER, "sni", None)


def test_a_site_that_covers_itself_keeps_its_name() -> None:
    table = taught(config(0, COVER), address(1, COVER))
    assert named(table, hello(COVER)) == (COVER, "sni", None)


def test_configurations_count_from_when_they_are_told_until_a_day_later() -> None:
    table = taught(config(0, "secret.example", client=OTHER))
    assert named(table, hello(COVER, second=-1))[2] is None
    day = MAX_AGE.total_seconds()
    assert named(table, hello(COVER, second=day))[2] is True
    assert named(table, hello(COVER, second=day + 1))[2] is None


def test_batches_change_nothing() -> None:
    told = [config(0, "secret.example"), address(1, "secret.example"), address(30, "later.example")]
    seen = pl.concat([hello(COVER, second=s) for s in (0.5, 10, 40)])
    whole = taught(*told).name(seen)
    assert whole["host"].to_list() == [None, "secret.example", "secret.example"]
    table, parts = NameTable(), []
    for rows, one in zip(told, seen.iter_slices(1), strict=True):
        table.learn(rows)
        parts.append(table.name(one))
    assert pl.concat(parts).equals(whole)
