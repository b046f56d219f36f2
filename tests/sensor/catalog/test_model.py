"""What an indicator may look like."""

from typing import Any

import pytest
from pydantic import ValidationError

from sensor.catalog.model import Event, Indicator

REST = {
    "access": "web", "certainty": "vendor_doc", "reference": "https://example.com/x", "checked": "2026-11-22",
}  # fmt: skip


def build(**fields: Any) -> Indicator:
    return Indicator.model_validate({**REST, **fields})


@pytest.mark.parametrize(
    ("fields", "kind", "value"),
    [
        ({"domain": "a.example"}, "domain", "a.example"),
        ({"suffix": "xn--bcher-kva.example"}, "suffix", "xn--bcher-kva.example"),
        ({"pattern": "run.*.a.example"}, "pattern", "run.*.a.example"),
        ({"pattern": "*-ai.a.example"}, "pattern", "*-ai.a.example"),
        ({"url": "a.example/chat"}, "url", "a.example/chat"),
        ({"url": "*.a.example/chat"}, "url", "*.a.example/chat"),
        ({"address": "192.0.2.0/24"}, "address", "192.0.2.0/24"),
        ({"address": "2001:db8::/32"}, "address", "2001:db8::/32"),
        ({"extension_id": "a" * 32}, "extension_id", "a" * 32),
        ({"ja4": "t13d1516h2_8daaf6152771_b0da82dd1658"}, "ja4", "t13d1516h2_8daaf6152771_b0da82dd1658"),
    ],
)
def test_good_indicators(fields: dict[str, Any], kind: str, value: str) -> None:
    assert (build(**fields).kind, build(**fields).value) == (kind, value)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"domain": "a.example", "suffix": "a.example"},
        {"domain": "A.example"},
        {"domain": "a.example."},
        {"domain": "a.example:443"},
        {"domain": "bücher.example"},
        {"domain": "localhost"},
        {"suffix": ".a.example"},
        {"suffix": "*.a.example"},
        {"suffix": "example"},
        {"pattern": "a.example"},
        {"pattern": "a.*.example"},
        {"pattern": "a.example.*"},
        {"pattern": "*.example"},
        {"pattern": "**.a.example"},
        {"url": "https://a.example/chat"},
        {"url": "a.example"},
        {"url": "a.example/"},
        {"url": "a.example/chat?q=1"},
        {"address": "192.0.2.1/24"},
        {"address": "192.0.2.0/33"},
        {"extension_id": "z" * 32},
        {"ja4": "t13d"},
        {"user_agent": "x"},
        {"domain": "a.example", "shared": "perhaps"},
        {"domain": "a.example", "note": "unknown field"},
    ],
)
def test_bad_indicators(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        build(**fields)


@pytest.mark.parametrize("fields", [{}, {"url": "a.example/x"}, {"url": "https://a.example"}, {"hots": "x"}])
def test_bad_events(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Event.model_validate(fields)
