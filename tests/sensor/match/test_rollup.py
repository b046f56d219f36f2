"""Names and lookup bursts: counted the same wherever batches are cut."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from sensor import schema
from sensor.match.bursts import LookupBursts
from sensor.match.rollup import NamesRollup, newest_seen

START = datetime(2026, 11, 11, 9, 0, tzinfo=UTC)


def _rows(rows: list[tuple[int, str, str, str, int | None]], of: str = "in") -> pl.DataFrame:
    frame = pl.DataFrame(
        [
            {
                "seen_at": START + timedelta(seconds=s),
                "kind": kind,
                "client": client,
                "host": host,
                "bytes_up": up,
            }
            for s, kind, client, host, up in rows
        ],
        schema_overrides={"seen_at": schema.TIME, "bytes_up": pl.Int64},
    )
    return schema.OBSERVATIONS.conform(frame).with_columns(input=pl.lit(of))


ROWS = [
    (0, "dns", "c1", "chatgpt.com", None),
    (1, "dns", "c1", "chatgpt.com", None),
    (2, "tls", "c1", "chatgpt.com", 500),
    (61, "dns", "c1", "chatgpt.com", None),
    (62, "dns", "c2", "chatgpt.com", None),
    (1000, "tls", "c2", "example.org", None),
    (5000, "tls", "c3", "chatgpt.com", 7),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_names_do_not_depend_on_batches(size: int) -> None:
    rollup, taken = NamesRollup(), []
    for at in range(0, len(ROWS), size):
        rollup.add(_rows(ROWS[at : at + size]))
        taken.append(rollup.flush())
    taken.append(rollup.flush(final=True))
    out = pl.concat([t for t in taken if t.height]).sort("bucket", "host")
    assert out.select("host", "lookups", "connections", "bytes_up", "clients").rows() == [
        ("chatgpt.com", 4, 1, 500, 2),
        ("example.org", 0, 1, None, 1),
        ("chatgpt.com", 0, 1, 7, 1),
    ]


def test_a_line_of_a_wrong_clock_disturbs_one_batch_only() -> None:
    rollup, taken = NamesRollup(), []
    for second, client in ((0, "c1"), (86_400 * 365, "c9"), (10, "c1"), (20, "c2"), (30, "c3")):
        rollup.add(_rows([(second, "tls", client, "a.example", None)]))
        taken.append(rollup.flush())
    out = pl.concat([*(t for t in taken if t.height), rollup.flush(final=True)]).sort("first_seen")
    assert out["clients"].to_list() == [1, 3, 1]


@pytest.mark.parametrize("slack", [0, 1000])
def test_unknown_clients_are_no_client(slack: int) -> None:
    """Else a name that four known clients asked for would be published as one of five."""
    rows = _rows([(n, "dns", c, "a.example", None) for n, c in enumerate(["c1", "c2", "c1", "x"])])
    unknown = rows.with_columns(client=pl.lit(None, dtype=pl.String))
    rollup = NamesRollup(slack=slack)
    rollup.add(rows)
    rollup.add(unknown)
    rollup.add(unknown.with_columns(host=pl.lit("b.example")))
    out = rollup.flush(final=True).sort("host")
    assert out.select("host", "lookups", "clients").rows() == [("a.example", 8, 3), ("b.example", 4, None)]


def test_inputs_are_counted_apart() -> None:
    both = pl.concat([_rows(ROWS, "a"), _rows(ROWS, "b")])
    rollup, alone = NamesRollup(), NamesRollup()
    rollup.add(both)
    alone.add(_rows(ROWS, "a"))
    names, one = (
        done.flush(final=True).sort("input", "bucket", "host").select(pl.all()) for done in (rollup, alone)
    )
    of_a, of_b = (names.filter(pl.col("input") == of) for of in "ab")
    assert of_a.equals(one) and of_b.drop("input").equals(one.drop("input"))
    bursts = LookupBursts().merge(both, newest=None, last=True)
    assert (
        bursts.filter(pl.col("input") == "b")
        .drop("input")
        .equals(LookupBursts().merge(_rows(ROWS, "b"), newest=None, last=True).drop("input"))
    )


def test_a_pile_is_merged_before_its_time() -> None:
    """Many rows of an open bucket are grouped as they come, and counted the same."""
    rollup = NamesRollup(slack=0)
    for n in range(6):
        rollup.add(_rows([(n, "tls", f"c{n % 2}", f"h{m}.example", 10) for m in range(3)]))
    out = rollup.flush(final=True).sort("host")
    assert out.select("host", "connections", "bytes_up", "clients").rows() == [
        (f"h{m}.example", 6, 60, 2) for m in range(3)
    ]
    assert (out["last_seen"] - out["first_seen"]).dt.total_seconds().to_list() == [5] * 3


def test_what_is_no_browsing_is_no_name() -> None:
    hosts = ("a.example", "192.0.2.1", "2001:db8::1", "1.2.0.192.in-addr.arpa", "printer.local")
    rollup = NamesRollup()
    rollup.add(_rows([(0, "dns", "c", host, None) for host in hosts]))
    assert rollup.flush(final=True)["host"].to_list() == ["a.example"]


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_bursts_do_not_depend_on_batches(size: int) -> None:
    bursts, taken = LookupBursts(), []
    for at in range(0, len(ROWS), size):
        rows = _rows(ROWS[at : at + size])
        taken.append(bursts.merge(rows, newest=newest_seen(rows), last=at + size >= len(ROWS)))
    out = pl.concat(taken).filter(pl.col("kind") == "dns").sort("seen_at", "client")
    assert out.select("client", "lookups").rows() == [("c1", 2), ("c1", 1), ("c2", 1)]
    assert out.get_column("duration_s").to_list() == [1.0, 0.0, 0.0]


def test_other_kinds_pass_through_with_unknown_lookups() -> None:
    out = LookupBursts().merge(_rows(ROWS), newest=None, last=True).filter(pl.col("kind") == "tls")
    assert out.height == 3
    assert out.get_column("lookups").null_count() == 3


def test_a_lookup_waits_for_other_traffic_only() -> None:
    bursts = LookupBursts()
    asked = _rows(ROWS[:2])
    assert bursts.merge(asked, newest=newest_seen(asked), last=False).is_empty()
    for second, expected in ((119, 0), (120, 1)):
        later = _rows([(second, "tls", "c9", "example.org", None)])
        done = bursts.merge(later.clear(), newest=newest_seen(later), last=False)
        assert done.height == expected
    rollup = NamesRollup()
    rollup.add(asked)
    assert rollup.flush().is_empty()
    assert rollup.flush(newest=START + timedelta(minutes=25)).height == 1


def test_lookups_say_how_far_a_batch_of_both_has_come() -> None:
    assert newest_seen(_rows([])) is None
    assert newest_seen(_rows(ROWS)) == START + timedelta(seconds=62)
    assert newest_seen(_rows(ROWS[-2:])) == START + timedelta(seconds=5000)


def test_a_flood_of_names_is_handed_out_early_and_adds_up() -> None:
    flood: list[tuple[int, str, str, str, int | None]] = [
        (n // 10, "dns", "c1", f"{n}.example", None) for n in range(1000)
    ]
    bursts, rollup = LookupBursts(max_bursts=100), NamesRollup(max_clients=100)
    sightings, names = [], []
    for at in range(0, 1000, 50):
        rows = _rows(flood[at : at + 50])
        sightings.append(bursts.merge(rows, newest=newest_seen(rows), last=at == 950))
        rollup.add(rows)
        names.append(rollup.flush(final=at == 950))
    assert [done.height > 0 for done in sightings[:4]] == [False, False, True, False]
    assert [done.height for done in names[:3]] == [0, 0, 150]
    assert pl.concat(sightings)["lookups"].sum() == 1000
    assert sum(done["lookups"].sum() for done in names if done.height) == 1000


def test_open_buckets_leave_oldest_first() -> None:
    rollup = NamesRollup(max_clients=3)
    rollup.add(_rows([(s, "tls", f"c{s}", "a.example", None) for s in (0, 1, 900, 901)]))
    assert rollup.flush()["clients"].to_list() == [2]
    assert rollup.flush(final=True)["clients"].to_list() == [2]
