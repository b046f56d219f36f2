"""Describes readable requests to model hubs and AI APIs: the model they download, or what they upload.

Paths are those that the hubs document: Hugging Face and its mirrors, ModelScope, registries (Ollama, OCI),
Kaggle and NGC. Of a revision only a word is stored that shows whether it is pinned, because branch names may
be internal.
"""

from __future__ import annotations

import polars as pl

from sensor.schema import SENDS

#: ASCII of any length, because Unicode `\w{1,96}` takes 250 MB to compile.
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_REPOSITORY = rf"({_NAME}/{_NAME})"
#: Capture repository, revision and file of a path; the first match counts.
_PATHS = (
    rf"^/(?:datasets/|spaces/|models/)?{_REPOSITORY}/(?:resolve|raw)/(?P<revision>[^/]+)/(?P<file>.+)$",
    rf"^/api/resolve-cache/(?:models|datasets|spaces)/{_REPOSITORY}/(?P<revision>[^/]+)/(?P<file>.+)$",
    rf"^/api/(?:models|datasets|spaces)/{_REPOSITORY}/(?:revision|tree|preupload|commit)/(?P<revision>[^/]+)",
    rf"^/api/v1/models/{_REPOSITORY}/(?P<revision>repo)$",
    rf"^/v2/{_REPOSITORY}/(?:manifests|blobs)/(?P<revision>[^/]+)$",
    rf"^/api/v1/models/{_REPOSITORY}/[^/]+/[^/]+/(?P<revision>[0-9]+)/download$",
    rf"^/v2/(?:org/[^/]+/(?:team/[^/]+/)?)?models/{_REPOSITORY}/versions/(?P<revision>[^/]+)/files/(?P<file>.+)$",
    rf"^/({_NAME}/{_NAME}?)(?:\.git)?/(?P<revision>info)/(?:refs|lfs)",
)
#: Revisions that are immutable, and revisions that are not.
_REVISIONS = (
    (r"^[0-9a-f]{40}$", "commit"),
    (r"^sha256[:-][0-9a-f]{64}$", "digest"),
    (r"^v?[0-9]+(?:\.[0-9]+)*$", "version"),
    (r"^main$", "main"),
    (r"^master$", "master"),
    (r"^latest$", "latest"),
)
_NOT_A_REVISION = ("repo", "info")
#: Formats of model files by name. Files of the pickle family can execute code when loaded.
_FORMATS = (
    (r"\.(?:pkl|pickle|joblib|dill|pt|pth|ckpt|t7|mar)$|(?:^|/)(?:pytorch_model|optimizer|training_args)[A-Za-z0-9_.-]*\.bin$",
     "pickle"),
    (r"\.safetensors$", "safetensors"),
    (r"\.gguf$", "gguf"),
    (r"\.(?:h5|hdf5|keras)$", "hdf5"),
    (r"\.np[yz]$", "numpy"),
    (r"\.onnx$", "onnx"),
    (r"\.tflite$", "tflite"),
    (r"\.llamafile$", "llamafile"),
)  # fmt: skip
#: Access class in which the name of a file determines its format.
_DOWNLOAD = "download"
#: Requests that leave data with a service: APIs like OpenAI, Cohere, Gemini, Replicate; Hugging Face, Ollama.
_UPLOADS = (
    (r"/fine[_-]?tun|/finetuning/|/trainings$|/tunedModels", "fine-tuning"),
    (
        r"/preupload/|/api/models/[^/]+/[^/]+/commit/|/api/(?:push|create)$|/api/blobs/|/v2/.+/blobs/uploads",
        "model",
    ),
    (r"/v1/datasets$|/api/datasets/[^/]+/[^/]+/commit/", "dataset"),
    (r"/v1/(?:files|uploads)(?:/[^/]+/parts)?$|/upload/v1(?:beta)?/files|/v1/batches$", "file"),
)

#: Columns that `describe` adds.
COLUMNS = ("repository", "revision", "model_file", "model_format", "format_from", "hands_over")


def describe(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `COLUMNS` to `rows` (url_path, method, access, software), computed once per distinct path."""
    asked = rows.select("url_path", "method", "access").unique()
    described = asked.with_columns(**_named(), uploads=_first(pl.col("url_path"), _UPLOADS)).with_columns(
        revision=_revision(pl.col("revision")),
        model_file=pl.col("file").str.extract(r"([^/]+)$"),
        by_name=pl.when(pl.col("access") == _DOWNLOAD).then(_first(pl.col("url_path"), _FORMATS)),
        hands_over=pl.when(pl.col("method").is_in(["POST", "PUT", "PATCH"])).then("uploads"),
    )
    frame = rows.join(
        described, on=["url_path", "method", "access"], how="left", nulls_equal=True, maintain_order="left"
    )
    content = pl.col("software").str.extract(rf"(?m)^{SENDS}([a-z0-9]+)$")
    return frame.with_columns(
        model_format=pl.coalesce(content, "by_name"),
        format_from=pl.when(content.is_not_null())
        .then(pl.lit("content"))
        .when(pl.col("by_name").is_not_null())
        .then(pl.lit("name")),
    ).drop("file", "uploads", "by_name")


def _named() -> dict[str, pl.Expr]:
    path = pl.col("url_path")
    return {
        "repository": pl.coalesce(path.str.extract(form, 1) for form in _PATHS),
        "revision": pl.coalesce(path.str.extract(form, 2) for form in _PATHS),
        "file": pl.coalesce(path.str.extract(form, 3) for form in _PATHS if "<file>" in form),
    }


def _first(text: pl.Expr, forms: tuple[tuple[str, str], ...]) -> pl.Expr:
    """The word of the first of `forms` (expression, word) that matches `text`."""
    return pl.coalesce(pl.when(text.str.contains(form)).then(pl.lit(word)) for form, word in forms)


def _revision(name: pl.Expr) -> pl.Expr:
    stated = pl.when(name.is_not_null() & ~name.is_in(_NOT_A_REVISION))
    return stated.then(pl.coalesce(_first(name, _REVISIONS), pl.lit("other")))
