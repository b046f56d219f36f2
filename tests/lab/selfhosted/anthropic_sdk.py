"""The Anthropic SDK at a gateway of one's own, with a vendor's key."""

from __future__ import annotations

from tests.lab.selfhosted import small

STORY = (
    "The Anthropic SDK talks in readable HTTP to a gateway on port 8124 that answers in Anthropic's "
    "shape and asks for the key (made up, in the form of Anthropic's)."
)
PACKAGES = ("anthropic", "httpx")
PORT = 8124
PLACE = 101
KEY = "sk-ant-api03-" + "Lab0" * 23 + "_AA"  # nobody's: the form only
TELLS = [{"app": "behaviours/ai-key-in-clear", "credential": "bearer", "key_type": "anthropic/api-key"}]
FINDINGS = ["keys_in_clear"]


def serve(address: str) -> None:
    """One message."""
    small.serve(address, PORT, _answer)


def _answer(method: str, path: str, body: bytes) -> small.Answer | None:
    if path != "/v1/messages":
        return None
    content = [{"type": "text", "text": "lorem ipsum"}]
    return small.as_json({"id": "m", "type": "message", "role": "assistant", "model": "lab",
                          "content": content, "stop_reason": "end_turn", "stop_sequence": None,
                          "usage": {"input_tokens": 2, "output_tokens": 2}})  # fmt: skip


def use(address: str) -> None:
    """Ask once."""
    import anthropic

    client = anthropic.Anthropic(base_url=f"http://{address}:{PORT}", api_key=KEY, max_retries=0)
    client.messages.create(model="lab", max_tokens=16, messages=[{"role": "user", "content": "lorem ipsum"}])
