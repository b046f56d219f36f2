"""Ollama's own client at a server in its shape, that strangers reach too."""

from __future__ import annotations

import json

from tests.lab.selfhosted import small

STORY = (
    "Ollama's Python client lists models and chats with a server of ours that answers in Ollama's shape "
    "on port 11434 and says it is version 0.1.30. Somebody outside asks it the same. (Ollama itself is "
    "no Python package.)"
)
PACKAGES = ("ollama", "httpx")
PORT = 11434
PLACE = 109
TELLS = [
    {"app": "behaviours/ollama", "credential": "none", "status": 200, "client_scope": "internal"},
    {"app": "behaviours/ollama", "client_scope": "external", "status": 200},
    {"app": "behaviours/ollama", "server_version": "0.1.30"},
]
FINDINGS = ["exposed_server", "unauthenticated_server", "vulnerable_server"]
MODEL = {"name": "lab:latest", "model": "lab:latest", "size": 1, "digest": "0" * 64,
         "details": {"family": "lab", "families": ["lab"]}}  # fmt: skip


def serve(address: str) -> None:
    """Tags, version and a streamed chat."""
    small.serve(address, PORT, _answer)


def _answer(method: str, path: str, body: bytes) -> small.Answer | None:
    if path == "/api/version":
        return small.as_json({"version": "0.1.30"})
    if path == "/api/tags":
        return small.as_json({"models": [MODEL]})
    if path == "/api/chat":
        parts = [
            {"model": "lab", "message": {"role": "assistant", "content": w}, "done": w == ""}
            for w in ("a", "b", "")
        ]
        return "application/x-ndjson", {}, [json.dumps(part).encode() + b"\n" for part in parts]
    return None


def use(address: str, outside: str = "") -> None:
    """A colleague lists and chats and asks for the version; then somebody from `outside` lists."""
    import urllib.request

    import httpx
    import ollama

    ollama.Client(f"http://{address}:{PORT}").list()
    for _ in ollama.Client(f"http://{address}:{PORT}").chat(
        "lab", [{"role": "user", "content": "lorem"}], stream=True
    ):
        pass
    urllib.request.urlopen(f"http://{address}:{PORT}/api/version").read()
    with httpx.Client(transport=httpx.HTTPTransport(local_address=outside)) as stranger:
        stranger.get(f"http://{address}:{PORT}/api/tags")
