"""Candidates: every signal counts as told, known names are left out, and hidden vendors come back."""

import random
import statistics
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import polars as pl
import pytest

from sensor.catalog.load import load
from sensor.match.candidates import MIN_CLIENTS, NAMES, THRESHOLD, rank
from sensor.match.hostname import registrable
from sensor.match.index import Index
from tests.sensor.match import background

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OLD = NOW - timedelta(days=100)


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    usual = {"clients": 10, "first_seen": OLD, "days": 20}
    made = pl.DataFrame([{**dict.fromkeys(NAMES), **usual, **row} for row in rows], schema=NAMES)
    domains = registrable(made["host"].unique()).rename({"domain": "_domain"})
    joined = made.join(domains, on="host", maintain_order="left")
    return joined.with_columns(domain=pl.coalesce("domain", "_domain")).drop("_domain")


def reasons(index: Index, **row: Any) -> tuple[float, list[str]]:
    """Score and reasons of a name among ordinary ones; 0 where it is no candidate."""
    others = [{"host": f"www.site{n}.example"} for n in range(30)]
    found = rank(frame(row, *others), index, NOW).filter(pl.col("host") == row["host"])
    return (0.0, []) if found.is_empty() else (found["score"][0], found["reasons"][0].to_list())


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"host": "api.acme-gpt.com"}, "'gpt' in its name"),
        ({"host": "llm.acme.com"}, "'llm' in front of its name"),
        ({"host": "www.lovo-ai.com"}, "'ai' in its name"),
        ({"host": "acme-ai.ai"}, "'ai' is its zone"),
        ({"host": "ask.acme.com", "cname": "api.open.example"}, "is another name for open/api"),
        (
            {"host": "acme.com", "streams": 5, "even_streams": 3},
            "5 answers came like streams of tokens, 3 evenly wrapped",
        ),
        ({"host": "acme.com", "cname": "x.inference.host.example"}, "leads to x.inference.host.example"),
        (
            {"host": "acme.com", "near_clients": 5, "near_app": "open/chat"},
            "5 clients used open/chat within 30 s, 14.0 times the usual share",
        ),
    ],
)
def test_a_signal_makes_a_candidate_and_says_so(index: Index, row: dict[str, Any], reason: str) -> None:
    score, told = reasons(index, **row)
    assert score >= THRESHOLD and reason in told and len(told) <= 3


def test_a_few_answers_like_streams_make_no_candidate(index: Index) -> None:
    """Log tails and tickers are among the classes without an even envelope."""
    assert reasons(index, host="acme.com", streams=200, even_streams=0)[0] == 0.0
    assert reasons(index, host="acme.com", streams=2, even_streams=2)[0] == 0.0
    assert (
        reasons(index, host="acme-ai.com", streams=2, even_streams=2)[0]
        > reasons(index, host="acme-ai.com")[0]
    )


@pytest.mark.parametrize(
    "host",
    ["www.hawaii.edu", "thai.com", "bonsai.com", "api.hyundai.com", "mail.example.com", "api.example.com",
     "sail.com", "gym.example", "cdn.openly.com", "email.com", "chatel.com", "chat.example.com"],
)  # fmt: skip
def test_ordinary_names_are_no_candidates(index: Index, host: str) -> None:
    assert reasons(index, host=host) == (0.0, [])


def test_what_pages_of_every_kind_load_is_no_candidate(index: Index) -> None:
    near = {"near_app": "open/chat", "clients": 20, "near_clients": 19}
    assert reasons(index, host="api.acme.com", **near)[0] >= THRESHOLD
    for host in ("challenges.cloudflare.com", "client-api.arkoselabs.com", "featureassets.org"):
        assert reasons(index, host=host, **near) == (0.0, [])


def test_in_the_first_weeks_nothing_is_new(index: Index) -> None:
    recent = {"first_seen": NOW - timedelta(days=3), "days": 3}
    row = {"host": "acme-gpt.com", **recent}
    assert "new here, and came back" in reasons(index, **row)[1]
    others = [{"host": f"www.site{n}.example", **recent} for n in range(30)]
    found = rank(frame(row, *others), index, NOW)
    assert "new here, and came back" not in found["reasons"][0].to_list()


def test_few_clients_claim_nothing(index: Index) -> None:
    row = {"host": "acme.com", "near_app": "open/chat", "clients": 2, "near_clients": MIN_CLIENTS - 1}
    assert reasons(index, **row) == (0.0, [])


def test_what_is_known_is_no_candidate_and_a_domain_stands_once(index: Index) -> None:
    rows = frame({"host": "gpt.chat.example"}, {"host": "llm.acme-gpt.com"}, {"host": "www.acme-gpt.com"})
    found = rank(rows, index, NOW)
    assert found.select("host", "hosts").rows() == [("llm.acme-gpt.com", 2)]


def test_nothing_gives_nothing(index: Index) -> None:
    assert rank(frame().clear(), index, NOW).is_empty()


HIDDEN_SHARE = 0.2
BACKGROUND = 20_000
SEED = 20261123


#: How many clients of any name are near known AI by chance, and, in the second story, of an AI name.
USUAL_SHARE, AI_SHARE = 0.15, 0.5


def hold_out(seed: int, ai_share: float) -> tuple[pl.DataFrame, set[str]]:
    """The ranking where a fifth of the vendors is hidden, among background names; and the hidden domains."""
    catalog, rng = load(), random.Random(seed)
    vendors = sorted(set(catalog.services["vendor"].drop_nulls()))
    hidden = set(rng.sample(vendors, int(len(vendors) * HIDDEN_SHARE)))
    apps = catalog.services.filter(pl.col("vendor").is_in(list(hidden)))["app"]
    mine = pl.col("app").is_in(apps.implode())
    rows = catalog.indicators.filter(
        mine, pl.col("role") == "use", pl.col("kind").is_in(["domain", "suffix"])
    )
    index = Index.build(catalog.indicators.filter(~mine))
    ai = set(rows["value"])
    made = []
    for host in dict.fromkeys([*sorted(ai), *islice(background.names(seed), BACKGROUND)]):
        clients = 1 + int(rng.expovariate(1 / 8))
        near = sum(rng.random() < (ai_share if host in ai else USUAL_SHARE) for _ in range(clients))
        near_app = "openai/chatgpt" if near else None
        made.append({"host": host, "clients": clients, "near_clients": near or None, "near_app": near_app})
    names = frame(*made)
    return rank(names, index, NOW), set(names.filter(pl.col("host").is_in(list(ai)))["domain"])


@pytest.mark.parametrize(
    ("story", "ai_share", "recall", "top"),
    [("by name alone", USUAL_SHARE, 0.35, 0.55), ("with co-occurrence", AI_SHARE, 0.5, 0.75)],
)
def test_hidden_vendors_come_back(story: str, ai_share: float, recall: float, top: float) -> None:
    """A fifth of the vendors is hidden among 20,000 ordinary names.

    By name alone nothing of co-occurrence is made up: every name has as many clients near known AI as
    chance gives. The second story assumes that half of a service's clients also use a known one.
    """
    ranking, hidden = hold_out(SEED, ai_share)
    is_hidden = pl.col("domain").is_in(list(hidden))
    found = ranking.filter(is_hidden)
    first = ranking.head(100).filter(is_hidden)
    print(f"{story}: {found.height} of {len(hidden)} hidden domains are back, median rank "
          f"{statistics.median(found['rank']):.0f}, of {ranking.height} candidates; "
          f"{first.height} of the first 100 are hidden ones")  # fmt: skip
    assert found.height / len(hidden) >= recall
    assert first.height / 100 >= top
    assert ranking.equals(hold_out(SEED, ai_share)[0])
