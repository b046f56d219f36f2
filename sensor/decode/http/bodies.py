"""Recognises the format of a model file, or the version a server reports, in the first bytes of a body.

The slow path, for bodies that `first_bytes` selects. Nothing else of a body is read or stored.

    pickle        Python pickle, protocol 2 to 5 (pickletools): can execute code when loaded
    pytorch       zip whose first member is a pickle (torch.save), or the older format with a magic number
    safetensors   size of the header, then the header in JSON (huggingface/safetensors)
    gguf          ggml-org/ggml docs/gguf.md
    hdf5          Keras and others (HDF5 File Format Specification)
    numpy         one array (numpy.lib.format); may contain a pickle
"""

from __future__ import annotations

import re

import polars as pl

from sensor.decode.kernels.strings import columns
from sensor.decode.layout import Bytes, Records

COLUMNS: dict[str, pl.DataType] = {"server_version": pl.String(), "content": pl.String()}

_FORMS = (
    ("pytorch", re.compile(rb"PK\x03\x04.{22}.{4}[\w./-]{0,80}?data\.pkl", re.S)),
    ("pytorch", re.compile(rb"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9")),
    # protocol 4 and 5 begin with a frame; 2 and 3 with what makes a list, tuple, dict, or names a class
    ("pickle", re.compile(rb"\x80[\x04\x05]\x95.{6}\0\0|\x80[\x02\x03][]}()cX]", re.S)),
    ("gguf", re.compile(rb"GGUF[\x01-\x09]\0\0\0")),
    ("hdf5", re.compile(rb"\x89HDF\r\n\x1a\n")),
    ("numpy", re.compile(rb"\x93NUMPY[\x01-\x03]\0")),
    ("safetensors", re.compile(rb"[^\0].{3}\0{4}\{\s*\"", re.S)),
)
_NUMBER = rb"v?(\d{1,4}(?:\.\d{1,5}){1,3})(?:[-.+]?(?:rc|a|b|dev|post)[\w.]{0,12})?"
_BARE = re.compile(rb'"?' + _NUMBER + rb'"?\s*\Z')
_VERSION = re.compile(_NUMBER + rb"\Z")
#: JSON members with the version of the server itself, not of its protocol or components.
_NAME = re.compile(
    rb"(?!(?:api|file|format|max|min|node|protocol|python|pytorch|schema|spec)_)(?:[a-z]{1,12}_)?version\Z"
)
_JSON = re.compile(rb'([][{}])|"((?:[^"\\]|\\.)*+)"\s*(:?)\s*(?:(?<=[:\s])"((?:[^"\\]|\\.)*+)")?', re.S)


def of_body(first: bytes) -> tuple[str | None, str | None]:
    """Version and format (`COLUMNS`) of a body with these first bytes."""
    content = next((name for name, form in _FORMS if form.match(first)), None)
    bare = _BARE.match(first)
    return bare[1].decode() if bare else _member(first), content


def _member(first: bytes) -> str | None:
    """The first version among the members of an object, or of its `system` (as ComfyUI has it)."""
    if not first.startswith(b"{"):
        return None
    depth, within = 0, b""
    for bracket, name, colon, value in _JSON.findall(first):
        if bracket:
            depth += 1 if bracket in b"{[" else -1
        elif colon and (depth == 1 or (depth == 2 and within == b"system")):
            found = _VERSION.match(value) if _NAME.match(name) else None
            if found:
                return str(found[1], "ascii")
            within = name if depth == 1 else within
    return None


def read(data: Bytes, events: Records, known: pl.DataFrame) -> pl.DataFrame:
    """Labels of the events, whose bytes are in `data`; `known` has serial, ordinal and time of each."""
    places = zip(events["offset"].tolist(), events["length"].tolist(), strict=True)
    rows: list[tuple[object, ...]] = [
        of_body(data[begin : begin + length].tobytes()) for begin, length in places
    ]
    labels = known.with_columns(**columns(COLUMNS, rows))
    return labels.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in COLUMNS))
