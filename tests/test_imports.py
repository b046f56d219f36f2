"""Who may import whom: one direction, no exceptions, and heavy libraries only where they work."""

import ast
import re
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from shutil import which

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("sensor/**/*.py"), *ROOT.glob("analytics/**/*.py")])

#: package or module of sensor -> those it may import besides itself
ALLOWED = {
    "schema": set(),
    "errors": set(),
    "account": set(),
    "destinations": set(),
    "coded": set(),
    "durable": {"errors"},
    "chunks": set(),
    "settings": {"errors", "schema", "destinations"},
    "decode": {"schema", "errors", "coded", "chunks"},
    "sources": {"schema", "errors", "decode", "settings", "coded", "chunks"},
    "match": {"schema", "errors", "coded"},
    "catalog": {"schema", "errors", "match"},
    "identity": {"schema", "errors", "settings"},
    "privacy": {"schema", "errors", "account", "coded", "durable"},
    "store": {"schema", "errors", "account", "durable"},
    "ingest/behind": set(),
    "ingest/summary": set(),
    "ingest/kernels": {"decode", "sources"},
    "ingest/batches": {"schema", "sources"},
    "ingest/intake": {"match", "privacy", "schema", "sources"},
    "ingest/people": {"schema", "identity", "privacy"},
    "ingest/pipeline": {"schema", "identity", "match", "privacy", "ingest/intake", "ingest/people"},
    "ingest/mixture": {"sources", "ingest/intake", "ingest/pipeline"},
    "ingest/grown": {"sources", "store"},
    "ingest/installation": {
        "catalog", "evidence", "identity", "match", "privacy", "schema", "settings", "sources",
        "store", "ingest/intake", "ingest/mixture", "ingest/people", "ingest/pipeline",
        "ingest/grown",
    },
    "ingest/one_input": {"sources", "store", "ingest/batches", "ingest/behind", "ingest/summary"},
    "ingest/bundles": {
        "sources", "store", "ingest/batches", "ingest/behind", "ingest/mixture", "ingest/summary",
    },
    "ingest/doubts": {"settings", "sources", "ingest/summary"},
    "ingest/scan": {
        "errors", "schema", "settings", "sources", "store", "ingest/batches", "ingest/bundles",
        "ingest/doubts", "ingest/installation", "ingest/one_input", "ingest/summary",
    },
    "ingest/capture": {
        "decode", "durable", "errors", "evidence", "privacy", "sources", "store",
        "ingest/doubts", "ingest/installation", "ingest/kernels", "ingest/mixture", "ingest/one_input",
        "ingest/renewal", "ingest/summary",
    },
    "ingest/renewal": {"catalog", "errors", "ingest/installation"},
    "ingest/streams": {
        "sources", "ingest/batches", "ingest/behind", "ingest/installation", "ingest/pipeline",
        "ingest/summary",
    },
    "ingest/follow": {
        "sources", "ingest/behind", "ingest/installation", "ingest/renewal", "ingest/streams",
        "ingest/summary",
    },
    "ingest/listen": {
        "durable", "errors", "sources", "ingest/behind", "ingest/installation", "ingest/renewal",
        "ingest/streams", "ingest/summary",
    },
    "extract": {"errors", "sources", "decode", "chunks"},
    "evidence": {"errors", "durable", "decode", "privacy", "store"},
    "rematch": {"schema", "catalog", "match", "store"},
}  # fmt: skip

#: Of these, modules are imported, not names.
ROOMS = ("sensor", "sensor.decode", "sensor.ingest", "sensor.sources", "sensor.sources.logs")

#: These may import every part.
ANYTHING = {"cli", "__init__", "ingest/__init__"}

#: part of sensor/sources -> parts of it that it may import besides itself
SOURCES = {
    "interface": set(),
    "inputs": {"interface", "logs/lines"},
    "packets": {"interface", "logs/rows", "logs/text"},
    "logs/text": set(),
    "logs/lines": {"logs/text"},
    "logs/rows": {"logs/text", "logs/lines", "logs/fields", "logs/line_format"},
    "logs/formats": {
        "logs/text",
        "logs/lines",
        "logs/rows",
        "logs/fields",
        "logs/log_format",
        "logs/line_format",
        "zeek",
    },
    "zeek": {"interface", "logs/text", "logs/lines", "logs/rows"},
}

#: package or module of sensor/decode -> those it may import besides itself; the order of layers
DECODE = {
    "layout": set(),
    "kernels": {"layout"},
    "dissection": {"layout", "kernels"},
    "flows": {"layout", "kernels", "dissection"},
    "tls": {"layout", "kernels"},
    "quic": {"layout", "kernels", "tls"},
    "text": {"layout", "kernels"},
    "http": {"layout", "kernels", "flows", "text"},
    "tcp": {"layout", "kernels", "flows", "tls", "http"},
    "dns": {"layout", "kernels", "dissection", "flows", "tcp"},
    "identity": {"layout", "kernels", "dissection", "tcp"},
    "streaming": {"layout", "kernels", "flows", "tls"},
    "tables": {"layout", "kernels", "dissection", "flows", "tls", "quic", "http", "tcp", "streaming"},
    "capture": {"layout", "kernels", "dissection", "flows", "tls", "quic", "tcp"},
    "datapath": {
        "layout", "kernels", "dissection", "flows", "quic", "http", "tcp", "dns", "identity", "streaming",
    },
    "timeouts": {"layout", "kernels", "datapath"},
    "decoder": {
        "layout", "kernels", "dissection", "flows", "tcp", "dns", "identity", "streaming", "tables",
        "capture", "datapath", "timeouts",
    },
    "warmup_calls": {"layout", "kernels", "tls", "quic", "text", "http", "dns", "capture", "decoder"},
    "warming": {"kernels", "warmup_calls"},
}  # fmt: skip


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            is_room = node.module in ROOMS
            names = [f"{node.module}.{a.name}" for a in node.names] if is_room else [node.module]
            yield from ((name, node.lineno) for name in names)


def _part(path: Path) -> str:
    """The key of a module in ALLOWED."""
    parts = path.relative_to(ROOT / "sensor").with_suffix("").parts
    return "/".join(parts[:2] if parts[0] == "ingest" else parts[:1])


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    in_analytics = path.is_relative_to(ROOT / "analytics")
    for name, line in _imports(path):
        place = f"{path.relative_to(ROOT)}:{line} imports {name}"
        if in_analytics:
            assert not name.startswith("sensor"), place
        elif name.startswith("sensor.") and (part := _part(path)) not in ANYTHING:
            assert _part(ROOT / name.replace(".", "/")) in ALLOWED[part] | {part}, place
        elif name.startswith("analytics"):
            assert _part(path) == "cli", place
        if name.split(".")[0] in ("numba", "llvmlite"):
            may = {"numba": ("jit.py",), "llvmlite": ("jit.py", "object_code.py")}[name.split(".")[0]]
            assert path.relative_to(ROOT) in [Path("sensor/decode/kernels", file) for file in may], place


def _room(path: Path) -> str:
    """The part of sensor/sources that a module or package there belongs to."""
    parts = path.relative_to(ROOT / "sensor" / "sources").with_suffix("").parts
    return "/".join(parts[:2] if parts[0] == "logs" else parts[:1])


@pytest.mark.parametrize("room", SOURCES)
def test_sources_import_what_they_build_on(room: str) -> None:
    """A tool for text knows no format, and a format does not know who reads it."""
    modules = [
        path for path in MODULES if path.is_relative_to(ROOT / "sensor" / "sources") and _room(path) == room
    ]
    assert modules
    for path in modules:
        for name, line in _imports(path):
            if name.startswith("sensor.sources."):
                imported = _room(ROOT / name.replace(".", "/"))
                assert imported in SOURCES[room] | {room}, f"{path.relative_to(ROOT)}:{line} imports {name}"


@pytest.mark.parametrize("layer", DECODE)
def test_decoders_import_lower_layers_only(layer: str) -> None:
    """A table of IP packets does not know who reads their payload."""
    layers = list(DECODE)
    assert DECODE[layer] <= set(layers[: layers.index(layer)])
    folder = ROOT / "sensor" / "decode"
    modules = [path for path in MODULES if path == folder / f"{layer}.py" or folder / layer in path.parents]
    assert modules
    for path in modules:
        for name, line in _imports(path):
            if name.startswith("sensor.decode."):
                imported = name.split(".")[2]
                assert imported in DECODE[layer] | {layer}, f"{path.relative_to(ROOT)}:{line} imports {name}"


def test_every_decoder_belongs_to_a_layer() -> None:
    folder = ROOT / "sensor" / "decode"
    found = {
        path.relative_to(folder).parts[0].removesuffix(".py") for path in MODULES if folder in path.parents
    }
    assert found == {*DECODE, "__init__"}


def test_every_package_of_decoders_lists_its_modules() -> None:
    for package in (ROOT / "sensor" / "decode").glob("*/__init__.py"):
        listed = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
        modules = {path.name for path in package.parent.glob("*.py")} - {"__init__.py"}
        assert modules == set(re.findall(r"[a-z0-9_]+\.py", listed)), package


REPORTS = ROOT / "analytics" / "reports"
#: Modules that know a page by the name of its report.
KNOW_PAGES = {"reports/prepare.py", "reports/write.py", "delivery/weekly.py"}


def test_no_report_imports_another() -> None:
    """What several share lies in common/, which knows none of them. Only what makes or writes pages does."""
    reports = {path.parent.name for path in REPORTS.glob("*/report.yml")}
    for path in (ROOT / "analytics").glob("**/*.py"):
        own = path.parent.name if path.is_relative_to(REPORTS) else ""
        if str(path.relative_to(ROOT / "analytics")) in KNOW_PAGES or path.parent.name == "render":
            continue
        for name, line in _imports(path):
            report = name.removeprefix("analytics.reports.").partition(".")[0]
            assert report not in reports - {own}, f"{path.relative_to(ROOT)}:{line} imports {name}"


def test_no_modules_import_each_other() -> None:
    """Imports inside functions and those for type checks only count, too: they would hide a ring."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    unsorted = {
        name: {found for found in _modules(path, modules) if found != name} for name, path in modules.items()
    }
    TopologicalSorter(unsorted).prepare()  # raises CycleError, which names the ring


def _modules(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of the project that a module imports. A package counts if a name is taken from itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in inside if node.module in known)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring and len(docstring) > 20


def test_there_is_no_module_called_utils() -> None:
    assert [p for p in MODULES if p.stem in ("utils", "util", "helpers", "misc", "common")] == []


def test_no_other_folders_are_committed() -> None:
    """Such as a lake that somebody made here to try something."""
    if not (ROOT / ".git").exists() or which("git") is None:
        pytest.skip("not a checkout, or no git")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(listed.stderr.strip())  # somebody else's checkout
    folders = {line.partition("/")[0] for line in listed.stdout.splitlines() if "/" in line}
    assert folders == {".ci", "analytics", "docs", "pcaps", "sensor", "signatures", "tests"}
