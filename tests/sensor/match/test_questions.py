"""Lookups are counted once, whatever a stub resolver, a search list and a forwarder make of them."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from sensor import schema
from sensor.match.bursts import LookupBursts
from sensor.match.questions import FORWARDED, NO_ADDRESS_ASKED, SUFFIXED, Questions

START = datetime(2026, 11, 11, 9, 0, 58, tzinfo=UTC)
LAPTOP, PHONE, RESOLVER, UPSTREAM = "10.1.0.7", "10.1.0.8", "10.1.0.53", "192.0.2.53"
#: seconds after the start, client, whom it asked, name
BURST = [
    (0.000, LAPTOP, RESOLVER, "api.openai.com"),  # A
    (0.001, LAPTOP, RESOLVER, "api.openai.com"),  # AAAA
    (0.002, LAPTOP, RESOLVER, "api.openai.com"),  # HTTPS
    (0.003, RESOLVER, UPSTREAM, "api.openai.com"),
    (0.004, RESOLVER, UPSTREAM, "api.openai.com"),
    (0.010, LAPTOP, RESOLVER, "api.openai.com.branch.corp.example"),
    (0.011, LAPTOP, RESOLVER, "api.openai.com.corp.example"),
    (0.012, LAPTOP, RESOLVER, "api.openai.com.corp"),
    (0.013, RESOLVER, UPSTREAM, "api.openai.com.corp.example"),
    (3.000, LAPTOP, RESOLVER, "api.openai.com"),  # asks again, in the next minute
    (3.100, PHONE, RESOLVER, "api.openai.com"),
    (3.200, PHONE, RESOLVER, "google.co"),
    (3.300, PHONE, RESOLVER, "google.co.uk"),
    (9.000, LAPTOP, RESOLVER, "api.openai.com"),  # another lookup
    (9.500, RESOLVER, UPSTREAM, "updates.example.net"),  # its own
]


def _rows(burst: list[tuple[float, str, str | None, str]], **more: str) -> pl.DataFrame:
    rows = [
        {"seen_at": START + timedelta(seconds=s), "kind": "dns", "client": c, "server": r, "host": h} | more
        for s, c, r, h in burst
    ]
    return schema.OBSERVATIONS.conform(pl.DataFrame(rows, schema_overrides={"seen_at": schema.TIME}))


@pytest.mark.parametrize("size", [1, 4, 6, 15])
def test_one_lookup_is_counted_once_wherever_batches_are_cut(size: int) -> None:
    questions, taken, aside = Questions(), [], {FORWARDED: 0, SUFFIXED: 0}
    for at in range(0, len(BURST), size):
        kept, counts = questions.mark(_rows(BURST[at : at + size]))
        taken.append(kept)
        for why, count in counts.items():
            aside[why] += count
    out = pl.concat(taken).group_by("client", "host").agg(pl.col("lookups").sum()).sort("client", "host")
    assert out.rows() == [
        (RESOLVER, "updates.example.net", 1),
        (LAPTOP, "api.openai.com", 2),
        (PHONE, "api.openai.com", 1),
        (PHONE, "google.co", 1),
        (PHONE, "google.co.uk", 1),
    ]
    assert aside == {FORWARDED: 3, SUFFIXED: 3} or aside == {FORWARDED: 2, SUFFIXED: 4}


def test_devices_behind_one_address_have_lookups_of_their_own() -> None:
    """NextDNS and roaming clients: the address is that of the office, the device tells who asked."""
    rows = _rows([(n, "203.0.113.1", None, "api.openai.com") for n in (0.0, 0.1, 1.0, 1.1)])
    devices = pl.Series("device", ["ada-pc", "ada-pc", "bob-pc", "bob-pc"])
    kept, _ = Questions().mark(rows.with_columns(devices))
    assert kept["lookups"].to_list() == [1, 0, 1, 0]
    bursts = LookupBursts().merge(kept.with_columns(input=pl.lit("in")), newest=None, last=True)
    assert sorted(bursts.select("device", "lookups").rows()) == [("ada-pc", 1), ("bob-pc", 1)]


def test_a_line_of_a_wrong_clock_disturbs_one_batch_only() -> None:
    questions, name = Questions(), "api.openai.com"
    times = (0.0, 86_400.0, 1.0, 2.0, 3.0)
    marked = [questions.mark(_rows([(s, LAPTOP, RESOLVER, name)]))[0] for s in times]
    assert pl.concat(marked)["lookups"].to_list() == [1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("qtype", "other", "action"),
    [
        ("HTTPS", {}, "allowed"),
        ("AAAA", {"after": 4.0}, "allowed"),
        ("SVCB", {"after": -4.0}, "allowed"),
        ("HTTPS", {"after": 60.0}, "blocked"),
        ("HTTPS", {"host": "other.example.com"}, "blocked"),
        ("HTTPS", {"client": PHONE}, "blocked"),
        ("HTTPS", {"action": "blocked"}, "blocked"),
        ("HTTPS", {"qtype": "ANY"}, "blocked"),
        ("CNAME", {}, "blocked"),  # the name itself may be what is refused
        (None, {}, "blocked"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_a_name_is_not_blocked_because_another_type_is_refused(
    qtype: str | None, other: dict[str, str | float], action: str, together: bool
) -> None:
    name, client = str(other.get("host", "chat.example.com")), str(other.get("client", LAPTOP))
    what = {"qtype": str(other.get("qtype", "A")), "action": str(other.get("action", "allowed"))}
    asked = _rows([(10.0 + float(other.get("after", 0.0)), client, RESOLVER, name)], **what)
    refused = _rows([(10.0, LAPTOP, RESOLVER, "chat.example.com")], action="blocked")
    refused = refused.with_columns(qtype=pl.lit(qtype, dtype=pl.String))
    questions = Questions()
    batches = [pl.concat([asked, refused])] if together else [asked, refused]
    marked = pl.concat([questions.mark(batch)[0] for batch in batches])
    assert marked["action"].to_list() == [what["action"], action]
    if action == "allowed" and together:
        assert marked["lookups"].sum() == 1


def test_questions_for_no_address_are_no_lookups() -> None:
    """A mail server asks for the records of every domain it exchanges mail with."""
    names = ["openai.com", "_dmarc.openai.com", "openai.com", "chat.example.com", "chat.example.com"]
    types = ["MX", "TXT", "A", "HTTPS", None]
    rows = _rows([(float(n), LAPTOP, RESOLVER, name) for n, name in enumerate(names)], action="allowed")
    kept, counts = Questions().mark(rows.with_columns(qtype=pl.Series(types, dtype=pl.String)))
    assert kept.select("host", "qtype", "lookups").rows() == [
        ("openai.com", "A", 1),
        ("chat.example.com", "HTTPS", 1),
        ("chat.example.com", None, 0),
    ]
    assert counts == {NO_ADDRESS_ASKED: 2}
    none, counts = Questions().mark(rows.head(2).with_columns(qtype=pl.lit("MX")))
    assert none.is_empty() and "lookups" in none.columns
    assert counts == {NO_ADDRESS_ASKED: 2}


def test_a_suffix_tried_first_is_set_aside_too() -> None:
    tries = [
        (0.0, LAPTOP, None, "api.openai.com.ns.svc.cluster.local"),
        (0.1, LAPTOP, None, "api.openai.com.svc.cluster.local"),
        (0.2, LAPTOP, None, "api.openai.com.cluster.local"),
        (0.3, LAPTOP, None, "api.openai.com"),
    ]
    kept, counts = Questions().mark(_rows(tries))
    assert kept["host"].to_list() == ["api.openai.com"]
    assert counts == {SUFFIXED: 3}


def test_others_names_and_later_ones_are_no_search_suffix() -> None:
    tries = [
        (0.0, LAPTOP, None, "api.openai.com"),
        (0.1, PHONE, None, "api.openai.com.corp.example"),
        (60.0, LAPTOP, None, "api.openai.com.corp.example"),
    ]
    kept, counts = Questions().mark(_rows(tries))
    assert (kept.height, counts) == (3, {})


def test_a_log_that_names_no_resolver_needs_a_declared_one() -> None:
    copied = [(0.0, LAPTOP, None, "chatgpt.com"), (0.1, RESOLVER, None, "chatgpt.com")]
    assert Questions().mark(_rows(copied))[0].height == 2
    declared = Questions(lambda clients: clients == RESOLVER)
    assert declared.mark(_rows(copied))[1] == {FORWARDED: 1}
    own_machine = [*copied[:1], (0.1, "127.0.0.1", None, "chatgpt.com")]
    assert Questions().mark(_rows(own_machine))[1] == {FORWARDED: 1}


def test_blocked_and_allowed_answers_of_one_lookup_are_counted_apart() -> None:
    last = _rows([(0.002, LAPTOP, RESOLVER, "api.openai.com")], action="blocked")
    both = pl.concat([_rows(BURST[:2], action="allowed"), last])
    kept, _ = Questions().mark(both)
    assert kept.group_by("action").agg(pl.col("lookups").sum()).sort("action").rows() == [
        ("allowed", 1), ("blocked", 1),
    ]  # fmt: skip


def test_what_is_no_question_passes_with_unknown_lookups() -> None:
    frame = _rows(BURST[:2]).with_columns(kind=pl.lit("tls"))
    kept, counts = Questions().mark(frame)
    assert kept.height == 2
    assert kept["lookups"].null_count() == 2
    assert counts == {}
