"""What an indicator counts as, and what a visit through it sends."""

import datetime
from typing import Any

import polars as pl
import pytest

from sensor.catalog import index
from sensor.catalog.entry import Entry
from sensor.catalog.files import collect
from sensor.catalog.read import draft
from tests.sensor.catalog.conftest import SERVICE, MakeCatalog

NEWEST = datetime.date(2026, 11, 22)
ENTRY = "vendors/example/assistant.yml"


def frames(make_catalog: MakeCatalog, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one indicator row and the one service row of a catalog with this entry."""
    drafted = draft(collect([make_catalog({ENTRY: text})]))
    indicators = index.indicators(drafted.entries, drafted.vocabulary)
    services, _ = index.services(drafted.entries, drafted.vocabulary, drafted.rubric, NEWEST)
    return indicators.row(0, named=True), services.row(0, named=True)


@pytest.mark.parametrize(
    ("access", "shared", "role"),
    [
        ("web", "", "use"),
        ("web", "\n    shared: true", "embedded"),
        ("telemetry", "", "support"),
        ("telemetry", "\n    shared: true", "support"),
        ("cdn", "", "support"),
        ("auth", "", "support"),
    ],
)
def test_the_role_follows_access_and_sharing(
    make_catalog: MakeCatalog, access: str, shared: str, role: str
) -> None:
    row, service = frames(make_catalog, SERVICE.replace("access: web", f"access: {access}{shared}"))
    assert row["role"] == role
    assert service["shared"] == (role == "embedded")


def test_confidence_falls_for_shared_hosts_and_unproven_entries(make_catalog: MakeCatalog) -> None:
    plain, _ = frames(make_catalog, SERVICE)
    shared, _ = frames(make_catalog, SERVICE.replace("access: web", "access: web\n    shared: true"))
    unproven, _ = frames(make_catalog, SERVICE.replace("category", "experimental: true\ncategory"))
    assert shared["confidence"] == pytest.approx(plain["confidence"] * index.SHARED_FACTOR)
    assert unproven["confidence"] == pytest.approx(plain["confidence"] * index.EXPERIMENTAL_FACTOR, abs=1e-3)


def test_a_measured_baseline_replaces_that_of_the_class(make_catalog: MakeCatalog) -> None:
    usual, usual_service = frames(make_catalog, SERVICE)
    assert usual["upload_baseline_bytes"] == usual_service["upload_baseline_bytes"] == 24_000
    own, service = frames(make_catalog, SERVICE.replace("category", "upload_baseline_bytes: 777\ncategory"))
    assert own["upload_baseline_bytes"] == service["upload_baseline_bytes"] == 777


def test_what_is_not_known_is_null(make_catalog: MakeCatalog) -> None:
    _, service = frames(make_catalog, SERVICE)
    assert service["country"] is None and service["trains_by_default"] is None
    source = "reference: https://x.example, checked: 2026-11-22"
    dated = f"attributes: {{trains_by_default: {{value: false, {source}}}}}\ncategory"
    _, told = frames(make_catalog, SERVICE.replace("category", dated))
    assert told["trains_by_default"] is False


def test_no_entries_make_empty_frames(make_catalog: MakeCatalog) -> None:
    vocabulary = draft(collect([make_catalog()])).vocabulary
    nothing: list[Entry] = []
    assert index.indicators(nothing, vocabulary).schema == pl.Schema(index.INDICATORS)
