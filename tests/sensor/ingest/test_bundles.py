"""Small inputs that are read together give what each of them gives alone."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.cli.scan_outcome import progress_bar
from sensor.ingest import bundles, scan
from sensor.ingest.installation import Declared, Installation
from sensor.settings import SensorSettings, Settings
from sensor.sources.detect import kinds_by_name, plan
from sensor.sources.inputs.open import find
from sensor.sources.interface import Batch, Input, Source
from sensor.store.lake import Lake
from sensor.store.segments import Commits
from tests.product import compiled_once

START = datetime(2026, 11, 9, 8, 0, tzinfo=UTC)


def squid(nth: int) -> str:
    """Some tunnels; the last two lines are the same, and the first one is the last of the file before."""
    lines = [
        f"{(START + timedelta(seconds=40 * n)).timestamp():.3f}   1500 10.20.1.{n % 4} TCP_TUNNEL/200 9000 "
        f"CONNECT {('chatgpt.com', 'claude.ai', 'www.example.org')[n % 3]}:443 user{n % 5} "
        "HIER_DIRECT/192.0.2.7 -\n"
        for n in range(20 * nth, 20 * nth + 21)
    ]
    return "".join([*lines, lines[-1]])


def eve(nth: int) -> str:
    """The first file tells the address of a name; each has a connection to that address, and queries."""

    def at(second: float) -> str:
        return f"{START + timedelta(minutes=20 * nth, seconds=second):%Y-%m-%dT%H:%M:%S.%f+0000}"

    def event(second: float, kind: str, server: str, port: int, **more: object) -> dict[str, object]:
        return {
            "timestamp": at(second), "flow_id": 100 * nth + second, "event_type": kind, "proto": "TCP",
            "src_ip": "10.20.1.9", "src_port": 50000 + nth, "dest_ip": server, "dest_port": port, **more,
        }  # fmt: skip

    answer = {"rrname": "chatgpt.com", "rrtype": "A", "rdata": "192.0.2.50", "ttl": 86400}
    told = {"type": "answer", "rrname": "chatgpt.com", "rrtype": "A", "answers": [answer]}
    asked = {"type": "query", "rrname": "claude.ai", "rrtype": "A"}
    volume = {"bytes_toserver": 9000, "bytes_toclient": 90000, "pkts_toserver": 20, "pkts_toclient": 80}
    records = [event(0, "dns", "192.0.2.53", 53, dns=told)] if nth == 0 else []
    records += [event(second, "dns", "192.0.2.53", 53, dns=asked) for second in (1, 2, 40)]
    records.append(event(60, "flow", "192.0.2.50", 443, flow={"start": at(10), "end": at(59), **volume}))
    return "".join(json.dumps(record) + "\n" for record in records)


def leases(nth: int) -> str:
    moment = START + timedelta(minutes=nth)
    return (
        f"{moment:%Y-%m-%dT%H:%M:%S}Z gate dhcpd[77]: DHCPACK on 10.20.1.{nth} to 02:00:00:00:00:0{nth} "
        f"(laptop-{nth}) via eth0\n"
    ) * 2


ZEEK = Path(__file__).parents[3] / "pcaps" / "zeek-hour"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for nth in range(4):
        (folder / f"access-{nth}.log").write_text(squid(nth), encoding="utf-8")
        (folder / f"eve-{nth}.json").write_text(eve(nth), encoding="utf-8")
        (folder / f"dhcp-{nth}.log").write_text(leases(nth), encoding="utf-8")
        mixed = squid(nth + 9) + "no line of any format\n" + leases(nth + 4)
        (folder / f"mixed-{nth}.log.gz").write_bytes(gzip.compress(mixed.encode()))
    (folder / "copy.log").write_text(squid(2), encoding="utf-8")
    shutil.copytree(ZEEK, folder / "zeek")
    return folder


def installation(folder: Path, state: Path, **settings: object) -> Installation:
    return Installation(Settings.model_validate({"lake": folder, "state": state} | settings), Declared())


def read(shared: Installation, files: Sequence[Path]) -> scan.Outcome:
    planned = plan(find(files).files)
    return scan.run(shared, planned, replace=False, progress_bar=partial(progress_bar, quiet=True))


def stored(lake: Lake) -> dict[str, pl.DataFrame]:
    """The rows of all segments, by table; where equal rows came from does not matter for histories."""
    out = {}
    for table in schema.STORED:
        rows = pl.read_parquet(lake.hot(table) / "part=*" / "*.parquet", hive_partitioning=False)
        rows = table.conform(rows).drop("landed_at", strict=False)
        out[table.name] = (rows if "input" in rows.columns else rows.unique()).sort(pl.all())
    return out


def test_together_or_alone_the_same_rows_are_stored(files: Path, tmp_path: Path) -> None:
    state = compiled_once(tmp_path / "state")
    settings = {"names_by_client": True, "privacy": "clear"}
    together = read(installation(tmp_path / "together", state, **settings), [files])
    alone = [
        read(installation(tmp_path / "alone", state, **settings), [path]) for path in sorted(files.iterdir())
    ]
    one, other = stored(Lake(tmp_path / "together")), stored(Lake(tmp_path / "alone"))
    for name in one:
        if name not in ("sensors", "catalog"):
            assert one[name].equals(other[name]), name
    assert not one["names_by_client"].is_empty()
    assert one["sightings"].filter(pl.col("name_from") == "dns_answer").height == 1
    assert one["leases"].height >= 8
    assert len(together.unchanged) == 1, "the copy, or what it is a copy of"
    told = {summary.name: summary for _, _, summary in together.read}
    summaries = [summary for outcome in alone for _, _, summary in outcome.read]
    assert len(told) == 18 and [s for s in summaries if s != told.get(s.name, s)] == []


def test_an_input_read_again_keeps_what_others_of_its_bundle_told_of_people(
    files: Path, tmp_path: Path
) -> None:
    shared = installation(tmp_path / "lake", compiled_once(tmp_path / "state"))
    read(shared, sorted(files.glob("dhcp-*.log")))
    before = stored(shared.lake)["leases"]
    assert before["address"].n_unique() == 4
    planned = plan(find([files / "dhcp-0.log"]).files)
    scan.run(shared, planned, replace=True, progress_bar=partial(progress_bar, quiet=True))
    assert stored(shared.lake)["leases"].equals(before)


def test_what_was_bundled_is_known_by_the_next_scan(files: Path, tmp_path: Path) -> None:
    shared = installation(tmp_path / "lake", compiled_once(tmp_path / "state"))
    read(shared, [files])
    before = stored(shared.lake)
    again = read(shared, [files])
    assert again.read == [] and len(again.unchanged) == 19
    after = stored(shared.lake)
    assert all(after[name].equals(before[name]) for name in before if name not in ("sensors", "catalog"))


def test_a_log_that_has_grown_goes_on_alone(tmp_path: Path) -> None:
    shared = installation(tmp_path / "lake", compiled_once(tmp_path / "state"))
    log, other = tmp_path / "access.log", tmp_path / "other.log"
    log.write_text("".join(squid(nth) for nth in range(40)), encoding="utf-8")
    other.write_text(squid(50), encoding="utf-8")
    read(shared, [log, other])
    with log.open("a", encoding="utf-8") as growing:
        growing.write(squid(60))
    outcome = read(shared, [log, other])
    assert [summary.records for _, _, summary in outcome.read] == [22]
    assert outcome.unchanged == [str(other)]


class _Given(Source):
    """Batches at some positions."""

    name = "given"
    vantage = "proxy"
    proof = ()

    def __init__(self, *positions: int, fails: bool = False) -> None:
        super().__init__()
        self._positions, self._fails = positions, fails

    @classmethod
    def recognise(cls, head: bytes) -> float:
        return 0.0

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        for position in self._positions:
            yield Batch(position, {})
        if self._fails:
            raise OSError(5, "input/output error")


def _input(path: Path, size: int) -> Input:
    path.write_bytes(b"x" * size)
    (file,) = find([path]).files
    return Input((file,), file.identity)


def test_only_what_comes_in_few_batches_is_bundled(tmp_path: Path) -> None:
    small = _input(tmp_path / "small", 10)
    assert bundles.read_small(_Given(), small) == []
    assert [batch.position for batch in bundles.read_small(_Given(7, 7), small) or ()] == [7, 7]
    assert [batch.position for batch in bundles.read_small(_Given(7, 8), small) or ()] == [7, 8]
    assert bundles.read_small(_Given(*[7] * (bundles.MOST_BATCHES + 1)), small) is None
    assert bundles.read_small(_Given(7, fails=True), small) is None
    assert bundles.read_small(_Given(7), _input(tmp_path / "large", bundles.PLAIN_BYTES + 1)) is None


def test_bundles_are_processed_once_they_are_full_and_in_their_order(tmp_path: Path) -> None:
    shared = installation(tmp_path / "lake", compiled_once(tmp_path / "state"))
    shared.lake.create()
    squid_kind = kinds_by_name()["squid"]
    names: list[str] = []
    for nth in range(3):
        (tmp_path / f"{nth}.log").write_text(squid(nth), encoding="utf-8")
    inputs = [source_input for _, source_input in plan(find(sorted(tmp_path.glob("*.log"))).files).inputs]
    with bundles.Bundles(lambda kind, first: shared.mixture(kind, first, [])) as waiting:
        for source_input in inputs:
            batches = bundles.read_small(shared.source(squid_kind, SensorSettings(name="s")), source_input)
            assert batches is not None
            summary = scan.Summary(source_input.name, "squid")
            waiting.add(
                bundles.Member(squid_kind, source_input, shared.commits(source_input), summary, batches)
            )
            assert waiting.holds(source_input)
        waiting.finish()
        assert not any(map(waiting.holds, inputs))
    for source_input in inputs:
        names += [source_input.name] if shared.commits(source_input).progress().complete else []
    assert names == [source_input.name for source_input in inputs]


def _grown(tmp_path: Path) -> tuple[Installation, Path, Commits]:
    """A folder of two Zeek logs that was scanned, and has got a third one."""
    shared, folder = installation(tmp_path / "lake", compiled_once(tmp_path / "state")), tmp_path / "zeek"
    folder.mkdir()
    for name in ("conn.log", "ssl.log"):
        shutil.copy(ZEEK / name, folder)
    read(shared, [folder])
    ((_, source_input),) = plan(find([folder]).files).inputs
    shutil.copy(ZEEK / "http.log", folder)
    return shared, folder, shared.commits(source_input)


def test_a_set_of_files_that_has_grown_takes_the_place_of_what_it_was(tmp_path: Path) -> None:
    shared, folder, before = _grown(tmp_path)
    assert before.progress().complete
    read(shared, [folder])
    assert not before.progress().complete
    alone = installation(tmp_path / "alone", tmp_path / "state")
    read(alone, [folder])
    assert stored(shared.lake)["sightings"].equals(stored(alone.lake)["sightings"])


def test_what_was_read_of_a_set_is_kept_until_all_of_it_is_read(tmp_path: Path) -> None:
    shared, folder, before = _grown(tmp_path)
    rows, planned = stored(shared.lake)["sightings"], plan(find([folder]).files)
    (folder / "ssl.log").unlink()
    outcome = scan.run(shared, planned, replace=False, progress_bar=partial(progress_bar, quiet=True))
    assert len(outcome.unreadable) == 1 and before.progress().complete
    left = stored(shared.lake)["sightings"]
    assert rows.join(left, on="event_id", how="anti").is_empty() and not rows.is_empty()


def test_what_was_read_of_a_set_is_kept_where_its_key_was_shredded(tmp_path: Path) -> None:
    shared, folder, before = _grown(tmp_path)
    for epoch in shared.keys.epochs():
        shared.keys.shred(epoch.number, datetime.now(UTC))
    rows = stored(shared.lake)["sightings"]
    read(shared, [folder])
    assert before.progress().complete
    assert rows.join(stored(shared.lake)["sightings"], on="event_id", how="anti").is_empty()
