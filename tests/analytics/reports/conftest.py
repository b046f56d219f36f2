"""The rich story as a lake, made once."""

from pathlib import Path

import pytest

from .story import story_lake


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return story_lake(tmp_path_factory.mktemp("story"))
