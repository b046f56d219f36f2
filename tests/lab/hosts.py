"""The names the lab answers for, and the address each of them has inside the lab.

Every name has an address of its own, so that the servers know which name a connection was for
without trusting any decoder. Public names live in the documentation ranges (RFC 5737, RFC 3849),
company names (`corp.example`, RFC 2606) in a private one.
"""

from __future__ import annotations

from dataclasses import dataclass

AI_NAMES = (
    "chatgpt.com",
    "api.openai.com",
    "claude.ai",
    "api.anthropic.com",
    "gemini.google.com",
    "generativelanguage.googleapis.com",
    "chat.deepseek.com",
    "api.deepseek.com",
    "copilot.microsoft.com",
    "api.githubcopilot.com",
    "huggingface.co",
    "cdn-lfs.huggingface.co",
    "cas-bridge.xethub.hf.co",
    "api.mistral.ai",
    "chat.mistral.ai",
    "www.perplexity.ai",
    "sider.ai",
    "api2.sider.ai",
    "otter.ai",
    "www.notion.so",
    "api2.cursor.sh",
    "gamma.app",
    "api.elevenlabs.io",
    "app.grammarly.com",
    "api.groq.com",
    "openrouter.ai",
    "www.midjourney.com",
)
OTHER_NAMES = (
    "en.wikipedia.org",
    "www.google.com",
    "www.youtube.com",
    "github.com",
    "stackoverflow.com",
    "news.ycombinator.com",
    "www.bbc.co.uk",
    "outlook.office.com",
    "app.slack.com",
    "zoom.us",
    "www.linkedin.com",
    "api.weather.example",
    "cdn.videos.example",
    "files.downloads.example",
)
COMPANY_NAMES = (
    "intranet.corp.example",
    "crm.corp.example",
    "packages.corp.example",
    "git.corp.example",
    "documents.corp.example",
    "printers.corp.example",
)
QUIC_NAMES = frozenset(
    {
        "chatgpt.com",
        "gemini.google.com",
        "www.google.com",
        "www.youtube.com",
        "www.perplexity.ai",
    }
)  # names whose server also speaks HTTP/3
DUAL_STACK_NAMES = frozenset(
    {
        "huggingface.co",
        "en.wikipedia.org",
        "www.perplexity.ai",
        "claude.ai",
        "www.bbc.co.uk",
    }
)  # names that also have an AAAA record
PUBLIC_PREFIX, PUBLIC_PREFIX_V6, COMPANY_PREFIX = "198.51.100.", "2001:db8:80::", "10.30.0."


@dataclass(frozen=True)
class Host:
    """A name and where it lives in the lab; `address_v6` is None without an AAAA record."""

    name: str
    address: str
    address_v6: str | None
    quic: bool

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses of the name, version 4 first."""
        return (self.address,) if self.address_v6 is None else (self.address, self.address_v6)


def all_hosts() -> list[Host]:
    """Every name of the lab; addresses follow from the order of the lists above."""
    public = [
        Host(
            name,
            f"{PUBLIC_PREFIX}{number}",
            f"{PUBLIC_PREFIX_V6}{number:x}" if name in DUAL_STACK_NAMES else None,
            name in QUIC_NAMES,
        )
        for number, name in enumerate(AI_NAMES + OTHER_NAMES, start=10)
    ]
    company = [
        Host(name, f"{COMPANY_PREFIX}{number}", None, False)
        for number, name in enumerate(COMPANY_NAMES, start=10)
    ]
    return public + company


def name_of_address() -> dict[str, str]:
    """The name behind each lab address."""
    return {address: host.name for host in all_hosts() for address in host.addresses}
