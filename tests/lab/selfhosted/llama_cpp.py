"""The OpenAI SDK at a server in the shape of llama.cpp's own."""

from __future__ import annotations

import json

from tests.lab.selfhosted import small

STORY = (
    "The OpenAI SDK asks a server of ours that answers as llama.cpp's does (Server: llama.cpp, on port "
    "8080) for a chat, streamed; then its own paths are asked for. (No model is at hand that "
    "llama-cpp-python could load.)"
)
PACKAGES = ("openai", "httpx")
PORT = 8080
PLACE = 117
TELLS = [
    {"app": "behaviours/llama-cpp", "status": 200, "credential": "bearer", "streamed": True},
    {"app": "behaviours/llama-cpp", "status": 200, "credential": "none"},
]
FINDINGS = ["unauthenticated_server"]


def serve(address: str) -> None:
    """Chat and what the server says of itself."""
    small.serve(address, PORT, _answer, software="llama.cpp")


def _answer(method: str, path: str, body: bytes) -> small.Answer | None:
    if path == "/v1/chat/completions":
        lines = [
            {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "lab",
             "choices": [{"index": 0, "delta": {"content": w}, "finish_reason": None}]}
            for w in ("lorem", " ipsum")
        ]  # fmt: skip
        pieces = [*(b"data: %b\n\n" % json.dumps(x).encode() for x in lines), b"data: [DONE]\n\n"]
        return "text/event-stream", {}, pieces
    if path == "/lora-adapters":
        return small.as_json([])
    return None


def use(address: str) -> None:
    """A chat, then the adapters."""
    import urllib.request

    import openai

    with openai.OpenAI(base_url=f"http://{address}:{PORT}/v1", api_key="none", max_retries=0) as client:
        ask = [{"role": "user", "content": "lorem ipsum"}]
        for _ in client.chat.completions.create(model="lab", messages=ask, stream=True):
            pass
    urllib.request.urlopen(f"http://{address}:{PORT}/lora-adapters").read()
