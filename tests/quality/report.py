"""docs/detection-quality.md from the figures, by the template beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from sensor.decode.streaming.judge import LIMITS, MIN_CHUNKS, MIN_EVENTS, MISSED
from sensor.decode.streaming.turns import IDLE, LONGEST, MIN_US
from tests.quality import controls
from tests.quality.evaluate import CONTROLS, STRETCH, wilson

RESULTS = Path(__file__).with_name("results.json")
TEMPLATE = Path(__file__).with_name("detection-quality.md.j2")
DOCUMENT = Path(__file__).parents[2] / "docs" / "detection-quality.md"

Counts = dict[str, int]


def written(results: dict[str, dict[str, Counts]]) -> str:
    """The document."""
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(
        **results,
        about={name: (maker.__doc__ or "").rstrip(".") for name, maker in controls.all_of_them()},
        even=_even(results), hits=_hits, share=_share, percent=_percent, each=CONTROLS, stretch=STRETCH,
        limits=LIMITS, min_chunks=MIN_CHUNKS, min_events=MIN_EVENTS, min_us=MIN_US, missed=MISSED, idle=IDLE,
        longest=LONGEST,
    )  # fmt: skip


def _hits(counts: Counts) -> int:
    return counts["A+"] + counts["A"] + counts["B"]


def _share(hits: int, n: int) -> str:
    if n == 0:
        return "none"
    low, high = wilson(hits, n)
    return f"{100 * hits / n:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _even(results: dict[str, dict[str, Counts]]) -> dict[str, Any]:
    """How much is found, what the controls say of A+, and what follows where one connection in 1,000 is a
    model's."""
    rows, answers = results["controls"], results["deployments"]
    others = [counts for name, counts in rows.items() if name != "even log"]
    n, hits = sum(c["n"] for c in others), sum(c["A+"] for c in others)
    recall = sum(c["A+"] for c in answers.values()) / sum(c["n"] for c in answers.values())
    bound = wilson(hits, n)[1]
    return {
        "all": sum(c["n"] for c in rows.values()),
        "all_hits": sum(c["A+"] for c in rows.values()),
        "n": n,
        "hits": hits,
        "bound": bound,
        "recall": recall,
        "others": 999 * bound / (999 * bound + recall),
        "found": sum(map(_hits, answers.values())) / sum(c["n"] for c in answers.values()),
        "worst": min(_hits(c) / c["judged"] for c in results["left_out"].values()),
    }
