"""Every list stops what the policy rules out and nothing else; its own program reads it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from analytics.exports.choose import Wanted, choose
from analytics.exports.guard import Never, host_of
from analytics.exports.interface import Provenance, Selection
from analytics.exports.statuses import Statuses
from analytics.exports.targets import targets
from analytics.exports.write import write
from analytics.policy.read import read
from analytics.policy.rows import compiled
from sensor.catalog.load import load
from sensor.catalog.suffixes import CLOUD_APEXES, NEVER_HOSTS, SHARED_HOSTS, is_public_suffix
from tests.analytics.exports.matchers import MATCHERS
from tests.sensor.match import background

DAY = date(2026, 11, 26)
#: Nearly everything is ruled out: the largest list there is.
STRICT = """
version: 1
status:
  - {risk_at_least: 0, status: unsanctioned}
  - {app: [openai/chatgpt, anthropic/claude, github/copilot, microsoft/copilot], status: sanctioned}
"""
OTTER = "version: 1\nstatus:\n  - {app: otter/otter, status: unsanctioned}\n"
BUILT_IN = dict.fromkeys(CLOUD_APEXES | SHARED_HOSTS | NEVER_HOSTS, "others need it")


@pytest.fixture(scope="module")
def catalog() -> Any:
    return load()


class Lists:
    """Selections and texts of one policy, made once."""

    def __init__(self, catalog: Any, policy: str, *, own: tuple[str, ...] = ()) -> None:
        rows = compiled(read(policy, "policy.yml", "v"), lambda name: ())
        services = catalog.services.to_dicts()
        self.statuses = Statuses(rows.policy.to_dicts(), rows.exceptions.to_dicts(), services)
        self.indicators = catalog.indicators.to_dicts()
        self.experimental = set(catalog.services.filter("experimental")["app"])
        self.never = Never(BUILT_IN, own, is_public_suffix)
        self._made: dict[str, Selection] = {}

    def selection(self, target: str) -> Selection:
        if target not in self._made:
            wanted = Wanted("block", frozenset({"unsanctioned"}), DAY)
            self._made[target] = choose(
                targets()[target], wanted, self.indicators, self.statuses, self.never, self.experimental
            )
        return self._made[target]

    def text(self, target: str) -> str:
        made = Provenance(
            "1", "v", "block unsanctioned", datetime(2026, 11, 26, 8, tzinfo=UTC), date(2026, 12, 26)
        )
        return write(targets()[target], self.selection(target), made)


@pytest.fixture(scope="module")
def strict(catalog: Any) -> Lists:
    return Lists(catalog, STRICT)


def test_every_target_that_names_hosts_has_a_matcher() -> None:
    assert MATCHERS.keys() == targets().keys() - {"nftables"}


@pytest.mark.parametrize("target", sorted(MATCHERS))
def test_a_list_stops_what_is_ruled_out_and_no_background_host(target: str, strict: Lists) -> None:
    stops = MATCHERS[target](strict.text(target))
    selection = strict.selection(target)
    chosen = selection.of("domain", "suffix")
    assert len(chosen) > 2000
    assert [e.value for e in chosen if not stops(e.value)] == []
    if target != "hosts":
        below = [e for e in chosen if e.kind == "suffix"]
        assert [e.value for e in below if not stops(f"a.b.{e.value}")] == []
    if not targets()[target].widens:  # there a name always includes what is below it
        exact = [e for e in chosen if e.kind == "domain"]
        assert [e.value for e in exact if stops(f"zz-not-listed.{e.value}")] == []
    ordinary = [*background.KNOWN, *NEVER_HOSTS, *islice(background.names(1), 2_000)]
    assert [host for host in ordinary if stops(host)] == []
    usable = [
        row["value"]
        for row in strict.indicators
        if row["kind"] in ("domain", "suffix")
        and strict.statuses.of(row["app"], row["access"]) == "sanctioned"
    ]
    assert len(usable) > 50
    assert [host for host in usable if stops(host)] == []
    assert not any(stops(f"{e.value}.evil-twin.net") or stops(f"x{e.value}") for e in chosen[:200:4])


def test_what_is_not_listed_is_listed_as_left_out(strict: Lists) -> None:
    """Every indicator that was asked for is in the list, under another entry, or left out with a reason."""
    selection = strict.selection("rpz")
    told = {one.value for one in selection.left_out}
    stops = MATCHERS["rpz"](strict.text("rpz"))
    asked = [r for r in strict.indicators if strict.statuses.of(r["app"], r["access"]) == "unsanctioned"]
    assert [r["value"] for r in asked if r["value"] not in told and not stops(host_of(r["value"]))] == []
    assert all(one.reason for one in selection.left_out)
    assert [one.value for one in selection.left_out if stops(host_of(one.value))] == []


def test_a_path_never_becomes_its_host(strict: Lists) -> None:
    for target in targets():
        selection = strict.selection(target)
        whole = {e.value for e in selection.entries if e.kind != "url"}
        own = {r["value"] for r in strict.indicators if r["kind"] != "url"}
        assert whole <= own, target


def test_only_proven_use_is_listed(strict: Lists) -> None:
    by_value = {(r["value"], r["kind"], r["app"]): r for r in strict.indicators}
    for entry in strict.selection("squid").entries:
        row = by_value[entry.value, entry.kind, entry.app]
        assert row["role"] == "use" and row["certainty"] not in ("convention", "unsure")
        assert entry.app not in strict.experimental


def test_a_host_others_may_use_is_left_out_with_the_reason(catalog: Any) -> None:
    lists = Lists(
        catalog,
        "version: 1\nstatus:\n  - {app: a/a, status: unsanctioned}\n  - {app: b/b, status: tolerated}\n",
    )
    lists.experimental = set()
    base = {"access": "web", "role": "use", "certainty": "vendor_doc"}
    lists.indicators = [
        {**base, "app": "a/a", "kind": "suffix", "value": "acme.ai"},
        {**base, "app": "a/a", "kind": "domain", "value": "chat.acme.dev"},
        {**base, "app": "a/a", "kind": "suffix", "value": "acme.net"},
        {**base, "app": "a/a", "kind": "suffix", "value": "github.io"},
        {**base, "app": "a/a", "kind": "domain", "value": "login.okta.com"},
        {**base, "app": "b/b", "kind": "domain", "value": "other.acme.ai"},
        {**base, "app": "c/c", "kind": "domain", "value": "x.acme.net"},
    ]
    found = lists.selection("edl")
    assert [e.value for e in found.entries] == ["acme.net", "chat.acme.dev"]
    assert {one.value: one.reason for one in found.left_out} == {
        "acme.ai": "also serves b/b, which is tolerated",
        "github.io": "anybody registers names below this public suffix",
        "login.okta.com": "others need it to work: okta.com",
    }
    assert found.warnings == ("acme.net also serves c/c (unreviewed)",)


def test_a_path_stands_for_longer_ones_so_it_is_left_out_where_one_of_them_may_be_used(catalog: Any) -> None:
    lists = Lists(
        catalog,
        "version: 1\nstatus:\n  - {app: a/a, status: unsanctioned}\n  - {app: b/b, status: sanctioned}\n",
    )
    base = {"access": "mcp", "role": "use", "certainty": "vendor_doc", "kind": "url"}
    lists.indicators = [
        {**base, "app": "a/a", "value": "api.acme.ai/mcp"},
        {**base, "app": "a/a", "value": "api.acme.ai/chat"},
        {**base, "app": "b/b", "value": "api.acme.ai/mcp/sse"},
        {**base, "app": "b/b", "value": "api.acme.ai/c"},
    ]
    found = lists.selection("fortigate")
    assert [e.value for e in found.entries] == ["api.acme.ai/chat"]
    assert [(o.value, o.reason) for o in found.left_out] == [
        ("api.acme.ai/mcp", "also serves b/b, which is sanctioned")
    ]


def test_a_path_below_hosts_that_differ_is_written_with_the_wildcard_of_the_program(catalog: Any) -> None:
    """Zscaler knows a leading dot only, and PAN-OS no asterisk after another one."""
    lists = Lists(catalog, "version: 1\nstatus:\n  - {app: a/a, status: unsanctioned}\n")
    base = {"app": "a/a", "access": "api", "role": "use", "certainty": "vendor_doc", "kind": "url"}
    lists.indicators = [{**base, "value": f"{stars}acme.ai/v1/Chat"} for stars in ("*.", "*.*.")]
    assert lists.text("zscaler").splitlines()[-1:] == [".acme.ai/v1/chat"]
    assert lists.text("panos-edl").splitlines()[-2:] == ["^.^.acme.ai/v1/Chat", "^.acme.ai/v1/Chat"]


def test_where_a_suffix_is_only_its_own_name_the_names_below_are_listed_too(catalog: Any) -> None:
    """A hosts file knows no subdomains: acme.ai there says nothing about chat.acme.ai."""
    lists = Lists(catalog, "version: 1\nstatus:\n  - {app: a/a, status: unsanctioned}\n")
    base = {"app": "a/a", "access": "web", "role": "use", "certainty": "vendor_doc"}
    lists.indicators = [
        {**base, "kind": "suffix", "value": "acme.ai"},
        {**base, "kind": "domain", "value": "chat.acme.ai"},
        {**base, "kind": "suffix", "value": "api.acme.ai"},
        {**base, "kind": "url", "value": "code.acme.ai/chat"},
    ]
    found = lists.selection("hosts")
    assert [e.value for e in found.entries] == ["acme.ai", "api.acme.ai", "chat.acme.ai"]
    assert [one.value for one in found.left_out] == ["code.acme.ai/chat"]
    assert [e.value for e in lists.selection("edl").entries] == ["acme.ai"]


def test_the_organisations_own_names_are_never_listed(catalog: Any) -> None:
    policy = "version: 1\nstatus:\n  - {app: otter/otter, status: unsanctioned}\n"
    listed = Lists(catalog, policy).selection("edl")
    spared = Lists(catalog, policy, own=("otter.ai",)).selection("edl")
    assert "otter.ai" in {e.value for e in listed.entries}
    assert "otter.ai" not in {e.value for e in spared.entries}
    assert ("otter.ai", "on your own never-block list: otter.ai") in {
        (o.value, o.reason) for o in spared.left_out
    }


def test_a_vendors_network_is_not_blocked_while_one_of_its_services_may_be_used(catalog: Any) -> None:
    both = "version: 1\nstatus:\n  - {vendor: Anthropic, status: unsanctioned}\n"
    assert [e.value for e in Lists(catalog, both).selection("nftables").entries]
    for usable, app in (("anthropic/claude", "anthropic/claude"),
                        ("anthropic/claude-code, access: cli", "anthropic/claude-code"),
                        ("anthropic/api, access: web", "anthropic/api")):  # fmt: skip
        found = Lists(catalog, f"{both}  - {{app: {usable}, status: tolerated}}\n").selection("nftables")
        assert found.entries == (), usable
        assert f"the vendor's network also serves {app}, which is tolerated" in {
            one.reason for one in found.left_out
        }


def test_exceptions_that_hold_are_warned_of(catalog: Any) -> None:
    policy = (
        "version: 1\nstatus:\n  - {app: otter/otter, status: unsanctioned}\nexceptions:\n"
        "  - {id: EX-1, app: otter/otter, owner: o, reason: r, department: Legal, expires: 2026-11-26}\n"
        "  - {id: EX-2, app: otter/otter, owner: o, reason: r, department: Legal, expires: 2026-11-25}\n"
    )
    (warning,) = Lists(catalog, policy).selection("edl").warnings
    assert "EX-1" in warning and "department=Legal" in warning


def test_an_exception_of_people_is_not_said_to_be_for_all(catalog: Any) -> None:
    excused = "exceptions:\n  - {id: EX-1, owner: o, reason: r, people: [ada], expires: 2026-11-26}\n"
    (warning,) = Lists(catalog, OTTER + excused).selection("edl").warnings
    assert "EX-1 until 2026-11-26 (named people)" in warning


def test_what_an_exception_excuses_everyone_from_is_not_blocked(catalog: Any) -> None:
    """Unless the list is asked to block it by name, or it must never be used."""
    excused = "exceptions:\n  - {id: EX-1, app: otter/otter, owner: o, reason: r, expires: 2026-11-26}\n"
    lists = Lists(catalog, OTTER + excused)
    found = lists.selection("edl")
    assert found.entries == ()
    assert ("otter.ai", "excused by exception EX-1 until 2026-11-26") in {
        (one.value, one.reason) for one in found.left_out
    }
    for wanted in (
        Wanted("block", frozenset({"unsanctioned"}), DAY, frozenset({"otter/otter"})),
        Wanted("block", frozenset({"unsanctioned"}), date(2026, 11, 27)),
    ):
        made = choose(targets()["edl"], wanted, lists.indicators, lists.statuses, lists.never)
        assert "otter.ai" in {entry.value for entry in made.entries}
    never = OTTER + excused + "never:\n  - {app: otter/otter, reason: r}\n"
    assert Lists(catalog, never).selection("edl").entries


def test_an_allow_list_warns_of_those_who_must_never_use_a_service(catalog: Any) -> None:
    policy = (
        "version: 1\nstatus:\n  - {app: otter/otter, status: sanctioned}\n"
        "never:\n  - {app: otter/otter, department: Legal, reason: r}\n"
    )
    lists = Lists(catalog, policy)
    wanted = Wanted("allow", frozenset({"sanctioned"}), DAY)
    made = choose(targets()["squid"], wanted, lists.indicators, lists.statuses, lists.never)
    assert made.apps == ["otter/otter"]
    assert "otter/otter must never be used by department=Legal (policy line 5)" in "\n".join(made.warnings)


def test_a_service_without_a_risk_score_is_above_no_threshold(catalog: Any) -> None:
    rows = compiled(
        read("version: 1\nstatus:\n  - {risk_at_least: 0, status: unsanctioned}\n", "policy.yml", "v"),
        lambda name: (),
    )
    services = [{"app": "acme/chat", "risk_low": None}, {"app": "bolt/chat", "risk_low": 0}]
    statuses = Statuses(rows.policy.to_dicts(), [], services)
    assert [statuses.of(one, "web") for one in ("acme/chat", "bolt/chat")] == ["unreviewed", "unsanctioned"]


def test_the_file_says_where_it_comes_from_and_until_when(strict: Lists) -> None:
    for name, target in targets().items():
        head = [line for line in strict.text(name).splitlines() if line.startswith(target.comment)]
        assert "catalog 1, policy v" in head[1], name
        assert "make it again after 2026-12-26" in head[3], name


def _parse(words: list[str | Path], **more: Any) -> subprocess.CompletedProcess[str]:
    program = shutil.which(str(words[0]), path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        pytest.skip(f"{words[0]} is not installed")
    return subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=60, **more)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    tmp_path.chmod(0o755)
    yield tmp_path / "list"


def test_bind_reads_the_zone(strict: Lists, file: Path) -> None:
    file.write_text(strict.text("rpz"))
    done = _parse(["named-checkzone", "rpz.shadowai", file])
    assert done.returncode == 0 and "OK" in done.stdout, done.stdout[-500:]


def test_squid_reads_the_lists(strict: Lists, file: Path) -> None:
    file.write_text(f"{strict.text('squid')}http_port 127.0.0.1:3199\nhttp_access deny all\n")
    done = _parse(["squid", "-k", "parse", "-f", file])
    said = [
        line for line in done.stderr.splitlines() if "WARNING" in line or "ERROR" in line or "FATAL" in line
    ]
    assert done.returncode == 0 and [line for line in said if "subdomain" in line or "FATAL" in line] == []


def test_unbound_reads_the_zones(strict: Lists, file: Path) -> None:
    file.write_text(strict.text("unbound"))
    done = _parse(["unbound-checkconf", file])
    assert done.returncode == 0, done.stderr[-500:]


def test_dnsmasq_reads_the_addresses(strict: Lists, file: Path) -> None:
    file.write_text(strict.text("dnsmasq"))
    done = _parse(["dnsmasq", "--test", "-C", file])
    assert done.returncode == 0, done.stderr[-500:]


def test_nft_reads_the_sets(catalog: Any, file: Path) -> None:
    policy = "version: 1\nstatus:\n  - {vendor: Anthropic, status: unsanctioned}\n"
    file.write_text(Lists(catalog, policy).text("nftables"))
    done = _parse(["nft", "-c", "-f", file])
    if "not permitted" in done.stderr:
        pytest.skip("nft -c needs CAP_NET_ADMIN")
    assert done.returncode == 0, done.stderr
    assert "160.79.104.0/23" in file.read_text()


def test_nft_forgets_the_list_before_when_it_loads_a_new_one(catalog: Any, file: Path) -> None:
    policy = "version: 1\nstatus:\n  - {vendor: Anthropic, status: unsanctioned}\n"
    text = Lists(catalog, policy).text("nftables")
    before = file.with_name("before")
    before.write_text(text.replace("160.79.104.0/23", "192.0.2.0/24"))
    file.write_text(text)
    if shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        pytest.skip("nft is not installed")
    loads = f"nft -f {before} && nft -f {file} && nft list table inet shadowai"
    done = _parse(["unshare", "--user", "--map-root-user", "--net", "sh", "-c", loads])
    if "not permitted" in done.stderr:
        pytest.skip("needs a network namespace")
    assert done.returncode == 0, done.stderr
    assert "192.0.2.0/24" not in done.stdout and done.stdout.count("reject") == 2
