"""Keys and tokens: what they hide, what they keep joinable, and for how long."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor import schema
from sensor.errors import LakeError
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import Pseudonyms, token, tokens

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)


def _sighting(**values: object) -> pl.DataFrame:
    row = {
        "seen_at": NOON,
        "client": "10.0.0.1",
        "user_name": "ada",
        "host": "chatgpt.com",
        "server": "8.8.8.8",
    }
    return schema.SIGHTINGS.conform(pl.DataFrame([row | values]).cast({"seen_at": schema.TIME}))


def _pseudonyms(folder: Path, level: str = "pseudonymous") -> Pseudonyms:
    return Pseudonyms(Keys(folder, "UTC"), level, lambda values: values.str.starts_with("10."))  # type: ignore[arg-type]


def test_keys_are_private_random_and_kept(tmp_path: Path) -> None:
    first = Keys(tmp_path, "UTC").of(217)
    assert first == Keys(tmp_path, "UTC").of(217) != Keys(tmp_path, "UTC").of(218)
    assert stat.S_IMODE((tmp_path / "keys" / "epoch-217.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_cut_key_is_refused(tmp_path: Path) -> None:
    Keys(tmp_path, "UTC").of(1)
    (tmp_path / "keys" / "epoch-1.key").write_bytes(b"short")
    with pytest.raises(LakeError, match="5 bytes"):
        Keys(tmp_path, "UTC").of(1)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Auckland", "America/New_York"])
def test_epochs_begin_on_a_monday_of_the_report_zone(tmp_path: Path, zone: str) -> None:
    from zoneinfo import ZoneInfo

    keys = Keys(tmp_path, zone)
    (epoch,) = keys.epochs_in(pl.Series([NOON], dtype=schema.TIME))
    begin, end = keys.bounds(epoch)
    assert begin <= NOON < end
    assert begin.astimezone(ZoneInfo(zone)).strftime("%a %H:%M") == "Mon 00:00"
    before, after = begin - timedelta(microseconds=1), begin
    assert keys.epochs_in(pl.Series([before, after], dtype=schema.TIME)) == [epoch - 13, epoch]


def test_identifying_columns_become_tokens_or_go(tmp_path: Path) -> None:
    row = (
        _pseudonyms(tmp_path)
        .protect(_sighting(client_port=50123), schema.SIGHTINGS, site="hq")
        .row(0, named=True)
    )
    assert row["client"].startswith("a") and "10.0.0.1" not in row["client"]
    assert row["user_name"].startswith("u") and "ada" not in row["user_name"]
    assert row["client_port"] is None
    assert (row["host"], row["server"]) == ("chatgpt.com", "8.8.8.8")


def test_internal_servers_are_tokens_too(tmp_path: Path) -> None:
    out = _pseudonyms(tmp_path).protect(
        _sighting(server="10.0.0.9", host="10.0.0.9"), schema.SIGHTINGS, site="hq"
    )
    assert "10.0.0.9" not in str(out.row(0))


def test_equal_values_join_within_site_and_epoch_only(tmp_path: Path) -> None:
    hide = _pseudonyms(tmp_path)
    same = [
        hide.protect(_sighting(), schema.SIGHTINGS, site=site).item(0, "client") for site in ("a", "a", "b")
    ]
    assert same[0] == same[1] != same[2]
    later = hide.protect(_sighting(seen_at=NOON + timedelta(weeks=13)), schema.SIGHTINGS, site="a")
    assert later.item(0, "client") != same[0]
    users = [
        hide.protect(_sighting(), schema.SIGHTINGS, site=site).item(0, "user_name") for site in ("a", "b")
    ]
    assert users[0] == users[1]


def test_a_secret_is_a_token_at_one_level_and_gone_at_the_others(tmp_path: Path) -> None:
    told: list[pl.DataFrame] = []

    class Listening:
        def remember_all(self, rows: pl.DataFrame) -> None:
            told.append(rows)

    sighting = _sighting(key_type="anthropic/api-key", key_print="00ff")
    for level, kept in (("pseudonymous", True), ("aggregate", False), ("clear", False)):
        pseudonyms = Pseudonyms(Keys(tmp_path, "UTC"), level, lambda v: v.is_null(), Listening())  # type: ignore[arg-type]
        value = pseudonyms.protect(sighting, schema.SIGHTINGS, site="hq")["key_print"][0]
        assert (value is not None) is kept and value != "00ff"
    assert told and "00ff" not in repr([rows.to_dicts() for rows in told])


def test_clear_is_clear(tmp_path: Path) -> None:
    frame = _sighting()
    assert _pseudonyms(tmp_path, "clear").protect(frame, schema.SIGHTINGS, site="a").equals(frame)


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_tokens_never_contain_and_seldom_collide(one: str, other: str) -> None:
    key = b"k" * 32
    first, second = (token(key, 7, "org", "user", value) for value in (one, other))
    assert (first == second) == (one == other)
    assert len(first) == len("u7-") + 16


@given(st.lists(st.text(max_size=60), max_size=9))
def test_tokens_of_many_are_those_of_each(values: list[str]) -> None:
    found = tokens(b"k" * 32, 7, "site:a", "address", pl.Series(values, dtype=pl.String))
    assert found.to_list() == [token(b"k" * 32, 7, "site:a", "address", value) for value in values]
