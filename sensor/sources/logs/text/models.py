"""Names of AI models and MCP methods that may be stored: known ones.

A model's name is free text: deployments and fine-tuned models are named after teams and people. So only
the part of a name that belongs to a known family of models is kept, and every other name is `other`. Likewise
only JSON-RPC methods of the Model Context Protocol are kept.
"""

from __future__ import annotations

import polars as pl

#: Beginnings of models' names as their makers publish them, and versions, sizes and dates behind them.
_FAMILIES = (
    "gpt|chatgpt|o[1-9]|codex|dall-e|whisper|tts|sora|text-embedding|claude|gemini|gemma|imagen|veo|palm|bison|"
    "learnlm|llama|mistral|ministral|mixtral|magistral|codestral|devstral|pixtral|command|embed|rerank|aya|"
    "deepseek|qwen|qwq|grok|phi|nova|titan|sonar|jamba|granite|nemotron|kimi|moonshot|glm|chatglm|ernie|hunyuan|"
    "doubao|minimax|abab|yi|baichuan|internlm|falcon|flux|stable-diffusion|sdxl|starcoder|codellama|bge|e5|"
    "nomic-embed|all-minilm|voyage|j2|dbrx|solar|smollm|olmo|gpt-oss"
)
_PART = (
    r"[-._:]?(?:v?\d[\w.]*|\d*b|mini|nano|micro|small|medium|large|xl|max|ultra|pro|plus|lite|light|flash|turbo|"
    r"omni|opus|sonnet|haiku|instant|instruct|chat|it|base|preview|latest|exp|experimental|thinking|reasoner|"
    r"reasoning|coder|code|vision|vl|audio|realtime|transcribe|image|search|deep|research|fast|r|r1|a|o|high|"
    r"low|hd|live|tts|embedding|embed|text|english|multilingual|ada|scout|maverick|guard|premier|canvas|reel|"
    r"nightly|next|air|moe|distill|super|dev|schnell|oss|codex|think|speciale|terminus|non)"
)
_MODEL = rf"(?i)(?:^|[/.:])((?:{_FAMILIES})(?:{_PART})*)(?:$|[-/:@._\s])"
#: Model Context Protocol, revisions 2024-11-05 to 2025-11-25: requests and notifications.
_MCP = (
    r"^(?:initialize|ping|(?:tools|resources|resources/templates|prompts|roots|tasks)/[a-zA-Z]{3,20}|"
    r"completion/complete|logging/setLevel|sampling/createMessage|elicitation/create|"
    r"notifications/[a-zA-Z_]{3,20}(?:/[a-z_]{3,20})?)$"
)


def known_model(name: pl.Expr) -> pl.Expr:
    """`name` in lower case, cut after its known part; `other` for an unknown model.

    >>> names = pl.DataFrame({"name": ["ft:gpt-4o-mini:acme:jane:9", "claude-3-haiku-v1:0", "janes"]})
    >>> names.select(known_model(pl.col("name")))["name"].to_list()
    ['gpt-4o-mini', 'claude-3-haiku-v1:0', 'other']
    """
    known = name.str.extract(_MODEL).str.to_lowercase()
    return pl.when(name.is_not_null()).then(known.fill_null("other"))


def known_methods(names: pl.Expr) -> pl.Expr:
    """A list of method names as one text, sorted, once each; NULL for none."""
    known = names.list.eval(
        pl.when(pl.element().str.contains(_MCP)).then(pl.element()).otherwise(pl.lit("other"))
    )
    return pl.when(names.list.len() > 0).then(known.list.unique().list.sort().list.join(","))
