"""Of free text only what is known goes on."""

from __future__ import annotations

import polars as pl
import pytest

from sensor.sources.logs.text.models import known_methods, known_model


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("gpt-5.1", "gpt-5.1"),
        ("GPT-4o-mini-2024-07-18", "gpt-4o-mini-2024-07-18"),
        ("o3-mini", "o3-mini"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet-20241022"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4-20250514-v1:0"),
        ("gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b-instruct"),
        ("llama3:8b", "llama3:8b"),
        ("mistral-large-latest", "mistral-large-latest"),
        ("deepseek-reasoner", "deepseek-reasoner"),
        ("ft:gpt-4o-mini-2024-07-18:acme:for-jane:9abc", "gpt-4o-mini-2024-07-18"),
        ("gpt-4-janes-copy", "gpt-4"),
        ("jane-doe-deployment", "other"),
        ("gptjane", "other"),
        (None, None),
    ],
)
def test_models(name: str | None, known: str | None) -> None:
    assert (
        pl.DataFrame({"m": [name]}, schema={"m": pl.String}).select(known_model(pl.col("m"))).item() == known
    )


def test_methods_of_the_protocol_only() -> None:
    calls = pl.Series(
        [["tools/list", "initialize", "tools/list"], ["acme.jane"], [], None], dtype=pl.List(pl.String)
    )
    told = calls.to_frame("rpc").select(known_methods(pl.col("rpc")))["rpc"].to_list()
    assert told == ["initialize,tools/list", "other", None, None]
