"""What is excluded or of a closed week goes no further, and is counted."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from sensor import schema
from sensor.privacy.admission import EXCLUDED, SHREDDED, Admission
from sensor.privacy.keys import Keys

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)


def _frames(*pairs: tuple[str, str | None]) -> dict[str, pl.DataFrame]:
    rows = [{"seen_at": NOON, "client": client, "server": server} for client, server in pairs]
    seen = schema.OBSERVATIONS.conform(pl.DataFrame(rows, schema_overrides={"seen_at": schema.TIME}))
    told = pl.DataFrame([{"answered_at": NOON, "client": client} for client, _ in pairs])
    return {"observations": seen, "answers": schema.ANSWERS.conform(told)}


PAIRS = (
    ("10.0.0.1", "1.1.1.1"),
    ("10.99.0.1", "1.1.1.1"),
    ("10.0.0.2", "10.99.0.9"),
    ("::ffff:10.99.0.3", None),
)


def test_an_excluded_network_is_looked_at_on_neither_side(tmp_path: Path) -> None:
    out = Admission(Keys(tmp_path, "UTC"), exclude=["10.99.0.0/16"]).admit(_frames(*PAIRS), 7)
    assert out["observations"]["client"].to_list() == ["10.0.0.1"]
    assert out["answers"]["client"].to_list() == ["10.0.0.1", "10.0.0.2"]
    assert out["rejects"].select("place", "reason", "count").rows() == [("7", EXCLUDED, 3)]


def test_only_some_networks(tmp_path: Path) -> None:
    out = Admission(Keys(tmp_path, "UTC"), only=["10.0.0.0/24"]).admit(_frames(*PAIRS), 0)
    assert out["observations"]["client"].to_list() == ["10.0.0.1", "10.0.0.2"]


def test_only_origins_in_the_settings_are_admitted(tmp_path: Path) -> None:
    origins = ["dhcp", "directory", "mdns", None]
    told = schema.LEASES.conform(
        pl.DataFrame([{"valid_from": NOON, "address": "10.0.0.1", "origin": origin} for origin in origins])
    )
    seen = _frames(("10.0.0.1", None))["observations"].with_columns(
        user_name=pl.lit("ada"), device=pl.lit("pad")
    )
    frames, keys = {"observations": seen, "leases": told}, Keys(tmp_path, "UTC")
    named = Admission(keys, origins=["dhcp"]).admit(frames, 0)
    assert named["leases"]["origin"].to_list() == ["dhcp"]
    assert named["observations"].select("user_name", "device").row(0) == (None, None)
    logs = Admission(keys, origins=["log"], leases=True).admit(frames, 0)
    assert logs["leases"].is_empty() and logs["observations"]["user_name"].to_list() == ["ada"]
    silent = Admission(keys, leases=False).admit(frames, 0)
    assert silent["leases"].is_empty() and silent["observations"]["user_name"].to_list() == ["ada"]
    assert Admission(keys).admit(frames, 0)["leases"].equals(told)


def test_a_shredded_epoch_takes_no_more_rows(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC")
    (epoch,) = keys.epochs_in(pl.Series([NOON]))
    keys.of(epoch)
    frames = _frames(*PAIRS)
    assert Admission(keys).admit(frames, 0)["observations"].equals(frames["observations"])
    keys.shred(epoch, NOON)
    out = Admission(keys).admit(frames, 0)
    assert out["observations"].is_empty() and out["answers"].is_empty()
    assert out["rejects"].select("reason", "count").rows() == [(SHREDDED, 4)]
