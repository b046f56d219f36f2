"""Naming by DNS answers: whose, when, how long, and what is never touched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor import schema
from sensor.match.answers import MAX_AGE, MAX_CHUNKS, STALENESS
from sensor.match.index import Index
from sensor.match.match import NAME_CONFIDENCE, match
from sensor.match.naming import HINT_FACTOR, SHARED_FACTOR, STALE_FACTOR, UNASKED_FACTOR, NameTable

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def answers(*rows: tuple[float, str, str, str, int | None]) -> pl.DataFrame:
    """Answers from (seconds after T0, client, address, host, ttl)."""
    return schema.ANSWERS.conform(
        pl.DataFrame(
            [(T0 + timedelta(seconds=s), *rest, f"edge.{rest[2]}") for s, *rest in rows],
            schema=["answered_at", "client", "address", "host", "ttl_s", "cname"],
            orient="row",
        )
    )


def flows(*rows: tuple[float, str, str, str | None]) -> pl.DataFrame:
    """Observations from (seconds after T0, client, server, host)."""
    frame = pl.DataFrame(
        [(T0 + timedelta(seconds=s), *rest) for s, *rest in rows],
        schema={"seen_at": schema.TIME, "client": pl.String, "server": pl.String, "host": pl.String},
        orient="row",
    )
    named = pl.when(pl.col("host").is_not_null()).then(pl.lit("sni"))
    return schema.OBSERVATIONS.conform(frame.with_columns(kind=pl.lit("flow"), name_from=named))


def test_named_by_the_clients_own_newest_earlier_answer() -> None:
    told = [
        (0, "10.0.0.1", "203.0.113.5", "old.example", 60),
        (10, "10.0.0.1", "203.0.113.5", "new.example", 60),
        (30, "10.0.0.1", "203.0.113.5", "later.example", 60),
        (40, "10.0.0.1", "203.0.113.5", "new.example", 60),
        (10, "10.0.0.2", "203.0.113.5", "other.example", 60),
    ]
    seen = flows(
        (20, "10.0.0.1", "203.0.113.5", None),
        (5, "10.0.0.1", "203.0.113.5", None),
        (50, "10.0.0.1", "203.0.113.5", None),
        (20, "10.0.0.2", "203.0.113.5", None),
        (20, "10.0.0.3", "203.0.113.5", None),
        (-1, "10.0.0.1", "203.0.113.5", None),
    )
    for batches in ([told], [told[::-1]], [[row] for row in told[::-1]]):
        table = NameTable()
        for batch in batches:
            table.learn(answers(*batch))
        named = table.name(seen)
        names = ["new.example", "old.example", "new.example", "other.example", None, None]
        assert named["host"].to_list() == names
        assert named["name_from"].to_list() == ["dns_answer"] * 4 + [None, None]
        assert named["cname"].to_list()[0] == "edge.new.example"
        assert named.columns == seen.columns
        assert named["seen_at"].equals(seen["seen_at"])


def test_names_from_traffic_and_lookups_are_left_alone() -> None:
    table = NameTable()
    table.learn(answers((0, "10.0.0.1", "203.0.113.5", "dns.example", 60)))
    seen = flows((1, "10.0.0.1", "203.0.113.5", "sni.example"), (1, "10.0.0.1", "203.0.113.5", None))
    seen = seen.with_columns(kind=pl.Series(["tls", "dns"]))
    assert table.name(seen).equals(seen)


def test_staleness_is_the_ttl_but_at_least_an_hour_and_at_most_a_day() -> None:
    table = NameTable()
    table.learn(
        answers(
            (0, "10.0.0.1", "203.0.113.5", "short.example", 5),
            (0, "10.0.0.1", "203.0.113.6", "long.example", 7200),
            (0, "10.0.0.1", "203.0.113.7", "unknown.example", None),
            (0, "10.0.0.1", "203.0.113.8", "endless.example", 10**9),
        )
    )
    hour, day = STALENESS.total_seconds(), MAX_AGE.total_seconds()
    seen = flows(
        (hour, "10.0.0.1", "203.0.113.5", None),
        (hour + 1, "10.0.0.1", "203.0.113.5", None),
        (7200, "10.0.0.1", "203.0.113.6", None),
        (7201, "10.0.0.1", "203.0.113.6", None),
        (hour, "10.0.0.1", "203.0.113.7", None),
        (day, "10.0.0.1", "203.0.113.8", None),
        (day + 1, "10.0.0.1", "203.0.113.8", None),
    )
    hosts = table.name(seen)["host"].to_list()
    known = ["short.example", None, "long.example", None, "unknown.example", "endless.example", None]
    assert hosts == known


def test_a_later_slice_keeps_the_name_its_connection_began_with() -> None:
    table = NameTable()
    table.learn(
        answers(
            (0, "10.0.0.1", "203.0.113.5", "first.example", 60),
            (100, "10.0.0.1", "203.0.113.5", "second.example", 60),
        )
    )
    late = flows((3 * 3600, "10.0.0.1", "203.0.113.5", None)).with_columns(
        started_at=pl.lit(T0 + timedelta(seconds=50), dtype=schema.TIME)
    )
    assert table.name(late)["host"].to_list() == ["first.example"]


def test_state_survives_batches_and_is_bounded_by_number() -> None:
    table = NameTable(max_answers=10)
    for second in (*range(9, -1, -1), 0, 10):  # ten fit, one of them told twice
        assert table.dropped == 0
        table.learn(answers((second, "10.0.0.1", f"203.0.113.{second}", f"h{second}.example", 60)))
    assert len(table) == 9
    assert table.dropped == 2
    seen = flows((20, "10.0.0.1", "203.0.113.1", None), (20, "10.0.0.1", "203.0.113.2", None))
    assert table.name(seen)["host"].to_list() == [None, "h2.example"]


def test_a_days_answers_may_come_before_the_days_connections() -> None:
    table = NameTable()
    table.learn(answers((0, "10.0.0.1", "203.0.113.5", "morning.example", 60)))
    for hour in range(MAX_CHUNKS + 1):
        table.learn(answers((hour * 2400, "10.0.0.2", "203.0.113.6", "later.example", 60)))
    assert table.name(flows((60, "10.0.0.1", "203.0.113.5", None)))["host"].to_list() == ["morning.example"]


def test_an_answer_of_a_wrong_clock_evicts_no_other() -> None:
    table = NameTable()
    table.learn(answers((86_400 * 365, "10.0.0.9", "203.0.113.9", "wrong.example", 60)))
    for second in range(MAX_CHUNKS + 1):
        table.learn(answers((60 * second, "10.0.0.1", "203.0.113.5", "right.example", 60)))
    assert table.name(flows((90, "10.0.0.1", "203.0.113.5", None)))["host"].to_list() == ["right.example"]


def test_old_answers_go_and_are_not_missed() -> None:
    table = NameTable()
    table.learn(answers((0, "10.0.0.1", "203.0.113.5", "old.example", 60)))
    late = 3 * MAX_AGE.total_seconds()
    for second in range(MAX_CHUNKS):
        table.learn(answers((late + 60 * second, "10.0.0.1", "203.0.113.9", "new.example", 10**9)))
    assert len(table) == MAX_CHUNKS
    assert table.dropped == 0


def test_repeated_answers_take_no_room() -> None:
    table = NameTable()
    told = [(i / 10, f"10.0.0.{i % 2}", "203.0.113.5", f"busy{i % 2}.example", 60) for i in range(500)]
    table.learn(answers(*told))
    assert len(table) == 2


def test_useless_answers_and_empty_frames() -> None:
    table = NameTable()
    table.learn(schema.ANSWERS.empty())
    table.learn(answers((0, "10.0.0.1", "203.0.113.5", "a.example", 60)).with_columns(client=pl.lit(None)))
    assert len(table) == 0
    empty = schema.OBSERVATIONS.empty()
    assert table.name(empty).equals(empty)


ADDRESS = st.sampled_from(["203.0.113.1", "203.0.113.2"])
CLIENT = st.sampled_from(["10.0.0.1", "10.0.0.2"])
TTL = st.one_of(st.none(), st.integers(-5, 20_000))
ANSWER = st.tuples(st.integers(0, 9000), CLIENT, ADDRESS, st.sampled_from(["a.example", "b.example"]), TTL)


@given(
    st.lists(ANSWER, min_size=1, max_size=12), st.lists(st.tuples(st.integers(0, 20_000), CLIENT, ADDRESS))
)
@settings(max_examples=60, deadline=None)
def test_agrees_with_a_plain_search(told: list[tuple[int, str, str, str, int | None]], seen: list) -> None:
    # One answer a minute and key: `learn` keeps the first of several, which a plain search cannot see.
    unique = {(s // 60, c, a): (s, c, a, h, t) for s, c, a, h, t in reversed(told)}
    rows = sorted(unique.values(), key=lambda row: row[0])
    table = NameTable()
    table.learn(answers(*rows))
    named = table.name(flows(*[(s, c, a, None) for s, c, a in seen]))["host"].to_list()

    def life(ttl: int | None) -> float:
        return max(STALENESS.total_seconds(), min(ttl or 0, MAX_AGE.total_seconds()))

    for (second, client, address), host in zip(seen, named, strict=True):
        fit = [r for r in rows if (r[1], r[2]) == (client, address) and r[0] <= second]
        newest_fit = fit[-1] if fit else None
        expected = newest_fit[3] if newest_fit and second <= newest_fit[0] + life(newest_fit[4]) else None
        assert host == expected


def only(frame: pl.DataFrame) -> tuple[str | None, str | None, float | None]:
    (row,) = frame.select("host", "name_from", "name_confidence").rows()
    return row


def test_doubts_lower_the_confidence() -> None:
    me, there = "10.0.0.1", "203.0.113.5"
    sure = NAME_CONFIDENCE["dns_answer"]
    table = NameTable()
    table.learn(answers((0, me, there, "a.example", 60)))
    assert only(table.name(flows((10, me, there, None)))) == ("a.example", "dns_answer", sure)
    assert only(table.name(flows((60, me, there, None))))[2] == sure
    assert only(table.name(flows((61, me, there, None))))[2] == pytest.approx(sure * STALE_FACTOR)
    table.learn(answers((20, me, there, "b.example", 60), (21, "10.0.0.2", there, "c.example", 60)))
    assert only(table.name(flows((30, me, there, None)))) == (
        "b.example",
        "dns_answer",
        pytest.approx(sure * SHARED_FACTOR),
    )
    table.learn(answers((90, me, there, "b.example", 60)))
    assert only(table.name(flows((99, me, there, None))))[2] == pytest.approx(sure * SHARED_FACTOR), "again"
    assert only(table.name(flows((10, me, there, None))))[2] == sure, "known only later"
    assert only(table.name(flows((30, "10.0.0.2", there, None))))[2] == sure, "told to another client"


def test_a_shared_address_is_no_longer_shared_once_the_other_answer_is_too_old() -> None:
    me, there = "10.0.0.1", "203.0.113.5"
    hour = STALENESS.total_seconds()
    table = NameTable()
    table.learn(answers((0, me, there, "a.example", 60), (hour, me, there, "b.example", 7200)))
    told = table.name(flows((hour, me, there, None), (hour + 1, me, there, None)))
    sure = NAME_CONFIDENCE["dns_answer"]
    assert told["name_confidence"].to_list() == [pytest.approx(sure * SHARED_FACTOR), sure]


def test_an_unsolicited_response_has_less_confidence() -> None:
    me, there = "10.0.0.1", "192.0.2.1"
    told = answers((0, me, there, "a.example", 300))
    confidences = []
    for unasked in (False, True):
        table = NameTable()
        table.learn(told.with_columns(unasked=pl.lit(unasked)))
        confidences.append(table.name(flows((1, me, there, None)))["name_confidence"].item())
    assert confidences[1] == pytest.approx(confidences[0] * UNASKED_FACTOR)


@pytest.mark.parametrize(
    ("hinted", "direct", "begun", "factor"),
    [
        (0, [], 5, HINT_FACTOR),
        (0, [(-1, 300)], 5, 1),
        (0, [(0, 300)], 5, 1),
        (0, [(1, 300)], 5, 1),
        (3590, [(0, 300)], 3600, 1),
        (3590, [(0, 300)], 3601, HINT_FACTOR),
        (3590, [(0, 7200), (60, 300)], 3700, 1),
    ],
)
def test_a_hint_is_less_than_an_address(
    hinted: int, direct: list[tuple[int, int]], begun: int, factor: float
) -> None:
    me, there = "10.0.0.1", "203.0.113.5"
    table = NameTable()
    table.learn(answers((hinted, me, there, "a.example", 300)).with_columns(hint=pl.lit(True)))
    if direct:
        table.learn(answers(*[(second, me, there, "a.example", ttl) for second, ttl in direct]))
    host, _, confidence = only(table.name(flows((begun, me, there, None))))
    assert (host, confidence) == ("a.example", pytest.approx(NAME_CONFIDENCE["dns_answer"] * factor))


def test_the_matcher_believes_a_doubtful_name_less(index: Index) -> None:
    rows = flows((0, "10.0.0.1", "203.0.113.5", "api.open.example")).with_columns(
        name_from=pl.lit("dns_answer")
    )
    sure = match(rows, index)["confidence"].item()
    doubtful = match(rows.with_columns(name_confidence=pl.lit(0.45)), index)["confidence"].item()
    assert doubtful == pytest.approx(sure / 2)
