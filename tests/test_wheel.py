"""The wheel, installed elsewhere read-only and run by somebody without a home."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.decode.kernels import jit

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """A new environment with nothing of ours but the wheel; dependencies come from this one."""
    with tempfile.TemporaryDirectory(prefix="shadowai-wheel-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        (wheel,) = (folder / "dist").glob("*.whl")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
        python = folder / "env" / "bin" / "python"
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--no-deps",
            "--quiet",
            str(wheel),
        ]
        subprocess.run(pip, check=True, capture_output=True)
        (site,) = (folder / "env" / "lib").glob("python*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
        for path in (folder / "env").rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o555)
        yield folder / "env"
        for path in (folder / "env").rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


#: root may write anywhere, so for root the installation is mounted read-only
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'


def _run(env: Path, *words: str | Path, cwd: Path) -> str:
    command = [str(env / "bin" / "shadowai"), *map(str, words)]
    if os.geteuid() == 0 and shutil.which("unshare"):
        command = ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", str(env), *command]
    environment = {"PATH": os.environ["PATH"], "HOME": "/proc/nobody"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that anybody may write to, with copies of two cases."""
    with tempfile.TemporaryDirectory(prefix="shadowai-place-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        for case in ("split-hello", "proxy-w46"):
            target = folder / "input" / case
            target.mkdir(parents=True)
            for file in (ROOT / "pcaps" / case).iterdir():
                (target / file.name).write_bytes(file.read_bytes())
        (folder / "lake.state").mkdir()
        (folder / "lake.state" / "kernels").symlink_to(jit.use().parent)  # the same sources, compiled once
        yield folder


def test_the_wheel_carries_catalog_views_and_reports(installed: Path, place: Path) -> None:
    out = _run(installed, "catalog", "explain", "chatgpt.com", cwd=place)
    assert "openai/chatgpt" in out


def test_it_scans_and_reports_without_home_or_checkout(installed: Path, place: Path) -> None:
    said = _run(installed, "scan", "input", "--lake", "lake", cwd=place)
    assert "sightings" in said
    assert (place / "lake.state" / "keys").is_dir(), "keys lie beside the lake, not in it"
    _run(installed, "report", "--lake", "lake", "--out", "page.html", cwd=place)
    assert "<html" in (place / "page.html").read_text(encoding="utf-8")
    rows = _run(installed, "sql", "--lake", "lake", "--format", "csv", "SELECT count(*) FROM apps", cwd=place)
    assert int(rows.splitlines()[1]) > 3
