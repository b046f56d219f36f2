"""Recognises AI credentials by their form; returns provider and type, never the value.

Only formats with a fixed provider prefix are recognised, not those with only a length and an alphabet (32 hex
digits may be an Azure key, an MD5, or a session). The formats are those in the scanners gitleaks and
trufflehog.
"""

from __future__ import annotations

import hashlib
import re

_FORMS = {
    "openai/api-key": rb"sk-[a-zA-Z0-9]{20}T3BlbkFJ[a-zA-Z0-9]{20}",
    "openai/project-key": rb"sk-(?:proj|svcacct|admin)-[\w-]{20,74}T3BlbkFJ[\w-]{20,74}",
    "anthropic/api-key": rb"sk-ant-api03-[\w-]{93}AA",
    "anthropic/admin-key": rb"sk-ant-admin01-[\w-]{93}AA",
    "google/api-key": rb"AIza[\w-]{35}",
    "google/gemini-key": rb"AQ\.Ab8RN6[\w-]{44}",
    "aws/bedrock-key": rb"ABSK[A-Za-z0-9+/]{109,269}={0,2}",
    "huggingface/user-token": rb"hf_[a-zA-Z0-9]{34}",
    "huggingface/organisation-token": rb"api_org_[a-zA-Z0-9]{34}",
    "groq/api-key": rb"gsk_[a-zA-Z0-9]{52}",
    "xai/api-key": rb"xai-[0-9a-zA-Z_]{80}",
    "replicate/api-token": rb"r8_[\w-]{37}",
    "perplexity/api-key": rb"pplx-[a-zA-Z0-9]{48}",
    "nvidia/api-key": rb"nvapi-[\w-]{64}",
    "openrouter/api-key": rb"sk-or-v1-[0-9a-f]{64}",
    "together/api-key": rb"tgp_v1_[\w-]{43}",
    "cerebras/api-key": rb"csk-[a-z0-9]{48}",
    "runpod/api-key": rb"rpa_[A-Z0-9]{40}[A-Za-z0-9]{6}",
    "langsmith/api-key": rb"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",
    "pinecone/api-key": rb"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{63}",
    "wandb/api-key": rb"wandb_v1_\w{77}",
    "vercel/gateway-key": rb"vck_[\w-]{56}",
}
_NAMES = tuple(_FORMS)
#: Prefixes of all formats: only a text with one of these can contain a key.
PREFIXES = (
    "sk-", "AIza", "AQ.Ab8RN6", "ABSK", "hf_", "api_org_", "gsk_", "xai-", "r8_", "pplx-", "nvapi-",
    "tgp_v1_", "csk-", "rpa_", "lsv2_", "pcsk_", "wandb_v1_", "vck_",
)  # fmt: skip
#: A key is a separate word: no character that could extend it precedes or follows.
_ANY = re.compile(
    rb"(?<![\w+/-])(?:" + b"|".join(b"(%b)" % f for f in _FORMS.values()) + rb")(?![\w+/=-])", re.A
)


def find(text: bytes) -> tuple[str, str] | None:
    """Type and fingerprint (128 bits of SHA-256, hex) of the first AI key in `text`, None without one.

    The fingerprint is keyed before it is stored (schema: `SECRET`).
    """
    found = _ANY.search(text)
    if found is None or found.lastindex is None:
        return None
    return _NAMES[found.lastindex - 1], hashlib.sha256(found[0]).hexdigest()[:32]
