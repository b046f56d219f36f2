"""The journey of one input in memory: whatever batches it comes in, the same rows go to the store."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.catalog.load import load
from sensor.errors import LakeError
from sensor.identity.scope import Scopes
from sensor.journey import Summary, run
from sensor.match.blindness import Blindness
from sensor.match.index import Index
from sensor.pipeline import Origin, Pipeline
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import Pseudonyms
from sensor.settings import Networks
from sensor.sources.interface import Batch, Input, Source
from sensor.store.segments import Commits

START = datetime(2026, 11, 11, 9, 0, tzinfo=UTC)
INDEX = Index.build(load().indicators)


def _pipeline(folder: Path, blindness: Blindness | None = None) -> Pipeline:
    scopes, keys = Scopes(Networks()), Keys(folder, "UTC")
    pseudonyms = Pseudonyms(keys, "pseudonymous", scopes.is_internal)
    origin = Origin("s", "hq", "span", "test", "in")
    return Pipeline(origin, INDEX, "1", scopes, keys, pseudonyms, blindness=blindness)


def _process(pipeline: Pipeline, batch: Batch, *, last: bool) -> dict[str, pl.DataFrame]:
    pipeline.add(batch)
    return pipeline.flush(batch.position, last=last)


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
    pipeline, rows = _pipeline(folder), _observations()
    parts = [rows[at : at + size] for at in range(0, rows.height, size)]
    done = [
        _process(pipeline, Batch(n, {"observations": part}), last=n == len(parts))
        for n, part in enumerate(parts, 1)
    ]
    return {name: pl.concat(frames[name] for frames in done) for name in done[0]}


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


def test_counts(tmp_path: Path) -> None:
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


def _journey(folder: Path, batches: list[dict[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    pipeline = _pipeline(folder, Blindness(load().blind_spots))
    done = [
        _process(pipeline, Batch(n, frames), last=n == len(batches)) for n, frames in enumerate(batches, 1)
    ]
    return {name: pl.concat(frames[name] for frames in done) for name in done[0]}


def test_the_outer_name_of_ech_reaches_no_table(tmp_path: Path) -> None:
    frames = _journey(tmp_path, _hidden())
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
    counted = _journey(tmp_path, _hidden())["coverage"]
    columns = ("flows", "named_flows", "ech", "encrypted_dns", "vpn_relay")
    assert counted.select(columns).rows() == [(3, 1, 3, 0, 0), (4, 3, 0, 1, 1)]
    assert dict(counted.schema) == schema.COVERAGE.dtypes


def test_naming_does_not_depend_on_batches(tmp_path: Path) -> None:
    first, second = _hidden()
    together = {name: pl.concat([first[name], second[name]]) for name in first}
    whole, cut = _journey(tmp_path, [together]), _journey(tmp_path, [first, second])
    for name, key in (("sightings", "event_id"), ("names", "host")):
        assert cut[name].sort(key).equals(whole[name].sort(key)), name
    numbers = [c.name for c in schema.COVERAGE if c.dtype == pl.Int64]
    assert (
        cut["coverage"].select(pl.col(numbers).sum()).equals(whole["coverage"].select(pl.col(numbers).sum()))
    )


class _Told(Source):
    """Gives the batches it was told."""

    name, help, vantage, proof = "told", "", "packets", ()

    def __init__(self, batches: list[Batch]) -> None:
        super().__init__()
        self._batches = batches
        #: number of commits seen when each batch was asked for
        self.committed: list[int] = []
        self.commits = _Noted()

    @classmethod
    def recognise(cls, head: bytes) -> float:
        return 0.0

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        for batch in self._batches:
            self.committed.append(len(self.commits.done))
            yield batch


class _Noted(Commits):
    """Remembers commits instead of writing them."""

    def __init__(self) -> None:
        self.done: list[tuple[int, int, int]] = []

    def commit(self, begin: int, end: int, frames: Mapping[str, pl.DataFrame]) -> None:
        self.done.append((begin, end, frames["sightings"].height))

    def finish(self, position: int) -> None:
        self.done.append((position, position, -1))


def _told(folder: Path, *batches: Batch, behind: bool = False) -> _Told:
    source = _Told(list(batches))
    pipeline = _pipeline(folder)
    summary = Summary("in", pipeline._origin)
    run(source, Input((), "in"), pipeline, source.commits, summary, behind=behind)
    assert summary.observations == sum(batch.frames["observations"].height for batch in batches)
    return source


def test_a_batch_that_knows_is_committed_before_the_next_one_is_asked_for(tmp_path: Path) -> None:
    rows = _observations()
    source = _told(
        tmp_path,
        Batch(1, {"observations": rows[:4]}, last=False),
        Batch(2, {"observations": rows[4:]}, last=True),
    )
    assert source.committed == [0, 1]
    # The burst of lookups waits for the end.
    assert source.commits.done == [(0, 1, 2), (1, 2, 3), (2, 2, -1)]


def test_a_batch_that_does_not_know_is_held_back(tmp_path: Path) -> None:
    rows = _observations()
    source = _told(tmp_path, Batch(1, {"observations": rows[:4]}), Batch(2, {"observations": rows[4:]}))
    assert source.committed == [0, 0]
    assert source.commits.done == [(0, 1, 2), (1, 2, 3), (2, 2, -1)]
    assert _told(tmp_path).commits.done == [(0, 0, 0), (0, 0, -1)]


@pytest.mark.parametrize("behind", [False, True])
def test_parts_of_one_position_are_committed_together(behind: bool, tmp_path: Path) -> None:
    rows = _observations()
    parts = (
        Batch(1, {"observations": rows[:3]}),
        Batch(2, {"observations": rows[3:5]}, is_part=True),
        Batch(2, {"observations": rows[5:]}),
    )
    source = _told(tmp_path, *parts, behind=behind)
    whole = [(0, 2, 5), (2, 2, -1)]  # a file's first batches wait for the others
    assert source.commits.done == (whole if behind else [(0, 1, 1), (1, 2, 4), (2, 2, -1)])


def test_work_behind_the_reading_commits_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.journey._FEW_ROWS", 1)
    rows = _observations()
    batches = [Batch(n, {"observations": rows[n - 1 : n]}) for n in range(1, rows.height + 1)]
    alone, together = (_told(tmp_path, *batches, behind=behind).commits.done for behind in (False, True))
    # Four at a time, with the same rows in all.
    assert [end for _, end, _ in together] == [4, 8, 8]
    assert sum(count for *_, count in together) == sum(count for *_, count in alone)


def test_what_reading_and_storing_raise_reaches_the_caller(tmp_path: Path) -> None:
    class Broken(_Told):
        def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
            yield from super().read(source_input)
            raise OSError("the disk is gone")

    class Full(_Noted):
        def commit(self, begin: int, end: int, frames: Mapping[str, pl.DataFrame]) -> None:
            raise LakeError("no space left on device")

    rows, pipeline = _observations(), _pipeline(tmp_path)
    batches = [Batch(n, {"observations": rows[:n]}) for n in range(1, 10)]
    source, summary = Broken(batches), Summary("in", pipeline._origin)
    with pytest.raises(OSError, match="disk is gone"):
        run(source, Input((), "in"), pipeline, source.commits, summary, behind=True)
    assert [end for _, end, _ in source.commits.done] == [9]  # all that was read
    with pytest.raises(LakeError, match="no space"):
        run(_Told(batches), Input((), "in"), pipeline, Full(), summary, behind=True)


@pytest.mark.parametrize("behind", [False, True])
def test_what_was_read_in_part_or_failed_to_be_given_is_not_committed(behind: bool, tmp_path: Path) -> None:
    rows = _observations()

    class Breaks(_Told):
        def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
            yield from super().read(source_input)
            raise OSError("the disk is gone")

    parts = [Batch(1, {"observations": rows[:3]}), Batch(2, {"observations": rows[3:5]}, is_part=True)]
    source, one = Breaks([*parts, parts[1]]), _pipeline(tmp_path / "part")
    with pytest.raises(OSError, match="disk is gone"):
        run(source, Input((), "in"), one, source.commits, Summary("in", one._origin), behind=behind)
    assert [end for _, end, _ in source.commits.done] == ([] if behind else [1])

    class Full(Pipeline):
        def flush(self, position: int, *, last: bool) -> dict[str, pl.DataFrame]:
            super().flush(position, last=last)
            raise OSError("no room for the vault")

    other = _pipeline(tmp_path / "full")
    other.__class__ = Full
    told = _Told([Batch(n, {"observations": rows}) for n in range(1, 4)])
    with pytest.raises(OSError, match="vault"):
        run(told, Input((), "in"), other, told.commits, Summary("in", other._origin), behind=behind)
    assert not told.commits.done


def test_much_that_waits_is_committed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.journey._MAX_WAITING", 1)
    rows = _observations()
    batches = [Batch(n, {"observations": rows[n - 1 : n]}, is_part=False) for n in range(1, 9)]
    monkeypatch.setattr("sensor.journey._MOST_TOGETHER", 2)
    ends = [end for _, end, _ in _told(tmp_path, *batches, behind=True).commits.done]
    assert ends == [2, 4, 6, 8, 8]


def test_batches_are_taken_together_until_they_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, taken = _observations(), list[int]()

    class Watched(Pipeline):
        def add(self, batch: Batch) -> None:
            taken.append(batch.frames["observations"].height)
            super().add(batch)

    def takings(count: int, height: int) -> list[int]:
        taken.clear()
        pipeline = _pipeline(tmp_path / f"{count}-{height}-{len(list(tmp_path.iterdir()))}")
        pipeline.__class__ = Watched
        told = _Told([Batch(n, {"observations": rows[:height]}) for n in range(1, count + 1)])
        run(told, Input((), "in"), pipeline, told.commits, Summary("in", pipeline._origin), behind=True)
        return list(taken)

    assert takings(9, 1) == [9]  # next to nothing each
    monkeypatch.setattr("sensor.journey._FEW_ROWS", 4)
    assert takings(9, 1) == [4, 4, 1]
    monkeypatch.setattr("sensor.journey._FEW_ROWS", 1)
    assert takings(8, 1) == [2, 2, 2, 2]
    monkeypatch.setattr("sensor.journey._ENOUGH_ROWS", 6)
    assert takings(5, 3) == [6, 6, 3]
    monkeypatch.setattr("sensor.journey._FEW_ROWS", 1000)
    monkeypatch.setattr("sensor.journey._ENOUGH_ROWS", 1000)
    monkeypatch.setattr("sensor.journey._MOST_TOGETHER", 5)
    assert takings(9, 1) == [5, 4]


def test_another_catalog_from_the_next_batch_on(tmp_path: Path) -> None:
    pipeline, rows = _pipeline(tmp_path), _observations()
    first = _process(pipeline, Batch(1, {"observations": rows[:3]}), last=False)["sightings"]
    pipeline.use(Index.build(load().indicators.filter(pl.col("app").str.starts_with("anthropic/"))), "2")
    second = _process(pipeline, Batch(2, {"observations": rows[3:]}), last=True)["sightings"]
    assert first.select("kind", "catalog_version").rows() == [("tls", "1")]
    # The lookups were matched before; the second slice of chatgpt.com is no longer known.
    assert sorted(second.select("kind", "catalog_version").rows()) == [
        ("dns", "1"),
        ("proxy", "2"),
        ("proxy", "2"),
    ]
