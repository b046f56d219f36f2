"""One input in memory: whatever batches it comes in, the same rows go to the store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.catalog.load import load
from sensor.ingest.intake import Intake, Origin
from sensor.ingest.pipeline import CatalogInUse
from sensor.match.blindness import Blindness
from sensor.match.index import Index
from sensor.match.naming import NameTable
from sensor.privacy.admission import Admission
from sensor.privacy.keys import Keys
from sensor.sources.interface import Batch
from tests.sensor.ingest.pipelines import pipeline_in, tables_of

START = datetime(2026, 11, 11, 9, 0, tzinfo=UTC)


def _observations() -> pl.DataFrame:
    """A lookup burst, a connection in two slices, the same request twice, a stranger, an internal host."""
    rows = [
        (0, "dns", "chatgpt.com", None, None, None),
        (1, "dns", "chatgpt.com", None, None, None),
        (2, "tls", "chatgpt.com", 3000, 0, 50000),
        (62, "tls", "chatgpt.com", 90000, 1, 50000),
        (70, "proxy", "claude.ai", 500, None, None),
        (70, "proxy", "claude.ai", 500, None, None),
        (80, "tls", "www.example.org", 10, 0, 50001),
        (90, "tls", "wiki.corp", 10, 0, 50002),
    ]
    frame = pl.DataFrame(
        [
            {
                "seen_at": START + timedelta(seconds=s), "duration_s": 1.0, "kind": kind, "host": host,
                "client": "10.0.0.1", "client_port": port, "server": "198.51.100.7", "server_port": 443,
                "transport": "tcp", "bytes_up": up, "bytes_down": up and up * 3, "slice": part,
                "started_at": START + timedelta(seconds=2) if port == 50000 else None, "action": "allowed",
                "method": "POST" if kind == "proxy" else None, "status": 200 if kind == "proxy" else None,
                "user_agent": "claude-cli/1.2.3 (external, cli)" if kind == "proxy" else None,
            }
            for s, kind, host, up, part, port in rows
        ],
        schema_overrides={"seen_at": schema.TIME, "started_at": schema.TIME},
    )  # fmt: skip
    return schema.OBSERVATIONS.conform(frame)


def _run(folder: Path, size: int) -> dict[str, pl.DataFrame]:
    rows = _observations()
    parts = [rows[at : at + size] for at in range(0, rows.height, size)]
    return tables_of(
        pipeline_in(folder), [Batch(n, {"observations": part}) for n, part in enumerate(parts, 1)]
    )


def test_a_volume_that_no_connection_has_is_unknown(tmp_path: Path) -> None:
    rows = _observations()[4:6].with_columns(bytes_up=pl.Series([2**63 - 1, 2**45]), bytes_down=pl.lit(2**62))
    told = tables_of(pipeline_in(tmp_path), [Batch(1, {"observations": rows})])
    assert told["sightings"].select("bytes_up", "bytes_down").sort("bytes_up").rows() == [
        (None, None), (2**45, None),
    ]  # fmt: skip
    assert told["names"]["bytes_up"].sum() == 2**45


@pytest.mark.parametrize("size", [1, 3, 100])
def test_batches_do_not_change_rows(size: int, tmp_path: Path) -> None:
    whole, cut = _run(tmp_path, 100), _run(tmp_path, size)
    for name, key in (("sightings", "event_id"), ("names", "host")):
        assert cut[name].sort(key).equals(whole[name].sort(key)), name


def test_what_is_stored_is_conformed_and_protected(tmp_path: Path) -> None:
    frames = _run(tmp_path, 100)
    for name, frame in frames.items():
        assert dict(frame.schema) == schema.TABLES[name].dtypes
    text = str([frame.rows() for frame in frames.values()])
    assert "10.0.0.1" not in text
    assert "wiki.corp" not in text
    assert "external, cli" not in text


def test_slices_and_requests_of_a_connection_are_counted_once(tmp_path: Path) -> None:
    rows = _run(tmp_path, 100)["sightings"].sort("seen_at", "event_id")
    assert rows.get_column("event_id").n_unique() == rows.height == 5
    assert rows.select("kind", "lookups", "connections", "requests").rows() == [
        ("dns", 1, 0, None),
        ("tls", None, 1, None),
        ("tls", None, 0, None),
        ("proxy", None, 1, 1),
        ("proxy", None, 1, 1),
    ]
    tls = rows.filter(pl.col("kind") == "tls")
    assert tls.get_column("connection").n_unique() == 1
    assert tls.get_column("flow").null_count() == 0
    assert tls.get_column("grade").to_list()[-1] == 4


def test_two_equal_lines_are_two_and_keep_their_ids(tmp_path: Path) -> None:
    once, again = (_run(tmp_path, 100)["sightings"].filter(pl.col("kind") == "proxy") for _ in range(2))
    assert once.height == 2
    assert once.get_column("event_id").n_unique() == 2
    assert set(once.get_column("event_id")) == set(again.get_column("event_id"))


def test_what_two_devices_did_at_once_is_no_copy(tmp_path: Path) -> None:
    """Each is in a file of its own, with the address of the office and times in seconds."""
    row = _observations().filter(pl.col("kind") == "proxy").head(1)
    ids = set()
    for device in ("ada-pc", "bob-pc", "ada-pc"):
        batch = Batch(1, {"observations": row.with_columns(device=pl.lit(device))})
        ids |= set(tables_of(pipeline_in(tmp_path), [batch])["sightings"]["event_id"])
    assert len(ids) == 2


def _connection(second: float, client: str, host: str | None, **more: object) -> dict[str, object]:
    began = START + timedelta(seconds=second)
    return {
        "seen_at": began, "started_at": began, "duration_s": 1.0, "slice": 0, "kind": "tls", "host": host,
        "name_from": host and "sni", "client": client, "client_port": 50000, "server": "198.51.100.7",
        "server_port": 443, "transport": "tcp", "bytes_up": 9000, "bytes_down": 90000, "ech_config": None,
        "action": "allowed", **more,
    }  # fmt: skip


def _answer(second: float, client: str, address: str | None, host: str, **more: object) -> dict[str, object]:
    told = {"answered_at": START + timedelta(seconds=second), "client": client, "address": address}
    return told | {"host": host, "ttl_s": 300, "ech_config": None, "ech_public_name": None} | more


COVER = "cover.example"


def _hidden() -> list[dict[str, pl.DataFrame]]:
    """Batches of answers and connections: real ECH with and without a known name, GREASE, encrypted DNS."""
    told = [
        [
            _answer(0, "10.0.0.1", None, "chatgpt.com", ech_config=7, ech_public_name=COVER),
            _answer(1, "10.0.0.1", "198.51.100.7", "chatgpt.com"),
        ],
        [_answer(3, "10.0.0.4", "198.51.100.7", "claude.ai")],
    ]
    seen = [
        [
            _connection(2, "10.0.0.1", COVER, ech_config=7),
            _connection(3, "10.0.0.2", COVER, ech_config=7),
            _connection(4, "10.0.0.3", "cloudflare-ech.com", ech_config=9),
        ],
        [
            _connection(5, "10.0.0.1", "gemini.google.com", ech_config=7),
            _connection(6, "10.0.0.4", None, kind="flow"),
            _connection(7, "10.0.0.5", "dns.google"),
            _connection(8, "10.0.0.5", None, server_port=51820, transport="udp", kind="flow"),
            _connection(9, "10.0.0.5", "dns.google", slice=1),
        ],
    ]
    overrides = {"ech_config": pl.Int64, "ech_public_name": pl.String, "answered_at": schema.TIME}
    minute = START.replace(second=0)
    batches = []
    for answers, rows in zip(told, seen, strict=True):
        flows = sum(row["slice"] == 0 for row in rows)
        counted = pl.DataFrame({"minute": [minute], "flows": flows, "named_flows": [3 if flows == 3 else 2]})
        batches.append(
            {
                "answers": schema.ANSWERS.conform(pl.DataFrame(answers, schema_overrides=overrides)),
                "observations": schema.OBSERVATIONS.conform(
                    pl.DataFrame(
                        rows, schema_overrides={"host": pl.String, "name_from": pl.String, **overrides}
                    )
                ),
                "coverage": schema.COVERAGE.conform(counted.cast({"minute": schema.TIME})),
            }
        )
    return batches


def test_answers_of_one_format_name_the_connections_of_another(tmp_path: Path) -> None:
    """They share a memory that is empty when the intake of each is made."""
    at, names = datetime(2026, 11, 23, 10, tzinfo=UTC), NameTable()
    resolver, firewall = (
        Intake(Origin("s", "hq", "v", kind), "in", Admission(Keys(tmp_path, "UTC")), names)
        for kind in ("suricata", "netflow")
    )
    answer = {"answered_at": [at], "client": "10.0.0.1", "address": "198.51.100.7", "host": "chatgpt.com"}
    flow = {"seen_at": [at], "client": "10.0.0.1", "server": "198.51.100.7", "kind": "flow"}
    told, seen = schema.ANSWERS.conform(pl.DataFrame(answer)), schema.OBSERVATIONS.conform(pl.DataFrame(flow))
    resolver.take(Batch(1, {"answers": told}))
    taken = firewall.take(Batch(1, {"observations": seen}))
    assert taken is not None
    assert taken.observations["host"].to_list() == ["chatgpt.com"]


def _with_blindness(folder: Path, batches: list[dict[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    pipeline = pipeline_in(folder, Blindness(load().blind_spots))
    return tables_of(pipeline, [Batch(n, frames) for n, frames in enumerate(batches, 1)])


def test_the_outer_name_of_ech_reaches_no_table(tmp_path: Path) -> None:
    frames = _with_blindness(tmp_path, _hidden())
    rows = frames["sightings"].sort("seen_at").select("host", "name_from", "app")
    assert rows.rows() == [
        ("chatgpt.com", "ech_dns", "openai/chatgpt"),
        ("gemini.google.com", "sni", "google/gemini"),
        ("claude.ai", "dns_answer", "anthropic/claude"),
    ]
    names = frames["names"].filter(pl.col("connections") > 0)["host"].to_list()
    assert sorted(names) == ["chatgpt.com", "claude.ai", "dns.google", "gemini.google.com"]
    confidence = dict(frames["sightings"].select("app", "confidence").iter_rows())
    assert confidence["openai/chatgpt"] < confidence["anthropic/claude"] < confidence["google/gemini"]


def test_what_names_tell_is_added_to_coverage(tmp_path: Path) -> None:
    """A connection is named or not after naming, hidden by ECH, or gone where the sensor is blind."""
    counted = _with_blindness(tmp_path, _hidden())["coverage"]
    columns = ("flows", "named_flows", "ech", "encrypted_dns", "vpn_relay")
    assert counted.select(columns).rows() == [(3, 1, 3, 0, 0), (4, 3, 0, 1, 1)]
    assert dict(counted.schema) == schema.COVERAGE.dtypes


def test_naming_does_not_depend_on_batches(tmp_path: Path) -> None:
    first, second = _hidden()
    together = {name: pl.concat([first[name], second[name]]) for name in first}
    whole, cut = _with_blindness(tmp_path, [together]), _with_blindness(tmp_path, [first, second])
    for name, key in (("sightings", "event_id"), ("names", "host")):
        assert cut[name].sort(key).equals(whole[name].sort(key)), name
    numbers = [c.name for c in schema.COVERAGE if c.dtype == pl.Int64]
    assert (
        cut["coverage"].select(pl.col(numbers).sum()).equals(whole["coverage"].select(pl.col(numbers).sum()))
    )


def test_another_catalog_from_the_next_batch_on(tmp_path: Path) -> None:
    pipeline, rows = pipeline_in(tmp_path), _observations()
    pipeline.add(Batch(1, {"observations": rows[:3]}))
    first = pipeline.flush(1, last=False)["sightings"]
    fewer = load().indicators.filter(pl.col("app").str.starts_with("anthropic/"))
    pipeline.use(CatalogInUse("2", Index.build(fewer)))
    pipeline.add(Batch(2, {"observations": rows[3:]}))
    second = pipeline.flush(2, last=True)["sightings"]
    assert first.select("kind", "catalog_version").rows() == [("tls", "1")]
    # The lookups were matched before; the second slice of chatgpt.com is no longer known.
    assert sorted(second.select("kind", "catalog_version").rows()) == [
        ("dns", "1"),
        ("proxy", "2"),
        ("proxy", "2"),
    ]
