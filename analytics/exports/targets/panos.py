"""A custom URL category of PAN-OS, as set commands.

Trailing slashes and *.name, which needs a label in front:
https://docs.paloaltonetworks.com/advanced-url-filtering/administration/configuring-url-filtering/url-category-exceptions/guidelines-for-url-category-exceptions
"""

from __future__ import annotations

from collections.abc import Iterator

from analytics.exports.interface import Provenance, Selection, Target


def _render(selection: Selection, _: Provenance) -> Iterator[str]:
    category = f"set profiles custom-url-category shadowai-{selection.mode}"
    yield f'{category} type "URL List"'
    for entry in selection.entries:
        for url in urls(entry.kind, entry.value):
            yield f"{category} list {url}"


def urls(kind: str, value: str) -> list[str]:
    """Entries of a URL list. The slash at the end keeps x.com from matching x.com.example, and a caret stands
    for one label: asterisks must not follow each other."""
    if kind == "suffix":
        return [f"{value}/", f"*.{value}/"]
    return [value.replace("*", "^")] if kind == "url" else [f"{value}/"]


TARGET = Target(
    "panos",
    "PAN-OS (configure mode)",
    _render,
    says=frozenset({"domain", "suffix", "url"}),
    modes=("block", "allow"),
    notes=("paths are seen only where traffic is decrypted",),
)
