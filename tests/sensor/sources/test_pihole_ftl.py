"""Pi-hole's database: both schemas, verdicts, devices, privacy levels, hostile and broken files."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.sources import pihole_ftl
from sensor.sources.inputs.open import find
from sensor.sources.interface import HEAD_BYTES, Input
from sensor.sources.logs.text.reasons import HIDDEN, REVERSE
from sensor.sources.pihole_ftl import PiholeFtlSource

OLD = """
create table queries (id integer primary key autoincrement, timestamp integer not null, type integer not null,
  status integer not null, domain text not null, client text not null, forward text, additional_info text);
create table ftl (id integer primary key not null, value blob not null);
"""
NEW = """
create table query_storage (id integer primary key autoincrement, timestamp integer not null,
  type integer not null, status integer not null, domain integer not null, client integer not null,
  forward integer);
create table domain_by_id (id integer primary key, domain text not null);
create table client_by_id (id integer primary key, ip text not null, name text);
create view queries as select id, timestamp, type, status,
  case typeof(domain) when 'integer' then (select domain from domain_by_id d where d.id = q.domain)
    else domain end domain,
  case typeof(client) when 'integer' then (select ip from client_by_id c where c.id = q.client)
    else client end client
  from query_storage q;
create table ftl (id integer primary key not null, value blob not null);
"""
NETWORK = """
create table network (id integer primary key not null, hwaddr text unique not null, interface text not null,
  firstSeen integer not null, lastQuery integer not null, numQueries integer not null, macVendor text);
create table network_addresses (network_id integer not null, ip text unique not null,
  lastSeen integer not null, name text, nameUpdated integer);
insert into network values (1, '02:00:00:00:00:0A', 'eth0', 1700000000, 1700000500, 3, null);
insert into network values (2, 'ip-10.1.0.9', 'eth0', 1700000000, 1700000500, 3, null);
insert into network_addresses values (1, '10.1.0.7', 1700000600, 'ann-laptop', null);
insert into network_addresses values (2, '10.1.0.9', 1700000600, null, null);
insert into network_addresses values (1, '10.1.0.8', 0, 'never', null);
"""
AT_S = 1_700_000_000


def database(path: Path, script: str, rows: list[tuple[object, ...]], *, new: bool = False) -> Path:
    with sqlite3.connect(path) as made:
        made.executescript(script)
        for number, (at, kind, status, host, client) in enumerate(rows):
            if new:
                made.execute("insert into domain_by_id values (?, ?)", (number, host))
                made.execute("insert into client_by_id values (?, ?, null)", (number, client))
                host = client = number
            table = "query_storage" if new else "queries"
            made.execute(
                f"insert into {table} (timestamp, type, status, domain, client) values (?, ?, ?, ?, ?)",
                (at, kind, status, host, client),
            )
    made.close()
    return path


def read(path: Path) -> dict[str, pl.DataFrame]:
    (file,) = find([path]).files
    tables: dict[str, list[pl.DataFrame]] = {}
    for batch in PiholeFtlSource().read(Input((file,), file.identity)):
        for name, frame in batch.frames.items():
            tables.setdefault(name, []).append(getattr(schema, name.upper()).conform(frame))
    return {name: pl.concat(frames) for name, frames in tables.items()}


ROWS: list[tuple[object, ...]] = [
    (AT_S, 1, 2, "Chat.Example.com", "10.1.0.7"),
    (AT_S + 1.5, 16, 1, "ads.example.com", "10.1.0.7"),
    (AT_S + 2, 28, 0, "api.example.com", "2001:db8::7"),
    (AT_S + 3, 6, 2, "7.0.1.10.in-addr.arpa", "10.1.0.7"),
    (AT_S + 4, 1, 2, "hidden", "0.0.0.0"),
]


@pytest.mark.parametrize(("script", "new"), [(OLD, False), (NEW, True)])
def test_lookups_of_either_schema(tmp_path: Path, script: str, new: bool) -> None:
    tables = read(database(tmp_path / "pihole-FTL.db", script + NETWORK, ROWS, new=new))
    seen = tables["observations"]
    assert seen.select("client", "host", "action", "name_from").rows() == [
        ("10.1.0.7", "chat.example.com", "allowed", "qname"),
        ("10.1.0.7", "ads.example.com", "blocked", "qname"),
        ("2001:db8::7", "api.example.com", "unknown", "qname"),
    ]
    assert seen["seen_at"][0].timestamp() == AT_S
    reasons = dict(tables["rejects"].select("reason", "count").rows())
    assert reasons == {REVERSE: 1, HIDDEN: 1}
    assert tables["coverage"]["records"].sum() == len(ROWS)


def test_a_reply_that_refuses_is_blocked(tmp_path: Path) -> None:
    """An upstream filter answers so: `forwarded` is only how Pi-hole got the answer."""
    path = database(tmp_path / "ftl.db", OLD, ROWS[:1] * 3)
    with sqlite3.connect(path) as made:
        made.execute("alter table queries add column reply_type integer")
        made.execute("update queries set reply_type = case id when 1 then 2 when 2 then 8 else 4 end")
    made.close()
    assert read(path)["observations"]["action"].to_list() == ["blocked", "blocked", "allowed"]


def test_devices_become_leases(tmp_path: Path) -> None:
    (lease,) = read(database(tmp_path / "ftl.db", OLD + NETWORK, []))["leases"].rows(named=True)
    assert (lease["address"], lease["mac"], lease["device"]) == (
        "10.1.0.7",
        "02:00:00:00:00:0a",
        "ann-laptop",
    )
    assert (lease["valid_from"].timestamp(), lease["valid_to"].timestamp()) == (AT_S, AT_S + 600 + 3600)


def test_a_device_has_its_address_since_the_day_before_at_most(tmp_path: Path) -> None:
    """FTL knows since when it knows the device, not since when that has the address."""
    month = "update network_addresses set lastSeen = 1702594800 where ip = '10.1.0.7';"  # 14 December, 23:00
    (lease,) = read(database(tmp_path / "ftl.db", OLD + NETWORK + month, []))["leases"].rows(named=True)
    assert lease["valid_from"].isoformat() == "2023-12-13T00:00:00+00:00"


def test_a_lookup_has_the_name_that_its_client_had_then(tmp_path: Path) -> None:
    path = database(tmp_path / "ftl.db", NEW, ROWS[:3], new=True)
    with sqlite3.connect(path) as made:
        made.execute("update client_by_id set name = 'ann-laptop' where id = 0")
        made.execute("update client_by_id set name = '' where id = 1")
    made.close()
    assert read(path)["observations"]["device"].to_list() == ["ann-laptop", None, None]


def test_stretches_of_rows_join_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pihole_ftl, "ROWS", 7)
    rows: list[tuple[object, ...]] = [(AT_S + n, 1, 2, f"h{n}.example.com", "10.1.0.7") for n in range(50)]
    assert read(database(tmp_path / "ftl.db", OLD, rows))["observations"].height == 50


def test_recognised_by_its_schema(tmp_path: Path) -> None:
    path = database(tmp_path / "a b?#.db", OLD + NETWORK, ROWS)
    assert PiholeFtlSource.recognise(path.read_bytes()[:HEAD_BYTES]) > 0.9
    assert read(path)["observations"].height == 3
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as made:
        made.execute("create table queries (a)")
    assert PiholeFtlSource.recognise(other.read_bytes()) == 0


def test_a_compressed_database_is_copied(tmp_path: Path) -> None:
    data = database(tmp_path / "ftl.db", OLD, ROWS).read_bytes()
    path = tmp_path / "ftl.db.gz"
    import gzip

    path.write_bytes(gzip.compress(data))
    assert read(path)["observations"].height == 3


def test_broken_and_endless_databases_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torn = tmp_path / "torn.db"
    torn.write_bytes(database(tmp_path / "ftl.db", OLD, ROWS).read_bytes()[:5000])
    (reason,) = read(torn)["rejects"]["reason"]
    assert "cannot be read" in reason
    monkeypatch.setattr(pihole_ftl, "MAX_STEPS", 3_000_000)
    endless = """create view queries as with recursive n(id) as (select 1 union all select id + 1 from n)
      select id, 0 timestamp, 1 type, 2 status, 'a.example.com' domain, '10.0.0.1' client from n;
      create table domain_by_id (id); create table query_storage (id);"""
    made = database(tmp_path / "endless.db", endless, [])
    assert "interrupted" in " ".join(read(made)["rejects"]["reason"])


def test_odd_values_are_counted(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [
        (AT_S, 1, 2, b"\xff\xfe", "x"),
        ("soon", "x", None or 0, "a.example.com", b"\0"),
    ]
    tables = read(database(tmp_path / "ftl.db", OLD, rows))
    assert tables["rejects"]["count"].sum() + tables["observations"].height >= 2
