"""Stored sightings and another index: what is put back from the signature, what is weighed anew."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor import schema
from sensor.match.grade import grade
from sensor.match.index import Index
from sensor.match.match import match
from sensor.match.reclassify import reclassify, totals
from tests.sensor.match.conftest import indicators

NO_BEFORE = pl.DataFrame(
    schema={"key": pl.UInt64, "before_bytes_up": pl.Int64, "before_bytes_down": pl.Int64}
)
#: One of each way to hit, as the made-up catalog knows them.
SEEN: list[dict[str, Any]] = [
    {"host": "a.chat.example", "name_from": "sni", "user_agent": "Mozilla/5.0 (X11) open-cli/2"},
    {"host": "cdn.customer.test", "cname": "x.chat.example", "name_from": "sni"},
    {"host": "cdn.customer.test", "cname": "runtime.eu.cloud.example", "user_agent": "open-cli/1"},
    {"host": "api.open.example", "user_agent": "OpenSDK/Python 1.2"},
    {"host": "unknown.test", "user_agent": "open-cli/1.0"},
    {"host": "relay.test", "user_agent": "open-cli/1.0", "path": "/v1/messages", "kind": "http"},
    {"server": "192.0.2.200", "server_port": 443},
    {"host": "192.0.2.7", "name_from": "url", "server": "10.0.0.1"},
    {"host": "www.office.example", "path": "/ai/ask?x=1", "method": "POST", "status": 200, "kind": "http"},
    {"host": "www.office.example", "path": "/mail", "kind": "http", "method": "GET", "status": 200},
    {"host": "stats.chat.example", "kind": "dns", "name_from": "qname"},
    {"host": "gone.test", "origin": "chrome-extension://abcdefghijklmnopabcdefghijklmnop/"},
]


def with_extension() -> list[tuple[str, str, str, str, str]]:
    return [("open/addon", "extension_id", "abcdefghijklmnopabcdefghijklmnop", "extension", "use")]


def stored(observed: list[dict[str, Any]], index: Index) -> pl.DataFrame:
    """Observations as the lake keeps them: matched, graded, with less than was seen."""
    filled = [
        {"kind": "tls", "action": "allowed", "bytes_up": 50_000, "bytes_down": 9_000} | row
        for row in observed
    ]
    frame = schema.OBSERVATIONS.conform(pl.DataFrame(filled, infer_schema_length=None))
    frame = frame.with_columns(total_bytes_up="bytes_up", total_bytes_down="bytes_down")
    hits = match(frame, index)
    token = pl.col("user_agent").str.extract(r"^([A-Za-z0-9._+-]{1,40}(?:/[0-9]+(?:\.[0-9]+)?)?)")
    rows = hits.with_columns(grade=grade(hits), user_agent=token, catalog_version=pl.lit("1"))
    return totals(schema.SIGHTINGS.conform(rows), NO_BEFORE)


def test_the_same_catalog_says_the_same(index: Index) -> None:
    rows = stored(SEEN, index)
    assert rows.height >= 9
    assert reclassify(rows, index).is_empty()


@given(st.lists(st.sampled_from(SEEN), min_size=1, max_size=12), st.randoms())
def test_any_mixture_is_told_like_each_alone(index: Index, rows: list[dict[str, Any]], random: Any) -> None:
    several = [row | {"bytes_up": random.choice([None, 10, 3_000, 40_000])} for row in rows]
    frame = stored(several, index)
    assert frame.is_empty() or reclassify(frame, index).is_empty()


def test_what_no_indicator_knows_any_more_is_withdrawn(index: Index) -> None:
    rows = stored(SEEN, index)
    now = reclassify(rows, Index.build(indicators(("open/api", "suffix", "open.example", "site", "support"))))
    assert now.height == rows.height
    assert set(now.filter(pl.col("now_app").is_not_null())["host"]) == {"api.open.example"}
    assert now.filter(pl.col("now_app").is_null())["now_grade"].null_count() == rows.height - 1


def test_a_hidden_host_is_found_by_what_its_signature_says() -> None:
    index = Index.build(indicators(
        ("own/net", "address", "192.0.2.0/24", "api", "use"), *with_extension(),
        ("self/hosted", "port", "11434/api/generate", "api", "use"),
        ("self/named", "label", "tool", "candidate", "support"),
        ("self/told", "software", "server: openserve", "api", "use"),
    ))  # fmt: skip
    seen = [
        {"server": "192.0.2.7"},
        {"host": "page.test", "origin": "chrome-extension://abcdefghijklmnopabcdefghijklmnop/"},
        {"host": "ollama", "server_port": 11434, "path": "/api/generate", "kind": "http", "method": "POST"},
        {"host": "tool.corp.test", "name_from": "sni"},
        {"host": "box.corp.test", "software": "server: openserve/2\nx-other", "kind": "http"},
    ]
    rows = stored(seen, index)
    tokens = rows.with_columns(
        host=pl.when(pl.col("host").is_in(["ollama", "tool.corp.test", "box.corp.test"]))
        .then(pl.lit("h2951-abcdefghijklmnopqrstuvwxyz"))
        .otherwise("host"),
        server=pl.lit("a2951-abcdefghijklmnopqrstuvwxyz"),
    )
    assert rows.height == 5
    assert reclassify(tokens, index).is_empty()
    renamed = index.rows.with_columns(app=pl.lit("new/") + pl.col("app").str.extract(r"/(.*)$"))
    renamed = renamed.with_columns(
        signature="app" + pl.lit("#") + pl.col("kind") + pl.lit(":") + pl.col("value")
    )
    now = reclassify(tokens, Index.build(renamed.drop("row", "prefix")))
    assert sorted(now["now_app"]) == ["new/addon", "new/hosted", "new/named", "new/net", "new/told"]


@pytest.mark.parametrize(("baseline", "wanted"), [(6_000, 4), (60_000, 3)])
def test_grades_are_weighed_with_the_new_baseline(index: Index, baseline: int, wanted: int) -> None:
    rows = stored([{"host": "a.chat.example", "name_from": "sni"}], index)
    assert rows["grade"].to_list() == [4]
    other = index.rows.with_columns(upload_baseline_bytes=pl.lit(baseline), access=pl.lit("api"))
    now = reclassify(rows, Index.build(other.drop("row", "prefix")))
    assert now["now_grade"].to_list() == [wanted]


def test_blocked_stays_an_attempt(index: Index) -> None:
    rows = stored([{"host": "a.chat.example", "action": "blocked"}], index)
    other = index.rows.with_columns(upload_baseline_bytes=pl.lit(0), access=pl.lit("api"))
    now = reclassify(rows, Index.build(other.drop("row", "prefix")))
    assert now.select("action", "now_grade").rows() == [("blocked", 1)]


def test_slices_add_up_over_parts_and_doubt_is_told() -> None:
    slices = pl.DataFrame({
        "sensor": ["s", "s", "s", "t", "s", "s"],
        "connection": [1, 1, 2, 1, None, 3],
        "slice": [1, 0, 0, 0, None, 4],
        "bytes_up": [5, 7, 11, 13, 17, 19],
        "bytes_down": [1, None, 2, 3, 4, 5],
    })  # fmt: skip
    first = totals(slices, NO_BEFORE)
    assert first["total_bytes_up"].to_list() == [12, 7, 11, 13, 17, 19]
    assert first["total_bytes_down"].to_list() == [1, None, 2, 3, 4, 5]
    assert first["whole"].to_list() == [True, True, True, True, True, False]
    before = first.filter(pl.col("connection") == 1, pl.col("sensor") == "s").select(
        "key", before_bytes_up=pl.lit(12, pl.Int64), before_bytes_down=pl.lit(1, pl.Int64)
    ).head(1)  # fmt: skip
    later = slices.head(1).with_columns(slice=pl.lit(2, pl.Int64))
    assert totals(later, before).select("total_bytes_up", "whole").rows() == [(17, True)]
