"""Names near known AI: by the same client, within half a minute, wherever batches are cut."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensor.match.near import WITHIN, Near
from sensor.match.rollup import bucket_of
from sensor.schema import TIME

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
#: client, second, host, service (None: the host is unknown), role
Event = tuple[str, float, str, str | None, str | None]


def frames(events: list[Event], of: str = "in") -> tuple[pl.DataFrame, pl.DataFrame]:
    """Observations and hits of some events."""
    rows = [
        {"client": c, "seen_at": START + timedelta(seconds=s), "host": h, "app": app, "role": role}
        for c, s, h, app, role in events
    ]
    texts = dict.fromkeys(("client", "host", "app", "role"), pl.String)
    frame = pl.DataFrame(rows, schema={"client": pl.String, "seen_at": TIME, **texts})
    frame = frame.with_columns(input=pl.lit(of))
    return frame.drop("app", "role"), frame.drop_nulls("app")


def told(*batches: list[Event], near: Near | None = None) -> dict[str, tuple[str, int]]:
    """near_app and near_clients of each unknown host after these batches; of several buckets, the last."""
    near = near or Near()
    for batch in batches:
        near.add(*frames(batch))
    every, _ = frames([event for batch in batches for event in batch])
    over = every.select("input", "host", bucket=bucket_of()).unique()
    found = near.label(over.sort("bucket")).drop_nulls("near_app")
    return {row["host"]: (row["near_app"], row["near_clients"]) for row in found.iter_rows(named=True)}


def use(client: str, second: float, app: str = "a/chat", role: str = "use") -> Event:
    return client, second, f"{app}.example", app, role


def visit(client: str, second: float, host: str = "new.example") -> Event:
    return client, second, host, None, None


@pytest.mark.parametrize(
    ("visited", "used", "near"),
    [(10, 10, True), (29, 31, True), (31, 29, True), (0, 30, True), (0, 30.1, False), (45, 14, False),
     (44.9, 15, True), (0, 61, False), (61, 0, False)],
)  # fmt: skip
def test_half_a_minute_before_or_after(visited: float, used: float, near: bool) -> None:
    for batches in ([[visit("c", visited), use("c", used)]], [[visit("c", visited)], [use("c", used)]]):
        assert told(*batches) == ({"new.example": ("a/chat", 1)} if near else {})


def test_an_event_of_a_wrong_clock_disturbs_one_batch_only() -> None:
    wrong = [visit("d", 86_400 * 365, "far.example")]
    assert told([visit("d", 0)], wrong, [visit("c", 1)], [use("c", 2)]) == {"new.example": ("a/chat", 1)}


def test_another_client_a_known_host_and_a_shared_one_do_not_count() -> None:
    assert told([visit("c", 0), use("d", 0)]) == {}
    assert told([visit("c", 0), use("c", 0, role="embedded")]) == {}
    assert told([visit("c", 0, "a/chat.example"), use("c", 0)]) == {}
    assert told([visit("c", 0), use("c", 0, role="support")]) == {"new.example": ("a/chat", 1)}


def test_events_of_two_inputs_are_not_near_each_other() -> None:
    near = Near()
    parts = frames([visit("c", 1)], "a"), frames([use("c", 2), visit("d", 1), use("d", 2)], "b")
    near.add(*(pl.concat(both) for both in zip(*parts, strict=True)))
    bucket = pl.lit(START, dtype=TIME).alias("bucket")
    over = pl.DataFrame({"input": ["a", "b"], "host": ["new.example"] * 2}).with_columns(bucket)
    assert near.label(over).select("input", "near_clients").rows() == [("a", None), ("b", 1)]


def test_clients_are_counted_once_and_the_service_of_most_of_them_is_named() -> None:
    events = [event for c in "abc" for event in (visit(c, 1), visit(c, 2), use(c, 3))]
    events += [visit("a", 5), use("a", 6, "b/code"), visit("d", 5), use("d", 6, "b/code")]
    assert told(events) == {"new.example": ("a/chat", 3)}


def test_a_bucket_that_was_taken_is_forgotten_and_there_is_a_bound() -> None:
    near = Near()
    near.add(*frames([visit("c", 0), use("c", 0)]))
    near.add(*frames([visit("d", 1500)]))
    over = pl.DataFrame(
        {"input": ["in"], "host": ["new.example"], "bucket": [START]}, schema_overrides={"bucket": TIME}
    )
    assert near.label(over)["near_clients"].to_list() == [1]
    assert near.label(over)["near_clients"].to_list() == [None]

    bounded = Near(max_pairs=1)
    bounded.add(*frames([visit("c", 0, "printer.local"), use("c", 0)]))  # this name is in no table `names`
    bounded.add(*frames([visit("d", 1500)]))
    assert bounded.label(over)["near_clients"].to_list() == [None]
    bounded.add(*frames([visit("c", 1800), use("c", 1800)]))
    later = over.with_columns(bucket=pl.lit(START + timedelta(seconds=1800), dtype=TIME))
    assert bounded.label(later)["near_clients"].to_list() == [1]

    crowd = [event for n in range(50) for event in (visit(str(n), 1), use(str(n), 1))]
    assert told(crowd, near=Near(max_pairs=10)) == {"new.example": ("a/chat", 10)}


EVENT = st.tuples(
    st.sampled_from("ab"),
    st.integers(0, 100),
    st.sampled_from(["x.example", "y.example", "a/chat", "b/code"]),
)


@given(st.lists(EVENT, max_size=14), st.integers(0, 14))
def test_it_is_what_comparing_all_pairs_gives(events: list[tuple[str, int, str]], cut: int) -> None:
    ordered = sorted(events, key=lambda event: event[1])
    made: list[Event] = [use(c, s, what) if "/" in what else visit(c, s, what) for c, s, what in ordered]
    pairs = {
        (v[2], u[3], v[0]) for v in made for u in made
        if v[3] is None and u[3] is not None and v[0] == u[0] and abs(v[1] - u[1]) <= WITHIN.total_seconds()
    }  # fmt: skip
    counts: dict[str, dict[str, int]] = {}
    for host, app, _ in pairs:
        counts.setdefault(host, {}).setdefault(str(app), 0)
        counts[host][str(app)] += 1
    expected = {h: min(by.items(), key=lambda item: (-item[1], item[0])) for h, by in counts.items()}
    assert told(made[:cut], made[cut:]) == expected


_MANY = [("a", 10, "x.example", None), *(("a", 20, "s.example", f"s/{n}") for n in range(5))]
_BY_AGENT = [("a", 10, "x.example", None), ("a", 12, "x.example", "s/0"), ("a", 14, "x.example", None)]


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.integers(800, 1000),
            st.sampled_from(["x.example", "y.example"]),
            st.sampled_from([None, None, *(f"s/{n}" for n in range(5))]),
        ),
        max_size=14,
    ),
    st.sets(st.integers(1, 13), max_size=3),
)
@example(_MANY, {3})  # of more services than count, those that had come
@example(_BY_AGENT, {1, 2})  # a host that hits by what asks for it, not by its name
def test_nothing_depends_on_where_batches_are_cut(
    events: list[tuple[str, int, str, str | None]], cuts: set[int]
) -> None:
    made: list[Event] = [(c, s, h, app, app and "use") for c, s, h, app in sorted(events, key=lambda e: e[1])]
    places = [0, *sorted(cuts), len(made)]
    batches = [made[begin:end] for begin, end in pairwise(places)]
    assert told(*batches) == told(made)
