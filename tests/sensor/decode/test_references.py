"""Whoever reads a parser finds the specification of what it parses at its top."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.sensor.decode.craft import ROOT

DECODE = ROOT / "sensor" / "decode"
LAYERS = ("capture", "dissection", "dns", "flows", "http", "identity", "quic", "streaming", "tcp", "tls")
#: modules that parse nothing themselves
WITHOUT = {
    "capture": {"conversation", "handshakes", "merge", "reader"},
    "flows": {"duplicates", "prefetch"},
    "identity": {"holders", "packets", "statement"},
    "streaming": {"answers", "judge"},
    "tcp": {"first_bytes"},
}
REFERENCE = re.compile(
    r"RFC \d{3,4}|IEEE 802|FIPS \d+|draft-[a-z]+|\[MS-[A-Z]+\]|linux/if_packet\.h|JA4\.md"
    r"|QUIC Crypto|JSON-RPC 2\.0 §|HDF5 File Format Specification"
)
PARSERS = [
    path
    for layer in LAYERS
    for path in sorted((DECODE / layer).glob("*.py"))
    if path.stem not in {"__init__", *WITHOUT.get(layer, set())}
]


@pytest.mark.parametrize("path", PARSERS, ids=lambda path: str(path.relative_to(DECODE)))
def test_a_parser_names_its_specification(path: Path) -> None:
    assert REFERENCE.search(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
