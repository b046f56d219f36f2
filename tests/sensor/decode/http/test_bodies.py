"""First bytes of bodies: kinds of model files and versions, whatever segments they come in."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.decode.http.bodies import of_body
from tests.sensor.decode.craft import Talk, observe, one


def archive(name: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr(name, bytes(64))
    return made.getvalue()


MODEL = {"w": [0.0] * 20}
FILES = [
    *((pickle.dumps(what, protocol), "pickle") for protocol in (2, 3, 4, 5)
      for what in (MODEL, [1, 2, "a" * 300], OrderedDict(a=1))),
    (b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", "pytorch"),
    (archive("model/data.pkl"), "pytorch"),
    (archive("word/document.xml"), None),
    (struct.pack("<Q", 60) + b'{"w":{"dtype":"F32","shape":[1]}}', "safetensors"),
    (b"GGUF" + struct.pack("<IQQ", 3, 1, 1), "gguf"),
    (b"\x89HDF\r\n\x1a\n" + bytes(40), "hdf5"),
    (b"\x89PNG\r\n\x1a\n" + bytes(40), None),
    (b"\x93NUMPY\x01\x00" + bytes(40), "numpy"),
    (b"<!doctype html><html>" + bytes(40), None),
    (b"\x80\x01\x00\x02" + bytes(40), None),
]  # fmt: skip
VERSIONS = [
    (b'{"version":"0.5.7"}', "0.5.7"),
    (b'{"version":"0.10.1.1","commit":"x"}', "0.10.1.1"),
    (b'{"title":"qdrant - vector search engine","version":"1.9.0"}', "1.9.0"),
    (b'{"version":"4","ray_version":"2.60.0"}', "2.60.0"),
    (b'{ "version" : "v1.2.3-rc1" }', "1.2.3"),
    (b"2.9.2\n", "2.9.2"),
    (b'"1.0.0"', "1.0.0"),
    (b'{"error":"no version"}', None),
    (b'{"user":{"version":"1.2.3"}}', None),
    (b"2026", None),
    (b"10.20.30.40.50", None),
    (b"1.5 apples", None),
]


@pytest.mark.parametrize(("content", "kind"), FILES)
def test_kind(content: bytes, kind: str | None) -> None:
    assert of_body(content[:128]) == (None, kind)


@pytest.mark.parametrize(("content", "version"), VERSIONS)
def test_version(content: bytes, version: str | None) -> None:
    assert of_body(content) == (version, None)


@given(st.binary(max_size=128))
def test_anything_is_read_without_an_error(content: bytes) -> None:
    of_body(content)


def test_random_bytes_are_no_model() -> None:
    rng = random.Random(3)
    assert [of_body(rng.randbytes(96)) for _ in range(20_000)] == [(None, None)] * 20_000


HEAD = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"


def asked() -> Talk:
    return Talk(server_port=8080).shake().send(b"GET /m HTTP/1.1\r\nHost: a.example\r\n\r\n")


@pytest.mark.parametrize(
    "answers",
    [
        [HEAD + b"GGUF\x03\0\0\0" + bytes(50)],
        [HEAD, b"GGUF\x03\0\0\0" + bytes(50)],
        [HEAD + b"3a\r\nGGUF\x03\0\0\0" + bytes(50) + b"\r\n0\r\n\r\n"],
        [HEAD, b"3a\r\nGGUF\x03\0\0\0" + bytes(50)],
    ],
)
def test_a_body_in_the_segment_of_its_head_or_the_next(answers: list[bytes]) -> None:
    talk = asked()
    for answer in answers:
        talk.reply(answer)
    assert one(talk.close().frames)["software"] == "server: x\nsends: gguf"


def test_a_head_sent_again_is_no_body() -> None:
    talk = asked().reply(HEAD)
    talk.down -= len(HEAD)
    talk.reply(HEAD).reply(b'{"version":"1.2.3"}')
    row = one(talk.close().frames)
    assert (row["software"], row["server_version"]) == ("server: x", "1.2.3")


@pytest.mark.parametrize("path", [b"/m", b"/n"])
def test_a_body_is_looked_at_unless_the_same_was_asked_for_before(path: bytes) -> None:
    talk = asked().reply(HEAD + b"hello").send(b"GET " + path + b" HTTP/1.1\r\nHost: a.example\r\n\r\n")
    rows = observe(talk.reply(HEAD + b"GGUF\x03\0\0\0" + bytes(50)).close().frames)
    software = [row["software"] for row in rows]
    assert software == (["server: x"] if path == b"/m" else ["server: x", "server: x\nsends: gguf"])


@pytest.mark.parametrize("field", [b"x-litellm-version", b"X-Version"])  # the latter is Dify's
def test_a_version_in_a_header(field: bytes) -> None:
    talk = asked().reply(b"HTTP/1.1 200 OK\r\n" + field + b": 1.83.7\r\n\r\n" + bytes(20))
    assert one(talk.close().frames)["server_version"] == "1.83.7"
