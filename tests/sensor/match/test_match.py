"""A frame of observations comes back as its hits: the right service, role, confidence, and no path."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor import schema
from sensor.match.index import Index
from sensor.match.match import ADDED, AGENT_ALONE_CONFIDENCE, CNAME_CONFIDENCE, NAME_CONFIDENCE, match
from tests.sensor.match.conftest import Observe, indicators


def hit(index: Index, observe: Observe, **fields: Any) -> dict[str, Any] | None:
    """The hit of one observation, or None."""
    rows = match(observe(**{name: [value] for name, value in fields.items()}), index)
    return rows.row(0, named=True) if rows.height else None


def test_hits_keep_order_and_columns_and_misses_go(index: Index, observe: Observe) -> None:
    seen = observe(host=["x.example", "www.chat.example", None, "api.other.example", "chat.example"])
    hits = match(seen.with_columns(line=pl.lit(7)), index)
    assert hits["host"].to_list() == ["www.chat.example", "api.other.example", "chat.example"]
    assert hits.columns == [*schema.OBSERVATIONS.dtypes, "line", *ADDED]
    assert {name: hits.schema[name] for name in ADDED} == ADDED


def test_the_host_comes_back_normalised(index: Index, observe: Observe) -> None:
    found = hit(index, observe, host="WWW.Chat.Example.:443")
    assert found and (found["host"], found["app"]) == ("www.chat.example", "open/chat")


@pytest.mark.parametrize(
    ("host", "path", "app", "prefix"),
    [
        ("chat.example", "/backend/code", "open/code", "/backend/code"),
        ("CHAT.example", "/backend/code/run/7", "open/code", "/backend/code"),
        ("chat.example", "/backend/codes", "open/chat", None),
        ("chat.example", "/backend/code?key=secret", "open/code", "/backend/code"),
        ("chat.example", None, "open/chat", None),
        ("sub.chat.example", "/backend/code", "open/chat", None),
        ("www.office.example", "/mail/42", "office/ai", None),
        ("portal.example.com", "/assist", "office/ai", "/assist/"),
        ("portal.example.com", "/assist/new", "office/ai", "/assist/"),
        ("portal.example.com", "/assistant", None, None),
        ("portal.example.com", None, None, None),
    ],
)
def test_a_path_matches_at_a_slash_and_only_its_prefix_is_kept(
    index: Index, observe: Observe, host: str, path: str | None, app: str | None, prefix: str | None
) -> None:
    found = hit(index, observe, host=host, path=path)
    assert (found and found["app"], found and found["path"]) == (app, prefix)


def test_a_path_turns_a_shared_host_into_use(index: Index, observe: Observe) -> None:
    without, with_path = (
        hit(index, observe, host="www.office.example", path=path) for path in ("/mail", "/ai/x")
    )
    assert without and without["role"] == "embedded"
    assert with_path and with_path["role"] == "use"


@pytest.mark.parametrize(
    ("host", "agent", "app", "access", "role"),
    [
        # a product names itself on its vendor's and on other vendors' hosts
        ("api.open.example", "open-cli/1.0", "open/code", "cli", "use"),
        ("api.other.example", "open-cli/1.0", "open/code", "cli", "use"),
        # its telemetry stays telemetry
        ("stats.chat.example", "open-cli/1.0", "open/code", "telemetry", "support"),
        # a shared host stays what it is
        ("www.office.example", "open-cli/1.0", "office/ai", "web", "embedded"),
        # a library renames nobody
        ("api.other.example", "OpenSDK/3.1", "other/api", "api", "use"),
        ("chat.example", "OpenSDK/3.1", "open/chat", "api", "use"),
        # alone, a product is near, and a library is nothing
        ("gateway.corp.example", "open-cli/1.0", "open/code", "cli", "support"),
        (None, "open-cli/1.0", "open/code", "cli", "support"),
        ("gateway.corp.example", "OpenSDK/3.1", None, None, None),
    ],
)
def test_what_a_user_agent_changes(
    index: Index, observe: Observe, host: str, agent: str, app: str, access: str, role: str
) -> None:
    found = hit(index, observe, host=host, user_agent=agent) or {}
    assert (found.get("app"), found.get("access"), found.get("role")) == (app, access, role)


def test_a_refined_hit_takes_the_agents_baseline(index: Index, observe: Observe) -> None:
    found = hit(index, observe, host="api.open.example", user_agent="open-cli/1.0")
    assert found and found["upload_baseline_bytes"] == 12_000
    assert found["signature"] == "open/code#user_agent:open-cli/"


def test_a_user_agent_alone_has_less_confidence(index: Index, observe: Observe) -> None:
    found = hit(index, observe, host="x.example", user_agent="open-cli/1.0")
    assert found and found["confidence"] == pytest.approx(0.9 * AGENT_ALONE_CONFIDENCE)


def test_an_unknown_host_is_found_by_its_cname(index: Index, observe: Observe) -> None:
    found = hit(index, observe, host="ai.corp.example", cname="EU.api.open.example.")
    assert found and found["app"] == "open/api"
    assert found["signature"] == "open/api#suffix:api.open.example@cname"
    assert found["confidence"] == pytest.approx(0.9 * CNAME_CONFIDENCE)
    assert found["host"] == "ai.corp.example"


def test_a_known_host_is_not_asked_for_its_cname(index: Index, observe: Observe) -> None:
    found = hit(index, observe, host="chat.example", cname="api.other.example")
    assert found and found["signature"] == "open/chat#suffix:chat.example"


@pytest.mark.parametrize(
    ("host", "server", "app"),
    [
        (None, "192.0.2.9", "own/net"),
        (None, "2001:db8:7::9", "own/net"),
        ("192.0.2.9", None, "own/net"),
        ("unknown.example", "192.0.2.9", None),
        ("chat.example", "192.0.2.9", "open/chat"),
        (None, "198.51.100.1", None),
        (None, "not an address", None),
    ],
)
def test_an_address_counts_only_without_a_name(
    index: Index, observe: Observe, host: str | None, server: str | None, app: str | None
) -> None:
    found = hit(index, observe, host=host, server=server)
    assert (found and found["app"]) == app
    if app == "own/net" and found:
        assert found["name_from"] == "address"
        assert found["confidence"] == pytest.approx(0.9 * NAME_CONFIDENCE["address"])


def test_a_name_from_dns_has_less_confidence_than_one_in_the_traffic(index: Index, observe: Observe) -> None:
    rows = match(observe(host=["chat.example"] * 2, name_from=["sni", "dns_answer"]), index)
    assert rows["confidence"].to_list() == pytest.approx([0.9, 0.9 * NAME_CONFIDENCE["dns_answer"]])


def test_a_fitting_fingerprint_halves_the_doubt_and_alone_is_nothing(index: Index, observe: Observe) -> None:
    ja4 = "t13d1516h2_8daaf6152771_b0da82dd1658"
    rows = match(observe(host=["chat.example", "api.other.example", "x.example"], ja4=[ja4] * 3), index)
    assert rows["confidence"].to_list() == pytest.approx([0.95, 0.9])


def test_an_empty_frame_and_an_empty_catalog(index: Index, observe: Observe) -> None:
    assert match(schema.OBSERVATIONS.empty(), index).is_empty()
    nothing = Index.build(indicators())
    assert match(
        observe(host=["chat.example"], path=["/"], user_agent=["x"], server=["y"]), nothing
    ).is_empty()


TEXT = st.one_of(st.none(), st.sampled_from(["chat.example", "api.open.example", "192.0.2.1"]), st.text())


@settings(max_examples=15)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT, TEXT), max_size=12))
def test_any_row_hits_at_most_once_and_alone_as_in_company(index: Index, rows: list[tuple[Any, ...]]) -> None:
    names = ("host", "cname", "path", "user_agent", "server")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    seen = schema.OBSERVATIONS.conform(frame).with_row_index("number")
    together = match(seen, index)
    assert together["number"].is_unique().all()
    apart = [match(seen.slice(number, 1), index) for number in range(seen.height)]
    assert together.equals(pl.concat(apart) if apart else together)


SIDER = "difoiogjjojoaoomphldepapgpbgkhkb"


@pytest.fixture(scope="module")
def machines() -> Index:
    return Index.build(
        indicators(
            ("behaviours/server", "port", "9931/api/tags", "api", "use"),
            ("behaviours/server", "port", "9931/api/generate", "api", "use"),
            ("behaviours/server", "port", "8000/v1/models", "api", "use"),
            ("behaviours/other", "port", "8000/v1/models", "api", "use"),
            ("behaviours/family", "port", "/v1/chat/completions", "api", "use"),
            ("sider/sider", "extension_id", SIDER, "extension", "use"),
            ("open/api", "domain", "api.open.example", "api", "use"),
            ("behaviours/server", "software", "server: openserve", "api", "use"),
            ("behaviours/server", "software", "x-open-serve", "api", "use"),
            ("open/api", "suffix", "listed.example", "api", "use"),
            ("behaviours/named", "label", "tool", "candidate", "support"),
            ("behaviours/asked", "port", "/v1/messages", "candidate", "support"),
            ("shop/mcp", "domain", "mcp.shop.example", "mcp", "use"),
            ("open/api", "domain", "mcp.open.example", "mcp", "use"),
            ("open/code", "user_agent", "open-cli/", "cli", "use"),
            ("open/api", "user_agent", "OpenSDK/", "api", "use"),
        )
    )


@pytest.mark.parametrize(
    ("host", "port", "path", "app"),
    [
        ("10.1.2.3", 9931, "/api/tags", "behaviours/server"),
        ("gpu1.corp.example", 9931, "/api/generate/x", "behaviours/server"),
        (None, 9931, "/api/tags?a=1", "behaviours/server"),
        ("10.1.2.3", 9931, "/api/tagsandmore", None),
        ("10.1.2.3", 9931, "/", None),
        ("10.1.2.3", 9931, None, None),
        ("10.1.2.3", 9932, "/api/tags", None),
        ("10.1.2.3", 8000, "/v1/models", None),  # two products claim it
        ("10.1.2.3", 8000, "/v1/chat/completions", "behaviours/family"),
        ("10.1.2.3", None, "/v1/chat/completions", "behaviours/family"),
        ("api.open.example", 9931, "/api/tags", "open/api"),
    ],
)
def test_a_port_needs_its_path_and_a_host_that_nobody_knows(
    machines: Index, observe: Observe, host: str | None, port: int | None, path: str | None, app: str | None
) -> None:
    hits = match(observe(host=[host], server_port=[port], path=[path], name_from=["http_host"]), machines)
    assert hits["app"].to_list() == ([app] if app else [])
    if app == "behaviours/server":
        assert hits.select("name_from", "role").row(0) == ("path", "use")


@pytest.mark.parametrize(
    ("host", "software", "app"),
    [
        ("10.1.2.3", "server: openserve/1.2", "behaviours/server"),
        (None, "server: openserve", "behaviours/server"),
        ("10.1.2.3", "server: uvicorn\nx-open-serve", "behaviours/server"),
        ("10.1.2.3", "server: openserver", None),
        ("10.1.2.3", "x-open-serves", None),
        ("10.1.2.3", "via: x-open-serve", None),
        ("api.open.example", "server: openserve", "open/api"),
    ],
)
def test_software_that_names_itself_is_known_on_any_port(
    machines: Index, observe: Observe, host: str | None, software: str, app: str | None
) -> None:
    frame = observe(host=[host], software=[software], server_port=[5555], path=["/"])
    hits = match(frame, machines)
    assert hits["app"].to_list() == ([app] if app else [])
    if app == "behaviours/server":
        assert hits.select("name_from", "role").row(0) == ("banner", "use")


@pytest.mark.parametrize(
    ("row", "app", "name_from"),
    [
        ({"host": "tool.crm.example", "name_from": "sni"}, "behaviours/named", "sni"),
        ({"host": "TOOL.crm.example.", "name_from": "sni"}, "behaviours/named", "sni"),
        ({"host": "tool.crm.example", "path": "/tools", "name_from": "url"}, "behaviours/named", "url"),
        ({"host": "tool.crm.example", "path": "/v1/chat/completions"}, "behaviours/family", "path"),
        ({"host": "tool.crm.example", "software": "server: openserve"}, "behaviours/server", "banner"),
        ({"host": "tool.listed.example", "name_from": "sni"}, "open/api", "sni"),
        ({"host": "tool.example"}, None, None),
        ({"host": "toolbox.crm.example"}, None, None),
        ({"host": "tool-1.crm.example", "name_from": "sni"}, "behaviours/named", "sni"),
        ({"host": "shop-tool.crm.example", "name_from": "sni"}, "behaviours/named", "sni"),
        ({"host": "shop-toolbox.crm.example"}, None, None),
        ({"host": "www.tool.example"}, None, None),
    ],
)
def test_a_first_label_counts_where_nothing_else_tells_more(
    machines: Index, observe: Observe, row: dict[str, str], app: str | None, name_from: str | None
) -> None:
    hits = match(observe(**{name: [value] for name, value in row.items()}), machines)
    assert hits["app"].to_list() == ([app] if app else [])
    assert hits["name_from"].to_list() == ([name_from] if app else [])
    if app == "behaviours/named":
        host = row["host"].lower().rstrip(".")
        assert hits.select("host", "role", "path").row(0) == (host, "support", None)


@pytest.mark.parametrize(
    ("host", "access", "role"),
    [
        ("docs.chat.example", "site", "support"),
        ("Auth.Chat.Example.", "auth", "support"),
        ("login.chat.example", "auth", "support"),
        ("trust.chat.example", "site", "support"),
        ("releases.chat.example", "cdn", "support"),
        ("metrics.chat.example", "telemetry", "support"),
        ("eu.docs.chat.example", "web", "use"),
        ("docs.eu.chat.example", "web", "use"),
        ("mydocs.chat.example", "web", "use"),
        ("chat.example", "web", "use"),
        ("docs.api.open.example", "api", "use"),  # of an API: a customer may be called so
    ],
)
def test_a_first_label_below_pages_tells_side_doors(
    index: Index, observe: Observe, host: str, access: str, role: str
) -> None:
    assert match(observe(host=[host]), index).select("access", "role").rows() == [(access, role)]


@pytest.mark.parametrize("access", ["web", "ide", "cli", "agent"])
def test_the_label_tells_below_every_product_with_a_domain_of_its_own(observe: Observe, access: str) -> None:
    index = Index.build(indicators(("open/code", "suffix", "code.example", access, "use")))
    found = match(observe(host=["docs.code.example", "tunnel.code.example"]), index)
    assert found.select("access", "role").rows() == [("site", "support"), (access, "use")]


@pytest.mark.parametrize("access", ["api", "download"])
def test_beside_an_api_or_a_hub_only_the_labels_of_pages_tell(observe: Observe, access: str) -> None:
    index = Index.build(indicators(("open/hub", "suffix", "hub.example", access, "use")))
    found = match(observe(host=["docs.hub.example", "cdn.hub.example", "eu.docs.hub.example"]), index)
    assert found.select("access", "role").rows() == [("site", "support"), (access, "use"), (access, "use")]


@pytest.mark.parametrize(
    ("host", "path", "hit"),
    [
        ("chat.example", "/pricing?plan=team", ("site", "support", "/pricing")),
        ("www.chat.example", "/login/sso", ("auth", "support", "/login")),
        ("chat.example", "/cdn-cgi/rum", ("cdn", "support", "/cdn-cgi")),
        (
            "chat.example",
            "/pricing",
            ("site", "support", "/pricing"),
        ),  # as stored: the next catalog says the same
        ("chat.example", "/pricing-plan-of-ours", ("web", "use", None)),
        ("chat.example", "/c/login", ("web", "use", None)),
        ("api.open.example", "/login", ("api", "use", None)),
    ],
)
def test_the_first_part_of_a_path_tells_side_doors(
    index: Index, observe: Observe, host: str, path: str, hit: tuple[str, str, str | None]
) -> None:
    hits = match(observe(host=[host], path=[path]), index)
    assert hits.select("access", "role", "path").rows() == [hit]


@pytest.mark.parametrize(
    ("host", "path", "agent", "hit"),
    [
        ("relay.example", "/v1/messages", None, ("behaviours/asked", "candidate", "support")),
        ("relay.example", "/v1/messages", "OpenSDK/1", ("behaviours/asked", "candidate", "support")),
        ("relay.example", "/v1/messages", "open-cli/1", ("open/code", "cli", "use")),
        ("relay.example", "/v1/other", "open-cli/1", ("open/code", "cli", "support")),
        ("tool.crm.example", "/v1/other", "open-cli/1", ("behaviours/named", "candidate", "support")),
        ("mcp.shop.example", "/", "open-cli/1", ("shop/mcp", "mcp", "use")),
        ("mcp.open.example", "/", "open-cli/1", ("open/code", "cli", "use")),
    ],
)
def test_an_agent_uses_what_it_asks(
    machines: Index, observe: Observe, host: str, path: str, agent: str | None, hit: tuple[str, str, str]
) -> None:
    hits = match(observe(host=[host], path=[path], user_agent=[agent]), machines)
    assert hits.select("app", "access", "role").rows() == [hit]


@pytest.mark.parametrize(
    ("host", "origin", "app", "role"),
    [
        ("api.open.example", f"chrome-extension://{SIDER}", "sider/sider", "use"),
        ("api.open.example", "https://app.example", "open/api", "use"),
        ("www.example.com", f"chrome-extension://{SIDER}", "sider/sider", "support"),
        (SIDER, None, "sider/sider", "use"),  # chrome-extension://<id>/panel.html
        ("www.example.com", "chrome-extension://" + "a" * 32, None, None),
    ],
)
def test_an_add_on_is_known_by_its_id(
    machines: Index, observe: Observe, host: str, origin: str | None, app: str | None, role: str | None
) -> None:
    hits = match(observe(host=[host], origin=[origin]), machines)
    assert hits.select("app", "role").rows() == ([(app, role)] if app else [])
