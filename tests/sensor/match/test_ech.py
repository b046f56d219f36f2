"""Real ECH and GREASE: which outer names cover another, and that they never pass for the service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import polars as pl
import pytest

from sensor import schema
from sensor.match.answers import MAX_AGE, STALENESS
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
    told = config(0, "secret.example", client=OTHER), address(0, "secret.example", client=OTHER)
    elsewhere = pl.concat(told)
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
    day = MAX_AGE.total_seconds()
    there = (address(second, "secret.example", client="10.0.0.3") for second in (-9, day - 9))
    table = taught(config(0, "secret.example", client=OTHER), *there)
    assert named(table, hello(COVER, second=-1))[2] is None
    assert named(table, hello(COVER, second=day))[2] is True
    assert named(table, hello(COVER, second=day + 1))[2] is None


def test_configurations_are_bounded_by_number() -> None:
    table = NameTable(max_answers=10)
    for second in range(11):
        table.learn(config(second, f"h{second}.example"))
    assert (len(table), table.dropped) == (9, 2)


def test_batches_change_nothing() -> None:
    told = [config(0, "secret.example"), address(1, "secret.example"), address(30, "later.example")]
    seen = pl.concat([hello(COVER, second=s) for s in (0.5, 10, 40)])
    whole = taught(*told).name(seen)
    assert whole["host"].to_list() == [COVER, "secret.example", "secret.example"]
    table, parts = NameTable(), []
    for rows, one in zip(told, seen.iter_slices(1), strict=True):
        table.learn(rows)
        parts.append(table.name(one))
    assert pl.concat(parts).equals(whole)


def test_a_stranger_can_not_hide_what_is_elsewhere() -> None:
    """One page's own domain with a configuration of every id in the name of a service."""
    published = [config(n, f"{n}.evil.example", n, "service.example", client=OTHER) for n in range(256)]
    away = [address(0, f"{n}.evil.example", client=OTHER, there="192.0.2.66") for n in range(256)]
    table = taught(*published, *away)
    seen = pl.concat([hello("service.example", n, second=300) for n in range(256)])
    assert set(table.name(seen)["host"]) == {"service.example"}


def test_an_address_counts_while_its_answer_is_valid() -> None:
    told = config(0, "secret.example", client=OTHER), address(100, "secret.example", client=OTHER)
    hour = STALENESS.total_seconds()
    seen = pl.concat([hello(COVER, second=s) for s in (99, 100, 100 + hour, 101 + hour)])
    assert taught(*told).name(seen)["ech"].to_list() == [None, True, True, None]


def test_what_is_told_later_counts_for_nothing_before() -> None:
    """Between two days on which the configuration was told it was not known to be in use."""
    later = 30 * 3600
    told = [pl.concat([config(s, "secret.example", client=c) for c in (ME, OTHER)]) for s in (0, later)]
    times = [0, 23 * 3600, 24 * 3600 + 1, 26 * 3600, later - 1, later]
    there = [address(s, "secret.example", client=OTHER) for s in times]
    seen = pl.concat([hello(COVER, second=s) for s in times])
    assert taught(*told, *there).name(seen)["ech"].to_list() == [True, True, None, None, None, True]
    own = [address(s, "secret.example") for s in times]
    whole = taught(*told, *own).name(seen)
    assert whole["host"].to_list() == ["secret.example"] * 2 + [COVER] * 3 + ["secret.example"]
    first = taught(told[0], *own).name(seen)
    assert first[:-1].equals(whole[:-1])
