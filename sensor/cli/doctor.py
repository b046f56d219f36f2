"""`shadowai doctor`: what is in force, what is there, and what would stop a scan."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import typer

from sensor.cli.options import ConfigOption, LakeOption, StateOption, settings_from

Finding = tuple[str, bool, str]


def command(lake: LakeOption = None, state: StateOption = None, config: ConfigOption = None) -> None:
    """Check settings, folders, catalog, kernels and outside programs; exit code 5 if something is missing."""
    from sensor.settings import lake_path, state_path

    settings = settings_from(config, lake=lake, state=state)
    place = lake_path(settings)
    folder = state_path(settings, place)
    findings = [
        *_versions(),
        _writable("lake", place),
        _writable("state (keys, caches)", folder),
        _keys_apart(place, folder),
        _catalog(settings.signatures, folder),
        _kernels(folder),
        ("settings", True, f"privacy {settings.privacy}, k {settings.k}, zone {settings.zone}"),
        *_programs(),
    ]
    for name, ok, text in findings:
        typer.echo(f"{'ok ' if ok else 'NO '} {name}: {text}")
    if not all(ok for _, ok, _ in findings):
        raise typer.Exit(5)


def _versions() -> Iterator[Finding]:
    from importlib.metadata import version

    yield "python", True, platform.python_version()
    packages = ("shadow-ai-sensor", "polars", "duckdb", "numba", "cryptography")
    yield "packages", True, ", ".join(f"{name} {version(name)}" for name in packages)


def _writable(name: str, folder: Path) -> Finding:
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    ok = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    return name, ok, f"{folder}" if ok else f"{folder} cannot be written; choose another"


def _keys_apart(lake: Path, state: Path) -> Finding:
    inside = state.absolute().is_relative_to(lake.absolute())
    text = (
        "keys would lie inside the lake they protect; set --state elsewhere" if inside else "outside the lake"
    )
    return "keys", not inside, text


def _catalog(overlays: tuple[Path, ...], state: Path) -> Finding:
    from sensor.catalog.load import load
    from sensor.errors import CatalogError

    try:
        catalog = load(*overlays, cache=state / "catalog")
    except CatalogError as error:
        return "catalog", False, str(error).splitlines()[0]
    return "catalog", True, f"{len(catalog.entries)} services, version {catalog.version}"


def _kernels(state: Path) -> Finding:
    from sensor.decode import jit

    kept = jit.use(state / "kernels")
    text = (
        "not compiled yet; `shadowai warm` or the first scan does it"
        if jit.was_cold()
        else f"compiled, {kept}"
    )
    return "kernels", True, text


def _programs() -> Iterator[Finding]:
    import shutil

    for program, use in (("tshark", "only for captures our decoder cannot read"),):
        found = shutil.which(program)
        yield program, True, found or f"not installed; {use}"
