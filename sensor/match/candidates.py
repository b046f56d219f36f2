"""Ranks unknown names by how much they look like AI, with reasons.

Each signal adds points, set by hand on a log-odds scale: two points make AI about seven times as likely. The
sum ranks candidates and is not a probability. People decide (`candidates accept`, `dismiss`); no signature is
created automatically. The signals: words in the name; where its CNAME leads; whether its clients used known
AI within 30 s more often than the clients of other names; whether it is new here and came back; how programs
talk to it; and whether its answers arrive like streams of tokens (which says nothing about their content).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from sensor.match.index import Index
from sensor.match.match import match_hosts

#: Input of `rank`: one row per host, summed over a period of the table `names`. `clients` and `near_clients`
#: are the maximum of any 15 minutes.
NAMES: dict[str, pl.DataType] = {
    "host": pl.String(),
    "domain": pl.String(),
    "lookups": pl.Int64(),
    "connections": pl.Int64(),
    "bytes_up": pl.Int64(),
    "bytes_down": pl.Int64(),
    "streams": pl.Int64(),
    "even_streams": pl.Int64(),
    "clients": pl.Int64(),
    "near_app": pl.String(),
    "near_clients": pl.Int64(),
    "cname": pl.String(),
    "client_class": pl.String(),
    "first_seen": pl.Datetime("us", "UTC"),
    "days": pl.Int64(),
}

#: Minimum points of a candidate.
THRESHOLD = 2.0
#: Maximum number of reasons per candidate.
MOST_REASONS = 3
#: Minimum distinct clients for co-occurrence, so that one busy machine cannot make a score.
MIN_CLIENTS = 3
#: A name first seen within this is new.
NEW = timedelta(days=14)

#: Points of words that are whole tokens of the registrable label (own) or of the labels left of it. Words in
#: `_INSIDE` count anywhere in the registrable label.
_OWN_WORDS = {
    "ai": 2.2, "gpt": 3.0, "llm": 3.0, "llms": 3.0, "genai": 3.0, "chatbot": 2.5, "copilot": 2.5,
    "prompt": 2.0, "prompts": 2.0, "inference": 2.5, "infer": 2.0, "diffusion": 2.2, "embedding": 2.0,
    "embeddings": 2.0, "rag": 1.8, "mcp": 2.2, "agent": 1.2, "agents": 1.5, "agentic": 2.5, "neural": 1.5,
    "model": 0.8, "models": 1.0, "transformer": 1.5, "llama": 2.2, "voice": 0.5, "avatar": 0.6, "bot": 0.8,
    "ml": 1.2, "mind": 0.3, "brain": 0.5, "chat": 0.9, "deep": 0.4, "vision": 0.4, "synth": 0.8,
    "assistant": 1.5, "writer": 0.7, "code": 0.5, "coder": 1.0, "speech": 0.8, "whisper": 1.5,
}  # fmt: skip
_INSIDE = {
    "gpt": 2.6, "chatbot": 2.4, "copilot": 2.2, "genai": 2.4, "openai": 2.6, "claude": 1.6, "llama": 1.6,
    "deepfake": 2.2, "prompt": 1.5, "neural": 1.2,
}  # fmt: skip
_LEFT_WORDS = {
    "inference": 2.2, "llm": 2.6, "completions": 2.6, "completion": 2.4, "embeddings": 2.2, "chat": 0.8,
    "mcp": 2.2, "agent": 1.2, "agents": 1.4, "playground": 1.2, "models": 1.0, "model": 0.9, "gpt": 2.6,
    "copilot": 2.4, "assistant": 1.2, "ai": 1.8, "ml": 1.0, "gpu": 1.2, "generate": 1.0, "predict": 1.0,
    "tts": 1.2, "stt": 1.2, "transcribe": 1.4, "dream": 0.5, "api": 0.3,
}  # fmt: skip
#: Labels of infrastructure that every site has.
_SIDE_WORDS = {
    "ads": -1.5, "ad": -1.2, "cdn": -0.8, "static": -1.0, "img": -1.0, "images": -0.8, "assets": -0.8,
    "track": -1.2, "tracking": -1.5, "metrics": -1.0, "analytics": -1.2, "mail": -1.5, "smtp": -2.0,
    "fonts": -1.5, "pixel": -1.5, "ns": -2.0, "ns1": -2.0, "ns2": -2.0, "mx": -2.0, "ocsp": -2.5, "crl": -2.5,
    "ntp": -2.5, "vpn": -1.5, "autodiscover": -2.5, "wpad": -2.5,
}  # fmt: skip
_TOP_LEVEL = {"ai": 2.0, "chat": 1.2, "bot": 1.0, "dev": 0.2, "io": 0.1, "so": 0.1}

#: Domains of what pages of every kind load: checks for bots, statistics, experiments, payment, sign-in,
#: support chats. AI services load them, too, so that many of their visits are near known AI.
_LOADED_BY_PAGES = (
    "adjust.com", "amplitude.com", "appsflyer.com", "arkoselabs.com", "assetsconfigcdn.org", "auth0.com",
    "beyondwickedmapping.org", "branch.io", "browser-intake-datadoghq.com", "browser-intake-datadoghq.eu",
    "browser-intake-us3-datadoghq.com", "browser-intake-us5-datadoghq.com", "clarity.ms", "clerk.com",
    "clerk.dev", "cloudflare.com", "cloudflareinsights.com", "cookielaw.org", "crisp.chat", "datadoghq.com",
    "doubleclick.net", "driftt.com", "eppo.cloud", "facebook.net", "featureassets.org", "featuregates.org",
    "forter.com", "fullstory.com", "google-analytics.com", "googlesyndication.com", "googletagmanager.com",
    "gstatic.com", "hcaptcha.com", "heapanalytics.com", "hotjar.com", "hs-scripts.com", "intercom.io",
    "intercomcdn.com", "jsdelivr.net", "launchdarkly.com", "mixpanel.com", "mxpnl.com", "nr-data.net",
    "onetrust.com", "optimizely.com", "plausible.io", "posthog.com", "prodregistryv2.org", "recaptcha.net",
    "segment.com", "segment.io", "sentry.io", "singular.net", "statsig.com", "statsigapi.net", "stripe.com",
    "stripe.network", "typekit.net", "unpkg.com", "usefathom.com", "website-files.com", "workos.com",
    "zdassets.com",
)  # fmt: skip

_ENDING_POINTS = 0.8
_CNAME_POINTS = 3.0
#: Labels of domains that host models of others.
_INFRASTRUCTURE = (
    r"(?:^|\.)(?:inference|sagemaker|bedrock[a-z-]*|modal|runpod|replicate|huggingface|baseten)\."
)
_INFRASTRUCTURE_POINTS = 2.0
#: z of the lower bound of the Wilson score interval (one-sided 95 %).
_DOUBT = 1.64
#: Points for each doubling of the share.
_LIFT_WEIGHT = 1.5
_MAX_LIFT_POINTS = 3.0
_NEW_POINTS = 0.6
_PROGRAM_POINTS = 0.5
_TALK_POINTS = 0.5
#: Points for token-like streams: _MANY of any class (also log tails and tickers), one even one, _MANY even
#: ones.
_STREAM_POINTS, _EVEN_POINTS, _MANY_EVEN_POINTS = 0.8, 1.5, 2.2
_MANY = 3


def rank(names: pl.DataFrame, index: Index, now: datetime) -> pl.DataFrame:
    """The candidates among `names` (table NAMES), best first, one per registrable domain.

    Columns: rank, host, domain, score, reasons (at most three, the strongest first), hosts (number of
    candidates in the domain), clients, near_app, first_seen. Names in `index` are left out, and those that
    pages of every kind load. `now` determines which names are new.
    """
    known = match_hosts(names["host"].unique(), index)["host"]
    unknown = names.filter(
        ~pl.col("host").is_in(known.implode()), ~pl.col("domain").is_in(_LOADED_BY_PAGES).fill_null(False)
    )
    found = [*_lexical(unknown), _cname(unknown, index), _near(unknown), _new(unknown, now)]
    found += [*_talk(unknown), _streams(unknown)]
    signals = pl.concat(found).filter(pl.col("points") != 0)
    scored = (
        signals.sort(["points", "reason"], descending=[True, False])
        .group_by("host", maintain_order=True)
        .agg(
            score=pl.col("points").sum().round(2),
            reasons=pl.col("reason").filter(pl.col("points") > 0).head(MOST_REASONS),
        )
        .filter(pl.col("score") >= THRESHOLD)
    )
    about = unknown.select("host", "domain", "clients", "near_app", "first_seen")
    return (
        scored.join(about, on="host")
        .sort(["score", "clients", "host"], descending=[True, True, False], nulls_last=True)
        .with_columns(hosts=pl.len().over("domain"))
        .unique("domain", keep="first", maintain_order=True)
        .with_row_index("rank", offset=1)
        .select("rank", "host", "domain", "score", "reasons", "hosts", "clients", "near_app", "first_seen")
    )


def _lexical(names: pl.DataFrame) -> list[pl.DataFrame]:
    """Words in the registrable label, in the labels left of it, and the top-level domain; the best of
    each."""
    parts = names.select(
        "host",
        own=pl.col("domain").str.extract(r"^([^.]+)\."),
        zone=pl.col("domain").str.extract(r"([^.]+)$"),
        left=pl.when(pl.col("host").str.ends_with(pl.concat_str(pl.lit("."), "domain"))).then(
            pl.col("host").str.head(pl.col("host").str.len_chars() - pl.col("domain").str.len_chars() - 1)
        ),
    )
    own = pl.col("own").str.extract_all(r"[a-z]+")
    # "lovoai", but also "bonsai": much weaker than the word "ai".
    ending = parts.filter(pl.col("own").str.contains(r"[a-z]{3}ai$"))
    inside = [
        _reason(parts.filter(pl.col("own").str.contains(word, literal=True)), points, f"'{word}' in its name")
        for word, points in _INSIDE.items()
    ]
    own_words = pl.concat(
        [
            _words(parts.with_columns(word=own), _OWN_WORDS, "in its name"),
            *inside,
            _reason(ending, _ENDING_POINTS, "its name ends in 'ai'"),
        ]
    )
    left = parts.with_columns(word=pl.col("left").str.extract_all(r"[a-z]+"))
    zone = parts.with_columns(word=pl.concat_list("zone"))
    return [
        _best(own_words),
        _best(_words(left, _LEFT_WORDS, "in front of its name")),
        _worst(_words(left, _SIDE_WORDS, "in front of its name")),
        _words(zone, _TOP_LEVEL, "is its zone"),
    ]


def _words(rows: pl.DataFrame, points: dict[str, float], where: str) -> pl.DataFrame:
    """host, points, reason for the words in the list column `word` that have points."""
    table = pl.DataFrame({"word": list(points), "points": list(points.values())})
    return (
        rows.select("host", "word")
        .explode("word")
        .join(table, on="word")
        .select("host", "points", reason=pl.concat_str(pl.lit("'"), "word", pl.lit(f"' {where}")))
    )


def _best(found: pl.DataFrame) -> pl.DataFrame:
    return found.sort("points", "reason", descending=[True, False]).unique(
        "host", keep="first", maintain_order=True
    )


def _worst(found: pl.DataFrame) -> pl.DataFrame:
    return found.sort("points", "reason").unique("host", keep="first", maintain_order=True)


def _reason(rows: pl.DataFrame, points: pl.Expr | float, reason: pl.Expr | str) -> pl.DataFrame:
    """One signal: host, points, reason."""
    texts = pl.lit(reason) if isinstance(reason, str) else reason
    amount = pl.lit(float(points)) if isinstance(points, int | float) else points
    return rows.select("host", points=amount.cast(pl.Float64), reason=texts)


def _cname(names: pl.DataFrame, index: Index) -> pl.DataFrame:
    """Names whose CNAME is a known AI service, or a host that runs models of others."""
    led = names.drop_nulls("cname")
    hits = match_hosts(led["cname"].unique(), index).drop_nulls("host_row")
    says = index.rows.select(host_row="row", app="app", role="role")
    services = (
        hits.join(says, on="host_row").filter(pl.col("role") != "support").select(cname="host", app="app")
    )
    known = led.join(services, on="cname")
    runs = led.join(services, on="cname", how="anti").filter(pl.col("cname").str.contains(_INFRASTRUCTURE))
    return pl.concat(
        [
            _reason(known, _CNAME_POINTS, pl.concat_str(pl.lit("is another name for "), "app")),
            _reason(runs, _INFRASTRUCTURE_POINTS, pl.concat_str(pl.lit("leads to "), "cname")),
        ]
    )


def _near(names: pl.DataFrame) -> pl.DataFrame:
    """Names whose clients used known AI within 30 s more often than the clients of all names.

    Uses the lower bound of the share (Wilson 1927, 95 %), so that few clients score less.
    """
    usual = (pl.col("near_clients").fill_null(0).sum() + 1) / (pl.col("clients").sum() + 2)
    n = pl.max_horizontal("clients", "near_clients")
    p = pl.col("near_clients") / n
    zz = _DOUBT**2
    share = (p + zz / (2 * n) - _DOUBT * (p * (1 - p) / n + zz / (4 * n**2)).sqrt()) / (1 + zz / n)
    rows = names.with_columns(lift=share / usual).filter(
        pl.col("near_clients") >= MIN_CLIENTS, pl.col("lift") > 1
    )
    reason = pl.concat_str(
        "near_clients", pl.lit(" clients used "), "near_app", pl.lit(" within 30 s, "),
        pl.col("lift").round(1), pl.lit(" times the usual share"),
    )  # fmt: skip
    return _reason(rows, (pl.col("lift").log(2) * _LIFT_WEIGHT).clip(0, _MAX_LIFT_POINTS), reason)


def _new(names: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Names first seen within NEW that were seen on a second day. In a sensor's first weeks every name is new
    and none counts."""
    first = pl.col("first_seen")
    rows = names.filter(first.min() < now - NEW, first >= now - NEW, pl.col("days") >= 2)
    return _reason(rows, _NEW_POINTS, "new here, and came back")


def _talk(names: pl.DataFrame) -> list[pl.DataFrame]:
    """API names that programs call, and names that receive much data compared with what they send."""
    called = names.filter(
        pl.col("client_class") == "program",
        pl.col("host").str.contains(r"^(?:[^.]+\.)*(?:api|inference|mcp)[.-]"),
    )
    fed = names.filter(pl.col("bytes_up") >= 200_000, pl.col("bytes_up") > pl.col("bytes_down") / 2)
    return [
        _reason(called, _PROGRAM_POINTS, "programs call it as an API"),
        _reason(fed, _TALK_POINTS, "is sent much of what it answers"),
    ]


def _streams(names: pl.DataFrame) -> pl.DataFrame:
    """Names whose encrypted answers arrive like streams of tokens (`decode/streaming/judge.py`)."""
    rows = names.filter(pl.col("streams") > 0).with_columns(pl.col("even_streams").fill_null(0))
    even = pl.col("even_streams")
    points = (
        pl.when(even >= _MANY)
        .then(_MANY_EVEN_POINTS)
        .when(even > 0)
        .then(_EVEN_POINTS)
        .when(pl.col("streams") >= _MANY)
        .then(_STREAM_POINTS)
        .otherwise(0.0)
    )
    reason = pl.concat_str(
        "streams", pl.lit(" answers came like streams of tokens, "), even, pl.lit(" evenly wrapped")
    )
    return _reason(rows, points, reason)
