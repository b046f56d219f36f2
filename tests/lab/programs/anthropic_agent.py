"""An agent loop through the Anthropic SDK: the whole context again at every step, and a little more.

One JSON argument: `base_url`, `steps`, `context_bytes` (at the first step), `growth_bytes` (per step),
`tokens`, `tool_s` (the longest pause while a tool runs).
"""

from __future__ import annotations

import json
import random
import sys
import time

import anthropic


def main() -> None:
    """Read the stream, run a tool (sleep), append its result, go again."""
    settings = json.loads(sys.argv[1])
    client = anthropic.Anthropic(base_url=settings["base_url"], api_key="lab-key", max_retries=0, timeout=30)
    context = "file contents " * (settings["context_bytes"] // 14)
    for _ in range(settings["steps"]):
        with client.messages.stream(
            model="lab-model",
            max_tokens=settings["tokens"],
            messages=[{"role": "user", "content": context}],
        ) as stream:
            reply = "".join(stream.text_stream)
        time.sleep(random.uniform(0.05, settings["tool_s"]))
        context += reply + "tool result " * (settings["growth_bytes"] // 12)


if __name__ == "__main__":
    main()
