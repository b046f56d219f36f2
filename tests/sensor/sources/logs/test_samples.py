"""Every sample log with a known truth, read by the format that claims it.

The samples (other projects' test data) lie beside the repository and are never copied: without them
these tests are skipped. A difference from the truth must be argued in `ARGUED` of the format's test
file, and an argument that is no longer needed fails.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Any

import polars as pl
import pytest

import tests.sensor.sources.logs.formats
from sensor.sources.interface import HEAD_BYTES
from sensor.sources.logs.known_formats import look_at
from sensor.sources.logs.text import accounts, hosts, verdicts
from tests.beside import LOG_SAMPLES
from tests.sensor.sources.logs.formats.reading import rows

FOLDERS = sorted(path.name for path in LOG_SAMPLES.iterdir()) if LOG_SAMPLES.is_dir() else []


@cache
def argued() -> dict[tuple[str, int, str], str]:
    """(file, line, field) to why we differ from its truth; gathered from the formats' tests."""
    found: dict[tuple[str, int, str], str] = {}
    for module in pkgutil.iter_modules(tests.sensor.sources.logs.formats.__path__):
        loaded = importlib.import_module(f"{tests.sensor.sources.logs.formats.__name__}.{module.name}")
        for file, lines, field, why in getattr(loaded, "ARGUED", ()):
            for line in [lines] if isinstance(lines, int) else lines:
                found[file, line, field] = why
    return found


def cases(folder: str) -> Iterator[tuple[str, list[str], list[dict[str, Any]]]]:
    """Name, log lines and truths of each sample of `folder`."""
    for path in sorted((LOG_SAMPLES / folder).glob("*.jsonl")):
        told = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        if path.name.endswith(".truth.jsonl"):
            stem = path.name.removesuffix(".truth.jsonl")
            (log,) = (p for p in path.parent.glob(f"{stem}.*") if p != path)
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            yield log.name, lines, told
        elif told and "truth" in told[0]:
            yield (
                path.name,
                [" ".join(one["message"].splitlines()) or "-" for one in told],
                [one["truth"] for one in told],
            )


def differences(line: int, truth: dict[str, Any], found: pl.DataFrame) -> Iterator[tuple[str, Any, Any]]:
    """(field, truth, ours) of one line; `found` are its rows."""
    if found.is_empty():
        return
    untimed = (pl.col("reason") == "no time that can be read").fill_null(False)
    used = found.filter(pl.col("reason").is_null() | untimed)
    if used.is_empty():
        if truth.get("client_ip") and truth.get("dest_host") and "." in truth["dest_host"]:
            yield "used", truth.get("dest_host"), found["reason"][0]
        return
    row = used.row(0, named=True)
    people = {_account(name) for name in [truth.get("user"), *truth.get("users", [])] if name}
    names = _hosts(truth)
    if truth.get("client_ip") and row["client"] not in _spelled([truth["client_ip"], *truth.get("ips", [])]):
        yield "client", truth["client_ip"], row["client"]
    if people and _account(row["user_name"] or row["device"]) not in people | {""}:
        yield "user", sorted(people), row["user_name"]
    if truth.get("user") and _account(truth["user"]) and not (row["user_name"] or row["device"]):
        yield "user", truth["user"], None
    if names and row["host"] not in names and row["server"] not in names and row["kind"] != "lease":
        yield "host", sorted(names), row["host"]
    if (
        truth.get("url_path")
        and (row["path"] or "/") != truth["url_path"].split("?")[0]
        and row["kind"] != "lease"
    ):
        yield "path", truth["url_path"], row["path"]
    # A one-way record of an answer is turned: what it counts is what the client got.
    turned = row.get("one_way") and row["bytes_up"] is None and truth.get("client_ip") == row["server"]
    sides = ("bytes_down", "bytes_up") if turned else ("bytes_up", "bytes_down")
    for field, name in zip(("up", "down"), sides, strict=True):
        if truth.get(field) is not None and row[name] != truth[field] and row["kind"] != "lease":
            yield field, truth[field], row[name]
    wanted = verdicts.of(pl.Series([truth.get("action")], dtype=pl.String))[0]
    if wanted in ("allowed", "blocked") and row["action"] != wanted and row["kind"] != "lease":
        yield "action", truth["action"], row["action"]


def _account(name: str | None) -> str:
    """An account without domain, lower case; '' for nobody."""
    user = accounts.split(pl.Series([name], dtype=pl.String)).row(0)
    bare = (user[0] or user[1] or "").lower()
    return bare.replace("\\", "/").split("/")[-1].split("@")[0]


def _spelled(addresses: list[str]) -> set[str]:
    """The addresses as they are, and as RFC 5952 writes them."""
    one = pl.Series("text", addresses, dtype=pl.String).to_frame().select(hosts.address(pl.col("text")))
    return {*addresses, *one["text"].drop_nulls()}


def _hosts(truth: dict[str, Any]) -> set[str]:
    host = (truth.get("dest_host") or "").lower().rstrip(".")
    return {host, host.split(":")[0]} if "." in host else set()


@pytest.fixture(scope="module")
def looked_at() -> None:
    """All at once, as files are before they are read: one after the other takes five times as long."""
    look_at("\n".join(lines).encode()[:HEAD_BYTES] for folder in FOLDERS for _, lines, _ in cases(folder))


@pytest.mark.usefixtures("looked_at")
@pytest.mark.parametrize("folder", FOLDERS)
def test_samples_say_what_their_truth_says(folder: str) -> None:
    found, needed = [], set()
    for name, lines, truths in cases(folder):
        parsed = rows("\n".join(lines))
        for number, truth in enumerate(truths):
            for field, wanted, ours in differences(number, truth, parsed.filter(pl.col("offset") == number)):
                needed.add((name, number, field))
                if (name, number, field) not in argued():
                    found.append(f"{name} line {number} {field}: truth {wanted!r}, ours {ours!r}")
    assert not found, "\n".join(found)
    names = {name for name, _, _ in cases(folder)}
    stale = [key for key in argued() if key[0] in names and key not in needed]
    assert not stale, f"no longer needed: {stale}"
