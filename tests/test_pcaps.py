"""Every recorded case gives the rows its own servers and clients say it must."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from sensor import schema
from sensor.match.naming import NameTable
from sensor.settings import PRIVATE_NETWORKS
from sensor.sources import detect
from sensor.sources.inputs import open as opening

PCAPS = Path(__file__).parents[1] / "pcaps"
CASES = sorted(folder.parent for folder in PCAPS.glob("*/case.yml"))
NETWORKS = (*PRIVATE_NETWORKS, "2001:db8:20::/48")
#: one figure may differ from the server's own by this share, or by this many bytes where it is small
SHARE, BYTES = 0.01, 64


def _observations(case: Path) -> Iterator[pl.DataFrame]:
    """What the sources see in the case's files, named by DNS; each input for itself."""
    found = opening.find([case])
    plan = detect.plan(found.files, walked=found.walked)
    for kind, one in plan.inputs:
        names, frames = NameTable(), [schema.OBSERVATIONS.empty()]
        for batch in kind(NETWORKS).read(one):
            names.learn(schema.ANSWERS.conform(batch.frames.get("answers", schema.ANSWERS.empty())))
            rows = schema.OBSERVATIONS.conform(batch.frames.get("observations", schema.OBSERVATIONS.empty()))
            frames.append(names.name(rows))
        yield pl.concat(frames).with_columns(pl.lit(kind.name).alias("source"))


def _expected(case: Path) -> list[dict[str, Any]]:
    lines = (case / "expected.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _connections(observations: pl.DataFrame) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Whole connections by 5-tuple: name, bytes and start."""
    whole = observations.filter(pl.col("started_at").is_not_null()).group_by(
        "client", "client_port", "server", "server_port", "transport", "started_at"
    )
    rows = whole.agg(
        pl.col("host").drop_nulls().first(), pl.col("bytes_up").sum(), pl.col("bytes_down").sum()
    )
    out = defaultdict(list)
    for row in rows.iter_rows(named=True):
        out[tuple(row[c] for c in ("client", "client_port", "server", "server_port", "transport"))].append(
            row
        )
    return out


def _is_close(seen: int, truth: int) -> bool:
    return abs(seen - truth) <= max(SHARE * truth, BYTES)


def _check_connections(case: Path, observations: pl.DataFrame) -> list[str]:
    """What differs from the servers' own records, one line each."""
    # Zeek's conn and ssl logs without http.log cannot name cleartext HTTP
    kinds = set(observations.get_column("kind"))
    unnamed = {80} if case.name == "zeek-hour" and "http" not in kinds else set()
    seen, wrong = _connections(observations), []
    for row in _expected(case):
        key = tuple(row[c] for c in ("client", "client_port", "server", "server_port", "transport"))
        at = datetime.fromisoformat(row["started_at"])
        near = [c for c in seen.get(key, []) if abs(c["started_at"] - at) < timedelta(seconds=2)]
        if len(near) != 1:
            wrong.append(f"{row}: {len(near)} connections")
            continue
        if near[0]["host"] != row["host"] and not (near[0]["host"] is None and row["server_port"] in unnamed):
            wrong.append(f"{row}: named {near[0]['host']}")
        for column in ("bytes_up", "bytes_down"):
            if not _is_close(near[0][column], row[column]):
                wrong.append(f"{row}: {column} {near[0][column]}")
    return wrong


def _check_lookups(case: Path, observations: pl.DataFrame) -> list[str]:
    asked = observations.filter(pl.col("kind") == "dns").group_by("client", "host").len()
    seen = {(client, host): count for client, host, count in asked.iter_rows()}
    return [str(row) for row in _expected(case) if seen.get((row["client"], row["host"])) != row["lookups"]]


def _check_proxy(case: Path, observations: pl.DataFrame) -> list[str]:
    """Tunnels and requests by client, account, host and action; what never got anywhere is left out."""
    met = observations.filter(pl.col("action").is_in(["allowed", "blocked"]))
    seen = Counter(met.select("client", "user_name", "host", "action").rows())
    true = Counter(
        (row["client"], row["user_name"], row["host"], row["action"])
        for row in _expected(case)
        if row["action"] != "unknown" and (row["action"] == "blocked" or row["bytes_up"] is not None)
    )
    return [
        f"{key}: {seen[key]} seen, {true[key]} true"
        for key in seen.keys() | true.keys()
        if seen[key] != true[key]
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_tells_its_story(case: Path) -> None:
    text = yaml.safe_load((case / "case.yml").read_text(encoding="utf-8"))
    assert {"story", "origin", "recorded_by", "licence", "made", "programs", "files"} <= set(text)
    assert text["licence"] == "Apache-2.0"
    assert all((case / name).is_file() for name in text["files"])
    assert _expected(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_gives_its_expected_rows(case: Path) -> None:
    for observations in _observations(case):
        source = observations.get_column("source")[0] if observations.height else ""
        if case.name == "dns-only":
            wrong = _check_lookups(case, observations)
        elif source == "squid":
            wrong = _check_proxy(case, observations)
        elif observations.filter(pl.col("started_at").is_not_null()).is_empty():
            continue  # a name log whose conn log lies elsewhere proves no connection
        else:
            wrong = _check_connections(case, observations)
        assert not wrong, f"{len(wrong)} of {len(_expected(case))}:\n" + "\n".join(wrong[:10])
