"""Sessions told in several lines count once, wherever the lines are cut into blocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor import schema
from sensor.sources.logs.formats.cilium_hubble import CiliumHubbleFormat
from sensor.sources.logs.formats.cisco_asa import CiscoAsaFormat
from sensor.sources.logs.formats.cisco_ios import CiscoIosFormat
from sensor.sources.logs.formats.mikrotik import MikrotikFormat
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import SAID_AGAIN
from tests.sensor.sources.logs.formats.reading import read

T0 = datetime(2026, 10, 6, 10, 0, 0, tzinfo=UTC)
TEXT = ("reason", "kind", "action", "host", "name_from", "user_name", "device", "method", "session", "phase")
NUMBERS = (
    *("bytes_up", "bytes_down", "total_bytes_up", "total_bytes_down", "slice"),
    *("packets_up", "packets_down"),
)
TYPES = (
    dict.fromkeys(TEXT, pl.String())
    | dict.fromkeys(NUMBERS, pl.Int64())
    | dict.fromkeys(("at", "seen_at", "started_at"), schema.TIME)
)


def frame(*lines: dict[str, Any]) -> pl.DataFrame:
    """Finished rows, a second apart unless they say when."""
    rows = [{"at": T0 + timedelta(seconds=n), "kind": "flow"} | line for n, line in enumerate(lines)]
    rows = [{"seen_at": row["at"]} | row for row in rows]
    return pl.DataFrame([dict.fromkeys(TYPES) | row for row in rows], schema=TYPES)


def test_cumulative_counts_add_up_to_the_last() -> None:
    done = Sessions().take(
        frame(
            {"session": "a", "phase": "begin", "bytes_up": 10, "bytes_down": 1},
            {"session": "a", "phase": "update", "bytes_up": 300, "bytes_down": 40},
            {"session": "b", "phase": "end", "bytes_up": 7, "bytes_down": 7},
            {"session": "a", "phase": "end", "bytes_up": 1000, "bytes_down": 90},
        )
    )
    assert done["bytes_up"].to_list() == [10, 290, 7, 700]
    assert done["bytes_down"].to_list() == [1, 39, 7, 50]
    assert done["slice"].to_list() == [0, 1, 0, 2]
    assert done["started_at"].to_list() == [T0, T0, T0 + timedelta(seconds=2), T0]


def test_packets_since_the_beginning_are_shared_out_as_bytes_are() -> None:
    done = Sessions().take(
        frame(
            {"session": "a", "phase": "update", "bytes_up": 300, "packets_up": 3},
            {"session": "a", "phase": "end", "bytes_up": 1200, "packets_up": 12, "packets_down": 2},
            {"session": "b", "phase": "end", "packets_up": 1},
            {"session": "c", "phase": "delta", "bytes_up": 300, "total_bytes_up": 300, "packets_up": 3},
            {"session": "c", "phase": "delta", "bytes_up": 900, "total_bytes_up": 1200, "packets_up": 9},
        )
    )
    assert done["packets_up"].to_list() == [3, 9, 1, 3, 9]
    assert done["packets_down"].to_list() == [None, 2, None, None, None]


def test_own_counts_stay_and_never_exceed_what_is_new() -> None:
    done = Sessions().take(
        frame(
            {"session": "a", "phase": "update", "bytes_up": 100},
            {"session": "a", "phase": "delta", "bytes_up": 500, "total_bytes_up": 500},
            {"session": "a", "phase": "end-delta", "bytes_up": 50, "total_bytes_up": 550},
            {"session": "b", "phase": "delta", "bytes_up": 5},
            {"session": "b", "phase": "end-delta", "bytes_up": 6},
        )
    )
    assert done["bytes_up"].to_list() == [100, 400, 50, 5, 6]


def test_counts_since_the_line_before_are_part_of_the_total() -> None:
    memory = Sessions()
    one = memory.take(
        frame(
            {"session": "a", "phase": "update", "bytes_up": 100},
            {"session": "a", "phase": "delta", "bytes_up": 80, "bytes_down": 7},
            {"session": "b", "phase": "delta", "bytes_up": 5},
        )
    )
    two = memory.take(
        frame(
            {"session": "a", "phase": "delta", "bytes_up": 20},
            {"session": "a", "phase": "end", "bytes_up": 300},
            {"session": "b", "phase": "end-delta", "bytes_up": 6},
        )
    )
    assert [*one["bytes_up"], *two["bytes_up"]] == [100, 80, 5, 20, 100, 6]
    assert [*one["total_bytes_up"], *two["total_bytes_up"]] == [100, 180, 5, 200, 300, 11]
    assert [*one["total_bytes_down"], *two["total_bytes_down"]] == [None, 7, None, 7, 7, None]


def test_volume_takes_the_name_and_the_user_of_its_session() -> None:
    done = Sessions().take(
        frame(
            {
                "session": "a",
                "phase": "name",
                "host": "claude.ai",
                "name_from": "sni",
                "kind": "tls",
                "user_name": "jane",
            },
            {"session": "a", "phase": "end", "bytes_up": 9},
            {"session": "b", "phase": "name", "host": "x.example", "kind": "http", "method": "GET"},
            {"session": "b", "phase": "name", "host": "y.example", "kind": "http", "method": "GET"},
            {"session": "b", "phase": "end", "bytes_up": 9},
        )
    )
    assert done.row(1, named=True)["host"] == "claude.ai"
    assert done.select("kind", "name_from", "user_name").row(1) == ("tls", "sni", "jane")
    assert done["host"][4] is None, "two hosts on one connection: neither may claim its volume"
    assert done["slice"].to_list() == [0, 1, None, None, 2]


def test_the_line_that_names_a_session_begun_without_a_name_is_its_connection() -> None:
    opened = {"session": "a", "phase": "begin", "bytes_up": 78}
    named = {"session": "a", "phase": "name", "host": "claude.ai"}
    closed = {"session": "a", "phase": "end", "bytes_up": 5000}
    done = Sessions().take(frame(opened, named, closed))
    assert done["slice"].to_list() == [0, 0, 2]
    assert done["bytes_up"].to_list() == [78, None, 4922]
    # Bytes of two lines for one slice would be taken for the same.
    assert Sessions().take(frame(opened, {**closed, "host": "claude.ai"}))["slice"].to_list() == [0, 1]


def test_what_says_nothing_new_is_set_aside_but_a_refusal_counts() -> None:
    done = Sessions().take(
        frame(
            {"session": "a", "phase": "name", "kind": "dns", "host": "claude.ai"},
            {"session": "a", "phase": "name", "kind": "dns", "host": "claude.ai"},
            {"session": "a", "phase": "name", "kind": "dns", "host": "claude.ai", "action": "blocked"},
        )
    )
    assert done["reason"].to_list() == [None, SAID_AGAIN, None]


@pytest.mark.parametrize(
    ("before", "own", "action"),
    [
        ([("blocked", None)], None, "blocked"),
        ([("blocked", None)], "allowed", "allowed"),
        ([("allowed", None), ("blocked", "GET")], None, "blocked"),
        ([("allowed", "GET"), ("blocked", "POST")], None, None),
        ([("blocked", None), ("allowed", None)], None, None),
        ([], None, None),
    ],
)
def test_volume_without_a_verdict_takes_that_of_the_requests(
    before: list[tuple[str, str | None]], own: str | None, action: str | None
) -> None:
    said = [{"session": "a", "host": "x.test", "action": word, "method": verb} for word, verb in before]
    memory = Sessions()
    if said:
        memory.take(frame(*said))
    (ended,) = memory.take(
        frame({"session": "a", "phase": "end", "action": own, "bytes_up": 90}),
    ).rows(named=True)
    assert (ended["action"], ended["bytes_up"]) == (action, 90)


def test_a_key_opened_again_is_another_session() -> None:
    done = Sessions().take(
        frame(
            {"session": "a", "phase": "begin", "bytes_up": 1},
            {"session": "a", "phase": "end", "bytes_up": 100},
            {"session": "a", "phase": "begin", "bytes_up": 2},
            {"session": "a", "phase": "end", "bytes_up": 30},
        )
    )
    assert done["bytes_up"].to_list() == [1, 99, 2, 28]
    assert done["slice"].to_list() == [0, 1, 0, 1]


def test_lines_without_session_and_set_aside_ones_are_left_alone() -> None:
    given_rows = frame(
        {"bytes_up": 5}, {"session": "a", "phase": "end", "bytes_up": 5, "reason": "set aside: x"}
    )
    assert Sessions().take(given_rows).equals(given_rows)


def test_a_session_silent_for_a_day_is_forgotten() -> None:
    memory = Sessions()
    memory.take(frame({"session": "a", "phase": "update", "bytes_up": 10}))
    later = memory.take(
        frame({"session": "a", "phase": "update", "bytes_up": 12, "at": T0 + timedelta(days=2)})
    )
    assert later.select("slice", "bytes_up").row(0) == (0, 12)


LINE = st.fixed_dictionaries(
    {
        "session": st.sampled_from(["a", "b", "c"]),
        "phase": st.sampled_from(["begin", "name", "update", "end", "delta", "end-delta"]),
        "bytes_up": st.none() | st.integers(0, 1000),
        "host": st.none() | st.sampled_from(["x.example", "y.example"]),
    }
)


@given(st.lists(LINE, max_size=30), st.integers(1, 30))
@settings(max_examples=150, deadline=None)
def test_where_blocks_are_cut_changes_nothing(lines: list[dict[str, Any]], cut: int) -> None:
    whole = frame(*lines)
    memory = Sessions()
    parts = [memory.take(whole.slice(at, cut)) for at in range(0, whole.height, cut)]
    assert pl.concat([whole.clear(), *parts]).equals(Sessions().take(whole))


def test_a_line_of_a_wrong_clock_ends_no_other_session() -> None:
    sessions = Sessions()
    sessions.take(frame({"session": "a", "phase": "begin", "bytes_up": 10}))
    later = {"at": T0 + timedelta(minutes=5), "phase": "end"}
    done = sessions.take(
        frame(
            {"session": "a", "bytes_up": 900} | later,
            {"session": "b", "bytes_up": 7, "phase": "end", "at": T0 + timedelta(days=400)},
        )
    )
    assert done["bytes_up"].to_list() == [890, 7]
    assert done["slice"].to_list() == [1, 0]


def test_an_id_used_again_after_days_is_another_session_in_the_same_block_too() -> None:
    old = {"session": "a", "phase": "end", "bytes_up": 900, "host": "claude.ai"}
    new = old | {"bytes_up": 500, "host": None, "at": T0 + timedelta(days=3)}
    together = Sessions().take(frame(old, new))
    sessions = Sessions()
    apart = pl.concat([sessions.take(frame(old)), sessions.take(frame(new))])
    for done in (together, apart):
        assert done["bytes_up"].to_list() == [900, 500]
        assert done["slice"].to_list() == [0, 0]
        assert done["host"].to_list() == ["claude.ai", None]


def test_a_line_about_several_days_continues_what_began_with_them() -> None:
    at = T0 + timedelta(days=3)
    opened = {"session": "a", "phase": "begin", "bytes_up": 10}
    closed = {"session": "a", "phase": "end", "bytes_up": 900, "at": at, "seen_at": T0}
    together = Sessions().take(frame(opened, closed))
    sessions = Sessions()
    apart = pl.concat([sessions.take(frame(opened)), sessions.take(frame(closed))])
    assert together["bytes_up"].to_list() == apart["bytes_up"].to_list() == [10, 890]


_ASA = "%ASA-6-106100: access-list in permitted tcp in/10.1.2.3(40000) -> out/192.0.2.7(443) hit-cnt 1"
_IOS = "%SEC-6-IPACCESSLOGP: list 101 permitted tcp 10.1.2.3(40000) -> 192.0.2.7(443),"
_MIKROTIK = (
    "forward: in:b out:e, src-mac 00:11:22:33:44:55, proto TCP ({}), 10.1.2.3:40000->192.0.2.7:443, len 60"
)
_HUBBLE = (
    '{"flow":{"time":"2026-10-06T10:00:00Z","verdict":"FORWARDED","IP":{"source":"10.1.2.3","destination":"192.0.2.7"},'
    '"l4":{"TCP":{"source_port":40000,"destination_port":443}},"traffic_direction":"EGRESS"},"node_name":"n1"}'
)


@pytest.mark.parametrize(
    ("log_format", "lines"),
    [
        (CiscoAsaFormat, (f"{_ASA} first hit", f"{_ASA} 300-second interval")),
        (CiscoIosFormat, (f"{_IOS} 1 packet", f"{_IOS} 9 packets")),
        (MikrotikFormat, tuple(_MIKROTIK.format(flags) for flags in ("SYN", "ACK,PSH"))),
        (CiliumHubbleFormat, (_HUBBLE, _HUBBLE)),
    ],
)
def test_later_packets_of_a_connection_open_no_other(
    log_format: type[LogFormat], lines: tuple[str, ...]
) -> None:
    head = "" if log_format is CiliumHubbleFormat else "Oct  6 10:00:00 fw : "
    done = Sessions().take(read(log_format, "".join(f"{head}{line}\n" for line in lines)))
    assert done.select("slice", "reason").rows() == [(0, None), (1, SAID_AGAIN)]


def test_who_signed_in_during_a_session_is_no_line_of_it() -> None:
    done = Sessions().take(
        frame(
            {"session": "a", "phase": "name", "kind": "lease", "user_name": "ada"},
            {"session": "a", "phase": "name", "kind": "lease", "user_name": "jane"},
            {"session": "a", "phase": "end", "bytes_up": 10},
        )
    )
    assert done["reason"].null_count() == 3
    assert done["user_name"].to_list() == ["ada", "jane", None]
    assert done["slice"].to_list() == [None, None, 0]
