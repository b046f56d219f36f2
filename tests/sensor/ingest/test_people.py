"""Leases that follow from the lines of a gateway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from sensor import schema
from sensor.identity.known import Known
from sensor.identity.people import read
from sensor.identity.scope import Scopes
from sensor.identity.tables import Problems
from sensor.ingest.people import People
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import Pseudonyms
from sensor.privacy.rotation import LeaseRotation
from sensor.settings import Identity, Networks, Settings
from sensor.store.compaction import Terms, compact
from sensor.store.lake import Lake
from sensor.store.segments import Commits
from sensor.store.told import Told

AT = datetime(2026, 11, 17, 8, 2, tzinfo=UTC)
HITS = {
    "roams": pl.Boolean, "user_name": pl.String, "client": pl.String, "seen_at": schema.TIME,
    "duration_s": pl.Float64,
}  # fmt: skip


def leases(folder: Path, *hits: tuple[object, ...], on_site: bool = True) -> list[tuple[object, ...]]:
    """Account, address, and the minutes from AT between which the account is at it."""
    keys, scopes = Keys(folder, "UTC"), Scopes(Networks(proxies=("10.0.0.9/32",)))
    people = People(
        "hq", keys, Pseudonyms(keys, "clear", scopes.is_internal), Known(), LeaseRotation(keys),
        scopes if on_site else None,
    )  # fmt: skip
    frame = pl.DataFrame(hits, schema=HITS, orient="row")
    rows, _ = people.tables(schema.LEASES.empty(), keys.epochs_in(frame["seen_at"]), frame, last=True)
    spans = (((pl.col(name) - AT).dt.total_minutes()) for name in ("valid_from", "valid_to"))
    return rows.sort("valid_from").select("user_name", "address", *spans).rows()


def test_a_gateway_says_who_is_at_a_client(tmp_path: Path) -> None:
    later = AT + timedelta(minutes=20)
    hits = [
        (None, "ada", "10.0.0.1", AT, 1.0),
        (None, "ada", "10.0.0.1", AT + timedelta(minutes=1), None),  # one with the first
        (False, "bob", "10.0.0.1", later, 7200.0),  # lasts for two hours
        (None, "eve", "203.0.113.7", AT, 1.0),  # from outside
        (None, "all", "10.0.0.9", AT, 1.0),  # another gateway
        (True, "joe", "10.0.0.2", AT, 1.0),  # on a device that may be at home
        (None, None, "10.0.0.3", AT, 1.0),
        (None, "ann", None, AT, 1.0),
    ]
    expected = [("ada", "10.0.0.1", -3, 58), ("bob", "10.0.0.1", 17, 198)]
    assert leases(tmp_path, *hits) == leases(tmp_path, *hits[::-1]) == expected
    assert leases(tmp_path, *hits, on_site=False) == []


def test_such_a_lease_stays_in_its_epoch(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC")
    _, end = keys.bounds(keys.epochs_in(pl.Series([AT]))[0])
    last = end - timedelta(minutes=2)
    ((_, _, _, until),) = leases(tmp_path, (None, "ada", "10.0.0.1", last, 600.0))
    assert until == (end - AT) // timedelta(minutes=1)


def test_an_account_has_one_row_of_each_kind_of_file(tmp_path: Path) -> None:
    """Two would take turns; a file that knows no department takes none away."""
    (tmp_path / "people.csv").write_text("address,user_name\n10.0.0.1,ada\n10.0.0.2,ada\n")
    (tmp_path / "ad.csv").write_text("sAMAccountName,department\nada,Legal\nada,Sales\n")
    identity = Identity(people=tmp_path / "people.csv", directory=(tmp_path / "ad.csv",))
    known, keys = Known.of(Settings(identity=identity), Problems()), Keys(tmp_path, "UTC")
    names = Pseudonyms(keys, "clear", Scopes(Networks()).is_internal)
    people, nobody = People("hq", keys, names, known, LeaseRotation(keys)), pl.DataFrame(schema=HITS)
    _, rows = people.tables(schema.LEASES.empty(), keys.epochs_in(pl.Series([AT])), nobody, last=True)
    assert sorted(rows.select("origin", "department").rows()) == [("csv", None), ("export", "Sales")]


def test_what_the_lake_knows_of_people_is_not_stored_again(tmp_path: Path) -> None:
    """Each scan tells of all people, for each format: what changes, or was changed meanwhile, is stored."""
    keys, lake, epoch = Keys(tmp_path, "UTC"), Lake(tmp_path / "lake").create(), 2951
    (begin, _), noon = keys.bounds(epoch), AT

    def scan(*lines: str, compacted: bool = True) -> tuple[int, int]:
        """How many rows of leases and of the directory a scan stores, with these lines in the people file."""
        nonlocal noon
        noon += timedelta(hours=1)
        file = tmp_path / "people.csv"
        file.write_text("\n".join(["address,user_name,department,shared", *lines]))
        pseudonyms = Pseudonyms(keys, "pseudonymous", lambda hosts: hosts.is_null())
        known = Known(read(file))
        people = People("hq", keys, pseudonyms, known, LeaseRotation(keys), news=Told(lake).news)
        nobody = pl.DataFrame(schema=HITS)
        leases, directory = people.tables(schema.LEASES.empty(), [epoch], nobody, last=False)
        tables = {"leases": leases, "directory": directory}
        Commits(lake, "in", lambda: noon).commit(noon.hour, noon.hour + 1, tables)
        if compacted:
            compact(lake, Terms("UTC"), now=noon, settle=timedelta())
        return leases.height, directory.height

    ada, ben = "10.0.0.1,ada,Sales,", "10.0.0.2,ben,Sales,"
    assert scan(ada, ben) == (2, 2)
    assert scan(ben, ada) == (0, 0)
    assert scan(ada, "10.0.0.2,ben,Legal,") == (0, 1)
    assert scan(ada, ben) == (0, 1), "a change back is one, too"
    assert scan(ada, "10.0.0.2,ben,Legal,", compacted=False) == (0, 1)
    assert scan(ada, ben, compacted=False) == (0, 1), "the lake knows it, but the change waits in a segment"
    compact(lake, Terms("UTC"), now=noon, settle=timedelta())
    assert scan(ada, ben) == (0, 0)
    twice = "10.0.0.2,ben,Sales,no", "10.0.0.2,ben,Sales,yes"
    assert scan(*twice)[0] == scan(*twice)[0] == 2, (
        "of two rows about one key, which is the last must not alternate"
    )
    cold = lake.manifest()["tables"]["leases"]["cold"][f"{begin:%Y-%m-%d}"]
    assert [pl.read_parquet(lake.path / one)["shared"].sort().to_list() for one in cold] == [[False, True]]
