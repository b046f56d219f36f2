"""Grades by table: one row per kind of evidence, next to the grade it is worth."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.match.grade import TLS_LEAST_DOWN, TLS_LEAST_UP, TLS_MOST_DOWN, TLS_MOST_UP, grade

#: What the lab's counting relay saw, per connection.
RECORDED = sorted((Path(__file__).parents[3] / "pcaps").glob("office-*/expected.jsonl"))

SCHEMA = {
    "kind": pl.String, "action": pl.String, "method": pl.String, "status": pl.Int64, "role": pl.String,
    "client_class": pl.String, "name_from": pl.String, "packets_down": pl.Int64, "total_bytes_up": pl.Int64,
    "total_bytes_down": pl.Int64, "upload_baseline_bytes": pl.Int64,
}  # fmt: skip

#: Short names of the columns the cases use most.
SHORT = {
    "up": "total_bytes_up", "down": "total_bytes_down", "baseline": "upload_baseline_bytes",
    "client": "client_class",
}  # fmt: skip

CASES = [
    # expected, what it is, evidence
    (1, "a DNS question", {"kind": "dns"}),
    (1, "a lookup never grows with bytes", {"kind": "dns", "up": 9**9, "down": 9**9}),
    (2, "a hello was answered, bytes unknown", {"kind": "tls"}),
    (2, "a long request, answer unknown", {"kind": "tls", "up": 90_000}),
    (3, "a long answer, request unknown", {"kind": "tls", "down": 9_000}),
    (2, "as long as a handshake, request unknown", {"kind": "tls", "down": 6_500}),
    (2, "a long answer, nothing was sent", {"kind": "tls", "up": 0, "down": 9_000}),
    (2, "a speculative browser connection", {"up": 2_400, "down": 5_900}),
    (2, "a resumed one", {"up": 2_300, "down": 700}),
    (1, "a hello nobody answered", {"up": 1_800, "down": 0, "packets_down": 0}),
    (1, "nothing came back, bytes unknown", {"packets_down": 0}),
    (1, "the longest hello, unanswered", {"up": TLS_MOST_UP, "packets_down": 0}),
    (2, "the longest handshake", {"up": TLS_MOST_UP, "down": TLS_MOST_DOWN}),
    (2, "a long call, of the answer only the shortest handshake", {"up": 90_000, "down": TLS_LEAST_DOWN}),
    (2, "a long answer to the shortest handshake", {"up": TLS_LEAST_UP, "down": 90_000}),
    (2, "no answer seen, yet the client went on", {"up": 40_000, "packets_down": 0}),
    (3, "a page", {"up": 6_000, "down": 90_000}),
    (3, "a short call with a long answer", {"up": 1_300, "down": 9_000}),
    (3, "a long call with a short answer", {"up": 5_000, "down": 900}),
    (3, "a program's small call", {"up": 2_200, "down": 5_000, "client": "program"}),
    (2, "the same from a browser", {"up": 2_200, "down": 5_000, "client": "browser"}),
    (3, "up to the baseline is a visit", {"up": 24_000, "down": 400_000}),
    (4, "more than a visit sends", {"up": 24_001, "down": 400_000}),
    (3, "no baseline, no upload", {"up": 9**9, "down": 9**9, "baseline": None}),
    (2, "a QUIC handshake", {"kind": "quic", "up": 4_300, "down": 7_500}),
    (3, "a QUIC exchange", {"kind": "quic", "up": 7_000, "down": 40_000}),
    (4, "a QUIC upload", {"kind": "quic", "up": 300_000, "down": 40_000}),
    (1, "blocked", {"kind": "proxy", "action": "blocked", "method": "POST", "status": 403}),
    (1, "blocked, however much was tried", {"action": "blocked", "up": 9**9, "down": 9**9}),
    (1, "reset", {"action": "reset", "up": 50_000, "down": 50_000}),
    (2, "a tunnel, bytes unknown", {"kind": "proxy", "method": "CONNECT", "status": 200}),
    (3, "a tunnel of which the proxy logs what came down", {
        "kind": "proxy", "method": "CONNECT", "status": 200, "down": 90_000}),
    (2, "a tunnel that was opened ahead", {
        "kind": "proxy", "method": "CONNECT", "status": 200, "down": 5_000}),
    (1, "a tunnel the proxy could not open", {"kind": "proxy", "method": "CONNECT", "status": 503}),
    (1, "a tunnel the proxy did not understand", {"kind": "proxy", "method": "CONNECT", "status": 400}),
    (4, "a tunnel with an upload", {
        "kind": "proxy", "method": "CONNECT", "status": 200, "up": 60_000, "down": 9_000}),
    (3, "a page through the proxy, bytes unknown", {"kind": "proxy", "method": "GET", "status": 200}),
    (3, "not modified is an answer", {"kind": "http", "method": "GET", "status": 304}),
    (3, "a WebSocket", {"kind": "proxy", "method": "GET", "status": 101}),
    (2, "a redirect alone, bytes unknown", {"kind": "proxy", "method": "GET", "status": 302}),
    (1, "the proxy's own refusal", {"kind": "proxy", "method": "GET", "status": 407}),
    (1, "no server for the proxy", {"kind": "proxy", "method": "GET", "status": 502}),
    (1, "no server is free", {"kind": "proxy", "method": "GET", "status": 503}),
    (1, "no server in time", {"kind": "proxy", "method": "GET", "status": 504}),
    (2, "a server's own word that another failed", {"kind": "http", "method": "GET", "status": 502}),
    (1, "a scanner asks for self-hosted software that is not there", {
        "kind": "http", "method": "POST", "status": 404, "name_from": "path", "up": 300, "down": 500}),
    (1, "a redirect of a path that alone tells the product", {
        "kind": "proxy", "method": "GET", "status": 301, "name_from": "path", "up": 300, "down": 500}),
    (3, "self-hosted software that asks for a credential", {
        "kind": "http", "method": "POST", "status": 401, "name_from": "path", "up": 300, "down": 500}),
    (5, "self-hosted software that answers", {
        "kind": "http", "method": "POST", "status": 200, "name_from": "path", "up": 300, "down": 500}),
    (2, "a plain answer says no", {"kind": "http", "method": "GET", "status": 404}),
    (2, "no content with it", {"kind": "http", "method": "GET", "status": 404, "up": 300, "down": 0}),
    (2, "an answer to nothing", {"kind": "http", "method": "GET", "status": 404, "up": 0, "down": 500}),
    (3, "a request without a status, of which the proxy logs what came down", {
        "kind": "proxy", "method": "GET", "down": 90_000}),
    (3, "a cleartext protocol known by its banner", {
        "kind": "flow", "name_from": "banner", "up": 40, "down": 90}),
    (2, "a flow known by its address", {"kind": "flow", "name_from": "address", "up": 40, "down": 90}),
    (3, "with bytes both ways", {
        "kind": "http", "method": "GET", "status": 404, "up": 300, "down": 500}),
    (5, "a decrypted POST", {"kind": "proxy", "method": "POST", "status": 200}),
    (5, "a decrypted PUT", {"kind": "http", "method": "PUT", "status": 201}),
    (2, "a refused POST", {"kind": "proxy", "method": "POST", "status": 401}),
    (2, "a POST sent elsewhere", {"kind": "proxy", "method": "POST", "status": 300}),
    (2, "a firewall's line on a POST", {"kind": "flow", "method": "POST", "status": 200}),
    (3, "a POST to a side door", {"kind": "proxy", "method": "POST", "status": 200, "role": "support"}),
    (3, "a POST to a shared host", {"kind": "proxy", "method": "POST", "status": 200, "role": "embedded"}),
    (4, "a GET that carries a lot", {
        "kind": "proxy", "method": "GET", "status": 200, "up": 40_000, "down": 900}),
    (2, "a method alone proves nothing", {"kind": "proxy", "method": "POST"}),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "what", "evidence"), CASES, ids=[case[1] for case in CASES])
def test_what_evidence_is_worth(expected: int, what: str, evidence: dict[str, object]) -> None:
    usual = {"kind": "tls", "action": "allowed", "role": "use", "upload_baseline_bytes": 24_000}
    named = {SHORT.get(name, name): value for name, value in evidence.items()}
    frame = pl.DataFrame([{**dict.fromkeys(SCHEMA), **usual, **named}], schema=SCHEMA)
    graded = grade(frame)
    assert graded.dtype == pl.Int16
    assert graded.to_list() == [expected], what


def test_a_frame_with_few_columns_is_graded_on_what_it_has() -> None:
    assert grade(pl.DataFrame({"kind": ["dns", "tls", None]})).to_list() == [1, 2, 2]


@pytest.mark.skipif(not RECORDED, reason="no recorded cases in this checkout")
def test_the_limit_lies_in_a_gap_of_recorded_traffic() -> None:
    """Connections without a request end well below it, those with one begin above it."""
    rows = pl.concat(pl.read_ndjson(path) for path in RECORDED).filter(
        pl.col("transport") == "tcp", pl.col("server_port") == 443
    )
    speculative = rows.filter(pl.col("bytes_up").is_between(1_800, TLS_MOST_UP), pl.col("bytes_down") < 3_000)
    asking = rows.filter(pl.col("bytes_up") > TLS_MOST_UP)
    assert speculative.height > 100 and asking.height > 100
    assert speculative["bytes_up"].max() < TLS_MOST_UP - 300
    assert asking["bytes_down"].min() > speculative["bytes_down"].max()


NUMBER = st.one_of(st.none(), st.integers(-1, 2**40))


@given(
    st.sampled_from(["tls", "quic", "http", "proxy", "flow", "dns"]),
    st.sampled_from([None, "GET", "POST", "CONNECT"]),
    st.sampled_from([None, 101, 200, 302, 401, 403, 502]),
    NUMBER, NUMBER, st.integers(0, 2**30),
)  # fmt: skip
def test_more_bytes_never_lower_a_grade_and_none_is_outside_the_scale(
    kind: str, method: str | None, status: int | None, up: int | None, down: int | None, more: int
) -> None:
    base = {
        **dict.fromkeys(SCHEMA), "kind": kind, "method": method, "status": status, "role": "use",
        "upload_baseline_bytes": 24_000, "total_bytes_up": up, "total_bytes_down": down,
    }  # fmt: skip
    grown = {
        **base,
        "total_bytes_up": None if up is None else up + more,
        "total_bytes_down": None if down is None else down + more,
    }
    before, after = grade(pl.DataFrame([base, grown], schema=SCHEMA)).to_list()
    assert 1 <= before <= after <= 5
    if down is None or (up is None and down <= TLS_MOST_DOWN):
        assert before <= 2 or status in (101, 200)
