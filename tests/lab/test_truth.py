"""The proxy's verdicts, and the committed cases against tshark."""

from __future__ import annotations

import shutil

import pytest

from tests.lab.__main__ import ROOT
from tests.lab.check import check_cases
from tests.lab.truth import action_of, host_of


@pytest.mark.parametrize(
    ("tag", "status", "action"),
    [
        ("TCP_TUNNEL", "200", "allowed"),
        ("NONE_NONE", "200", "allowed"),
        ("TCP_DENIED", "407", "unknown"),
        ("TCP_DENIED", "200", "blocked"),
        ("NONE_NONE", "403", "blocked"),
        ("NONE_NONE", "500", "unknown"),
    ],
)
def test_what_the_proxy_decided(tag: str, status: str, action: str) -> None:
    assert action_of(tag, status) == action


@pytest.mark.parametrize("url", ["claude.ai:443", "https://claude.ai/", "http://claude.ai:80/x?y=a:b/c"])
def test_host_of_a_logged_url(url: str) -> None:
    assert host_of(url) == "claude.ai"
    assert host_of("error:transaction-end-before-headers") is None


@pytest.mark.tshark
def test_committed_cases_agree_with_tshark() -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    # Readable HTTP/2 on ports where tshark takes it for something else, or does not look.
    unseen = ("etcd-store: name []", "ray-cluster: name []")
    assert [problem for problem in check_cases(ROOT / "pcaps") if not problem.startswith(unseen)] == []
