"""AI servers of one's own, recorded with real programs (tests/lab/selfhosted): what is told and found.

All cases lie in one lake; each has a server's address of its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.product import query, shadowai

PCAPS = Path(__file__).parents[1] / "pcaps"
STORIES = {path.parent.name: yaml.safe_load(path.read_text("utf-8")) for path in PCAPS.glob("*/case.yml")}
CASES = {name: story for name, story in sorted(STORIES.items()) if "tells" in story}
#: What a week without a policy says of every service.
EVERYWHERE = {"unreviewed_service"}


def server_of(case: str) -> str:
    return str(CASES[case]["tells"][0]["server"])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases, scanned at level `clear`, so that addresses can be compared."""
    folder = tmp_path_factory.mktemp("selfhosted")
    for name in CASES:
        shutil.copy(PCAPS / name / "capture.pcap.zst", folder / f"{name}.pcap.zst")
    overlay = str(PCAPS / "nfs-beside-training" / "signatures")  # NFS is in no catalog: everybody has it
    files = sorted(f"{name}.pcap.zst" for name in CASES)
    shadowai(folder, "scan", "--quiet", *files, "--signatures", overlay, privacy="clear")
    return folder


def test_every_recorder_has_its_case() -> None:
    recorders = {story["recorder"] for story in CASES.values()}
    folder = Path(__file__).parent / "lab" / "selfhosted"
    assert recorders == {
        f"tests/lab/selfhosted/{path.name}"
        for path in folder.glob("*.py")
        if path.name not in ("__init__.py", "__main__.py", "small.py")
    }
    assert len({server_of(name) for name in CASES}) == len(CASES) >= 11


@pytest.mark.parametrize("case", CASES)
def test_sightings_of_self_hosted_servers_have_the_expected_columns(lake: Path, case: str) -> None:
    columns = sorted({name for row in CASES[case]["tells"] for name in row})
    sql = f"SELECT {', '.join(columns)} FROM sightings WHERE server = '{server_of(case)}'"
    seen: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in query(lake, sql)]
    for wanted in CASES[case]["tells"]:
        assert any(wanted.items() <= row.items() for row in seen), (wanted, seen)


@pytest.mark.parametrize("case", CASES)
def test_each_case_gives_exactly_its_findings(lake: Path, case: str) -> None:
    sql = f"SELECT DISTINCT rule FROM finding_evidence WHERE server = '{server_of(case)}'"
    assert {rule for (rule,) in query(lake, sql)} - EVERYWHERE == set(CASES[case]["findings"])


def test_keys_of_the_cases_are_written_nowhere(lake: Path) -> None:
    stored = [path for path in (lake / "lake").rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if b"Lab0Lab0" in path.read_bytes()]
    assert "Lab0Lab0" not in repr(query(lake, "SELECT * FROM sightings"))


def test_models_by_repository_and_content(lake: Path) -> None:
    columns = "repository, revision, pinned, model_file, model_format, format_from, runs_code"
    rows = query(lake, f"SELECT {columns} FROM models WHERE server = '{server_of('model-hub')}'")
    assert sorted(rows, key=repr) == sorted(
        [
            # the hub's client asks for the head first, then for the file, on one connection
            ("lab/small", "commit", True, "model.safetensors", "safetensors", "name", False),
            ("lab/small", "commit", True, "model.safetensors", "safetensors", "content", False),
            ("lab/small", "main", False, "pytorch_model.bin", "pickle", "name", True),
            (None, None, False, None, "pickle", "content", True),
            (None, None, False, None, "pytorch", "content", True),
            (None, None, False, None, "gguf", "content", False),
            # HDF5 without a name holds anything
        ],
        key=repr,
    )
