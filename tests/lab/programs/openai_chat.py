"""A program that chats through the OpenAI SDK.

One JSON argument: `base_url`, `turns`, `prompt_bytes`, `tokens`.
"""

from __future__ import annotations

import json
import sys

import openai


def main() -> None:
    """Ask, read the stream to its end, ask again with the same history."""
    settings = json.loads(sys.argv[1])
    client = openai.OpenAI(base_url=settings["base_url"], api_key="lab-key", max_retries=0, timeout=30)
    history: list[dict[str, str]] = []
    for turn in range(settings["turns"]):
        prompt = f"{turn}: " + "lorem ipsum " * (settings["prompt_bytes"] // 12)
        history.append({"role": "user", "content": prompt})
        stream = client.chat.completions.create(
            model="lab-model", messages=history, max_tokens=settings["tokens"], stream=True
        )
        parts = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
        history.append({"role": "assistant", "content": "".join(parts)})


if __name__ == "__main__":
    main()
