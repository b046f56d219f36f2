"""The OpenAI SDK at a server of one's own, with a vendor's key."""

from __future__ import annotations

import json

from tests.lab.selfhosted import small

STORY = (
    "The OpenAI SDK talks in readable HTTP to a gateway on port 8123 that answers in OpenAI's shape, "
    "and sends it a key in the form of OpenAI's project keys (made up): one streamed chat, then a file "
    "for fine-tuning."
)
PACKAGES = ("openai", "httpx")
PORT = 8123
PLACE = 110
KEY = "sk-proj-" + "Lab0" * 10 + "T3BlbkFJ" + "Lab0" * 10  # nobody's: the form only
TELLS = [{"app": "behaviours/openai-compatible", "credential": "bearer", "key_type": "openai/project-key"}]
FINDINGS = ["keys_in_clear"]


def serve(address: str) -> None:
    """Chat, files and fine-tuning."""
    small.serve(address, PORT, _answer)


def _answer(method: str, path: str, body: bytes) -> small.Answer | None:
    if path == "/v1/chat/completions":
        words = ["lorem", " ipsum", " dolor"]
        chunks = [{"choices": [{"index": 0, "delta": {"content": w}, "finish_reason": None}]} for w in words]
        lines = [
            {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "lab", **c} for c in chunks
        ]
        return (
            "text/event-stream",
            {},
            [*(b"data: %b\n\n" % json.dumps(x).encode() for x in lines), b"data: [DONE]\n\n"],
        )
    if path == "/v1/files":
        return small.as_json({"id": "file-1", "object": "file", "bytes": len(body), "created_at": 1,
                              "filename": "t", "purpose": "fine-tune", "status": "processed"})  # fmt: skip
    if path == "/v1/fine_tuning/jobs":
        return small.as_json({"id": "job-1", "object": "fine_tuning.job", "created_at": 1, "model": "lab",
                              "status": "queued", "hyperparameters": {}, "organization_id": "o", "seed": 1,
                              "result_files": [], "training_file": "file-1"})  # fmt: skip
    return None


def use(address: str) -> None:
    """Two clients, so that each begins a connection of its own."""
    import openai

    def client() -> openai.OpenAI:
        return openai.OpenAI(base_url=f"http://{address}:{PORT}/v1", api_key=KEY, max_retries=0)

    with client() as chat:
        ask = [{"role": "user", "content": "lorem ipsum"}]
        for _ in chat.chat.completions.create(model="lab", messages=ask, stream=True):
            pass
    with client() as tuning:
        rows = b'{"messages": [{"role": "user", "content": "lorem"}]}\n' * 400
        file = tuning.files.create(file=("t.jsonl", rows), purpose="fine-tune")
        tuning.fine_tuning.jobs.create(model="lab", training_file=file.id)
