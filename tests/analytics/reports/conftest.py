"""The rich story as a lake, made once."""

from pathlib import Path

import pytest

from analytics.lake import open_views

from .story import story_lake


@pytest.fixture(autouse=True)
def handmade(monkeypatch: pytest.MonkeyPatch) -> None:
    """These lakes are nothing but views: what had landed when is for tests/sensor/test_rematch.py."""

    def views(
        lake: Path, *, as_of: object = None, restricted: bool = False, counting: object = None
    ) -> object:
        return open_views(lake, restricted=restricted)

    monkeypatch.setattr("analytics.reports.prepare.views", views)


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return story_lake(tmp_path_factory.mktemp("story"))
