"""The Hugging Face client at a mirror of the hub, and a plain download of a pickled model."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

from tests.lab.selfhosted import small

STORY = (
    "huggingface_hub downloads safetensors by commit and pytorch_model.bin from the branch main, from a "
    "mirror in the hub's shape over readable HTTP. Then urllib gets four files whose names say nothing: "
    "a pickle, a PyTorch archive, GGUF and HDF5."
)
PACKAGES = ("huggingface_hub", "httpx")
PORT = 8090
PLACE = 108
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TELLS = [
    {"app": "behaviours/model-hub-mirror", "repository": "lab/small", "revision": "commit",
     "model_format": "safetensors", "format_from": "content"},
    {"app": "behaviours/model-hub-mirror", "repository": "lab/small", "revision": "main",
     "model_format": "pickle", "format_from": "name"},
    *({"app": "behaviours/model-file", "model_format": what, "format_from": "content"}
      for what in ("pickle", "pytorch", "gguf")),
]  # fmt: skip
FINDINGS = ["unpinned_model", "unsafe_model"]


def contents() -> dict[str, bytes]:
    """Files by the last part of their path: formats are real, weights are zeros."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("archive/data.pkl", pickle.dumps({"w": [0.0] * 16}, 2))
        packed.writestr("archive/data/0", bytes(256))
    head = b'{"w":{"dtype":"F32","shape":[64],"data_offsets":[0,256]}}'
    return {
        "model.safetensors": struct.pack("<Q", len(head)) + head + bytes(256),
        "pytorch_model.bin": archive.getvalue(),
        "a": pickle.dumps({"w": [0.0] * 64}, 4),
        "b": archive.getvalue(),
        "c": b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + bytes(256),
        "d": b"\x89HDF\r\n\x1a\n" + bytes(256),
    }


def serve(address: str) -> None:
    """Files, as a mirror has them."""
    files = contents()

    def answer(method: str, path: str, body: bytes) -> small.Answer | None:
        content = files.get(path.rpartition("/")[2])
        if content is None:
            return None
        fields = {"ETag": '"1"', "Content-Length": str(len(content))}
        if "/resolve/" in path:
            fields |= {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        return "application/octet-stream", fields, content

    small.serve(address, PORT, answer)


def use(address: str) -> None:
    """Two files of a repository, four plain ones."""
    import os
    import tempfile
    import urllib.request

    os.environ |= {"HF_ENDPOINT": f"http://{address}:{PORT}", "HF_HUB_DISABLE_TELEMETRY": "1",
                   "HF_HUB_DISABLE_XET": "1"}  # fmt: skip
    from huggingface_hub import close_session, hf_hub_download

    with tempfile.TemporaryDirectory() as folder:
        hf_hub_download("lab/small", "model.safetensors", revision=COMMIT, cache_dir=folder)
        close_session()
        hf_hub_download("lab/small", "pytorch_model.bin", cache_dir=folder)
    for name in "abcd":
        urllib.request.urlopen(f"http://{address}:{PORT}/share/{name}").read()
