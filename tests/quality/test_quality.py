"""docs/detection-quality.md is what its generator yields, and what it says holds."""

from __future__ import annotations

import json

import pytest

from tests.quality import report
from tests.quality.controls import all_of_them
from tests.quality.evaluate import by_control, by_deployment, left_out, wilson
from tests.quality.shapes import deployments

RESULTS = json.loads(report.RESULTS.read_text())

needs_data = pytest.mark.skipif(not deployments(), reason="the streams of real deployments are not at hand")


def test_the_document_is_generated() -> None:
    assert report.DOCUMENT.read_text() == report.written(RESULTS), "run python -m tests.quality"


@pytest.mark.parametrize("name", ["web page", "ticker", "chat", "even log", "game datagrams", "rpc"])
def test_the_figures_of_controls_are_those_of_the_decoder(name: str) -> None:
    kinds = dict(all_of_them())
    assert by_control([(name, kinds[name])])[name] == RESULTS["controls"][name]


@needs_data
def test_the_figures_of_deployments_are_those_of_the_decoder() -> None:
    name = "GeminiFlash 2025-03"
    assert by_deployment([name])[name] == RESULTS["deployments"][name]


@needs_data
def test_the_figures_of_deployments_left_out_are_those_of_the_rules() -> None:
    assert left_out() == RESULTS["left_out"]


def test_the_surest_class_is_sure_except_where_it_cannot_be() -> None:
    false = {name: counts["A+"] for name, counts in RESULTS["controls"].items() if counts["A+"]}
    assert false.keys() <= {"even log"}


def test_intervals_are_those_of_wilson() -> None:
    low, high = wilson(0, 24)
    assert low == 0.0
    assert high == pytest.approx(0.138, abs=0.001)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=0.001)
