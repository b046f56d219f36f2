"""Requests to hubs and APIs: which model, how it was asked for, what it leaves there."""

from __future__ import annotations

import polars as pl
import pytest

from sensor.match.pulls import COLUMNS, describe

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64
FETCHED = [
    (f"/acme/small/resolve/{COMMIT}/m.safetensors", "acme/small", "commit", "m.safetensors", "safetensors"),
    ("/acme/small/resolve/main/a/pytorch_model-1.bin", "acme/small", "main", "pytorch_model-1.bin", "pickle"),
    ("/acme/small/resolve/main/config.json", "acme/small", "main", "config.json", None),
    ("/datasets/acme/rows/resolve/my-branch/a.pkl", "acme/rows", "other", "a.pkl", "pickle"),
    (f"/api/resolve-cache/models/acme/small/{COMMIT}/m.gguf", "acme/small", "commit", "m.gguf", "gguf"),
    (f"/api/models/acme/small/revision/{COMMIT}", "acme/small", "commit", None, None),
    ("/v2/library/llama3/manifests/latest", "library/llama3", "latest", None, None),
    (f"/v2/library/llama3/blobs/{DIGEST}", "library/llama3", "digest", None, None),
    ("/api/v1/models/acme/m/jax/2b/3/download", "acme/m", "version", None, None),
    ("/v2/org/nvidia/team/nemo/models/x/y/versions/1.2/files/a.ckpt", "x/y", "version", "a.ckpt", "pickle"),
    ("/acme/small.git/info/refs", "acme/small", None, None, None),
    ("/models/resnet18-f37072fd.pth", None, None, None, "pickle"),
    ("/logo.png", None, None, None, None),
]  # fmt: skip
LEFT = [
    ("POST", "/v1/files", "file"),
    ("POST", "/v1/uploads/u1/parts", "file"),
    ("GET", "/v1/files", None),
    ("POST", "/v1/fine_tuning/jobs", "fine-tuning"),
    ("POST", "/v1/fine-tunes", "fine-tuning"),
    ("POST", "/v1/trainings", "fine-tuning"),
    ("POST", "/upload/v1beta/files", "file"),
    ("POST", "/v1/datasets", "dataset"),
    ("POST", "/api/models/acme/small/preupload/main", "model"),
    ("POST", "/api/push", "model"),
    ("POST", "/v1/chat/completions", None),
    ("POST", "/v1/filesystem", None),
]


def told(
    path: str, method: str = "GET", access: str = "download", software: str | None = None
) -> dict[str, object]:
    frame = pl.DataFrame(
        {"url_path": [path], "method": [method], "access": [access], "software": [software]},
        schema=dict.fromkeys(("url_path", "method", "access", "software"), pl.String),
    )
    return describe(frame).select(*COLUMNS).row(0, named=True)


@pytest.mark.parametrize(("path", "repository", "revision", "file", "kind"), FETCHED)
def test_fetched(
    path: str, repository: str | None, revision: str | None, file: str | None, kind: str | None
) -> None:
    row = told(path)
    assert (row["repository"], row["revision"], row["model_file"]) == (repository, revision, file)
    assert (row["model_format"], row["format_from"]) == (kind, kind and "name")


@pytest.mark.parametrize(("method", "path", "what"), LEFT)
def test_left(method: str, path: str, what: str | None) -> None:
    assert told(path, method, "api")["hands_over"] == what


def test_content_tells_more_than_a_name() -> None:
    row = told("/acme/small/resolve/main/model.safetensors", software="server: x\nsends: pickle")
    assert (row["model_format"], row["format_from"]) == ("pickle", "content")


def test_a_name_tells_nothing_of_what_hands_out_no_models() -> None:
    assert told("/files/report.pkl", access="web")["model_format"] is None


def test_rows_stay_in_their_order_and_number() -> None:
    paths = ["/b/c/resolve/main/x.bin", None, "/b/c/resolve/main/x.bin", "/"]
    rows = {"url_path": paths, "method": ["GET"] * 4, "access": ["web"] * 4, "software": [None] * 4}
    frame = pl.DataFrame(rows, schema_overrides={"software": pl.String}).with_columns(n=pl.int_range(4))
    made = describe(frame)
    assert made["n"].to_list() == [0, 1, 2, 3]
    assert made["repository"].to_list() == ["b/c", None, "b/c", None]
