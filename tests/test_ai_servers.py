"""A capture tells which AI servers stand open, which keys passed in the clear, and writes no key anywhere."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.product import query, shadowai
from tests.sensor.cli.test_policy import run
from tests.sensor.decode.craft import T0, Frame, Talk, pcap

OLLAMA = "10.1.0.20"
KEY = "sk-ant-api03-" + "a1B-" * 23 + "_AA"
FULL = b"HTTP/1.1 200 OK\r\nServer: uvicorn\r\nContent-Type: text/event-stream\r\n\r\n" + b"data: {}\n" * 20


def ask(client: str, at: float, fields: str = "", *, answer: bytes = FULL, server: str = OLLAMA,
        path: str = "/api/chat") -> list[Frame]:  # fmt: skip
    talk = Talk(client=client, server=server, server_port=11434, now=T0 + at).shake()
    talk.send(f"POST {path} HTTP/1.1\r\nHost: {server}:11434\r\n{fields}\r\n".encode())
    return talk.reply(answer).close().frames


def tools(client: str, at: float) -> list[Frame]:
    """An MCP session with a server that no path and no port tells."""
    talk = Talk(client=client, server="10.1.0.30", server_port=9123, now=T0 + at).shake()
    hello = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "desk", "version": "1"},
    }
    for method, params in (
        ("initialize", hello),
        ("tools/call", {"name": "find", "arguments": {"who": "ada"}}),
    ):
        body = json.dumps({"method": method, "params": params, "jsonrpc": "2.0", "id": method}).encode()
        talk.send(b"POST /hidden HTTP/1.1\r\nHost: 10.1.0.30:9123\r\n\r\n").send(body)
        talk.reply(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + bytes(300))
    return talk.close().frames


def afternoon() -> list[Frame]:
    """Two colleagues and a stranger use a server that asks nobody who they are; one sends a vendor's key."""
    frames = [*ask("10.1.0.5", 1), *ask("10.1.0.6", 2, f"Authorization: Bearer {KEY}\r\n")]
    frames += ask("10.1.0.7", 3, f"x-api-key: {KEY}\r\n", answer=b"HTTP/1.1 401 No\r\n\r\n" + bytes(50))
    frames += ask("203.0.113.77", 4)
    frames += ask("10.1.0.5", 5, server="10.1.0.21", path="/index.html")  # another server, and none of ours
    frames += tools("10.1.0.6", 6)
    frames += ask("10.1.0.8", 7, f"x-api-key: {KEY}\r\n", server="198.51.100.9", path="/nothing/known")
    return sorted(frames, key=lambda frame: frame.time)


def opened() -> str:
    """What a proxy that opens TLS tells of the same key, sent to the vendor by somebody else."""
    line = {"shadowai": "mitmproxy/1", "kind": "http", "client": "10.1.0.9", "server": "198.51.100.44",
            "server_port": 443, "scheme": "https", "host": "api.anthropic.com", "method": "POST",
            "path": "/v1/messages", "status": 200, "bytes_up": 900, "bytes_down": 900, "started": T0 + 8,
            "key_type": "anthropic/api-key",
            "key_print": hashlib.sha256(KEY.encode()).hexdigest()[:32]}  # fmt: skip
    return json.dumps(line) + "\n"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {level: tmp_path_factory.mktemp(level) for level in ("clear", "pseudonymous")}
    for level, folder in made.items():
        (folder / "a.pcap").write_bytes(pcap(afternoon()))
        (folder / "opened.ndjson").write_text(opened())
        shadowai(folder, "scan", "--quiet", "a.pcap", "opened.ndjson", privacy=level)
        (folder / "a.pcap").unlink()
    return made


@pytest.mark.parametrize("level", ["clear", "pseudonymous"])
def test_a_server_that_stands_open(folders: dict[str, Path], level: str) -> None:
    columns = (
        "app, server_port, clients, external_clients, connections, cleartext_connections, "
        "unauthenticated_connections, refused_connections, streamed_connections"
    )
    rows = query(folders[level], f"SELECT {columns} FROM ai_servers WHERE app = 'behaviours/ollama'")
    assert rows == [("behaviours/ollama", 11434, 4, 1, 4, 4, 2, 1, 3)]


@pytest.mark.parametrize("level", ["clear", "pseudonymous"])
def test_findings_about_self_hosted_servers(folders: dict[str, Path], level: str) -> None:
    rows = query(
        folders[level],
        "SELECT rule, app, measure FROM findings WHERE app = 'behaviours/ollama' ORDER BY rule",
    )
    keys = [("keys_in_clear", "behaviours/ollama", None)]  # about two people, so without figures
    assert [row for row in rows if row[0] != "unreviewed_service"] == [
        ("exposed_server", "behaviours/ollama", 1), *keys, ("unauthenticated_server", "behaviours/ollama", 1)
    ]  # fmt: skip
    evidence = query(
        folders[level], "SELECT server_port, because FROM finding_evidence WHERE rule = 'exposed_server'"
    )
    said = "1 clients from outside or the guest network, 1 connections, 0 refused, 1 answered without any"
    said += " credential"
    assert evidence == [(11434, said)]
    columns = "kind, assets, exposed, unauthenticated, cleartext, people_at_least"
    counts = query(folders[level], f"SELECT {columns} FROM ai_assets_weekly ORDER BY kind, name")
    keys = 1 if level == "pseudonymous" else None  # without fingerprints it would be a count of people
    mcp = ("mcp_server", 1, 0, 1, 1, None), ("server", 1, 0, 1, 1, None)
    assert counts == [("key_in_clear", keys, 0, 0, keys, None), mcp[0], mcp[1], ("server", 1, 1, 1, 1, None)]


@pytest.mark.parametrize("level", ["clear", "pseudonymous"])
def test_an_mcp_server_is_recognised_by_its_protocol(folders: dict[str, Path], level: str) -> None:
    columns = "mcp_methods, mcp_version, mcp_client, mcp_tools"
    rows = query(
        folders[level], f"SELECT {columns} FROM sightings WHERE app = 'behaviours/mcp-streamable-http'"
    )
    assert rows == [("initialize,tools/call", "2025-11-25", "desk", "find=1")]
    found = query(
        folders[level], "SELECT rule FROM findings WHERE app = 'behaviours/mcp-streamable-http' ORDER BY 1"
    )
    assert [rule for (rule,) in found] == ["cleartext_mcp", "unauthenticated_server", "unknown_mcp_server"]


@pytest.mark.parametrize("level", ["clear", "pseudonymous"])
def test_a_key_sent_to_an_unknown_host_is_found(folders: dict[str, Path], level: str) -> None:
    sql = "SELECT server, key_type FROM sightings WHERE app = 'behaviours/ai-key-in-clear'"
    assert query(folders[level], sql) == [("198.51.100.9", "anthropic/api-key")]
    sql = "SELECT COUNT(*) FROM findings WHERE app = 'behaviours/ai-key-in-clear' AND rule = 'keys_in_clear'"
    assert query(folders[level], sql) == [(1,)]


def test_the_inventory_and_its_bill_of_materials(folders: dict[str, Path]) -> None:
    rows = query(folders["clear"], "SELECT kind, asset, clients, change FROM ai_assets ORDER BY kind")
    assert rows == [
        ("agent_host", "10.1.0.6 at main", 1, "new"),
        ("mcp_server", "10.1.0.30:9123", 1, "new"),
        ("server", f"{OLLAMA}:11434", 4, "new"),
    ]
    lake = folders["pseudonymous"] / "lake"
    words = ("export", "assets", "--restricted", "--format", "cyclonedx", "--lake", str(lake), "--out")
    made = [folders["pseudonymous"] / name for name in ("bom.json", "again.json")]
    assert [run(*words, str(out)).exit_code for out in made] == [0, 0]
    text = made[0].read_text()
    bom = json.loads(text)
    # Required by bom-1.6.schema.json: of the document, a service, a component.
    assert (bom["bomFormat"], bom["specVersion"], bom["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bom["serialNumber"])
    assert [one["name"] for one in bom["services"]] == ["MCP server (Streamable HTTP)", "Ollama"]
    kinds = {(one["type"], one["name"]) for one in bom["components"]}
    assert kinds == {("device", "agent_host"), ("data", "anthropic/api-key")}
    assert len({one["bom-ref"] for one in bom["services"] + bom["components"]}) == 4
    assert OLLAMA not in text and KEY not in text
    assert made[1].read_text() == text


def test_a_key_of_two_hosts_by_its_keyed_fingerprint(folders: dict[str, Path]) -> None:
    columns = "key_print, key_type, clients, sightings, in_clear, refused, refused_since IS NOT NULL"
    rows = query(folders["pseudonymous"], f"SELECT {columns} FROM ai_keys")
    # The last time it was accepted, inside TLS, is after it was refused.
    assert [row[1:] for row in rows] == [("anthropic/api-key", 4, 4, 3, 1, False)]
    assert hashlib.sha256(KEY.encode()).hexdigest()[:32] not in str(rows[0][0])
    assert query(folders["clear"], "SELECT * FROM ai_keys") == []


def test_a_key_inside_tls_is_not_in_the_clear(folders: dict[str, Path]) -> None:
    sql = "SELECT app, decrypted FROM sightings WHERE key_type IS NOT NULL AND server_port = 443"
    assert query(folders["clear"], sql) == [("anthropic/api", True)]
    sql = "SELECT COUNT(*) FROM findings WHERE rule = 'keys_in_clear' AND app = 'anthropic/api'"
    assert query(folders["clear"], sql) == [(0,)]


@pytest.mark.parametrize("level", ["clear", "pseudonymous"])
def test_the_key_is_written_nowhere(folders: dict[str, Path], level: str) -> None:
    stored = query(folders[level], "SELECT * FROM sightings")
    assert stored
    assert KEY not in repr(stored)
    files = [path for path in folders[level].rglob("*") if path.is_file() and "kernels" not in path.parts]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_an_erased_person_is_not_behind_the_servers_address(tmp_path: Path) -> None:
    """Ada's machine served a colleague: the colleague's rows stay, and no longer say whose machine it was."""
    (tmp_path / "a.pcap").write_bytes(pcap(ask("10.1.0.5", 1)))
    (tmp_path / "people.csv").write_text(f"address,user_name\n{OLLAMA},ada\n10.1.0.5,bob\n")
    shadowai(tmp_path, "scan", "--quiet", "a.pcap", "--people", "people.csv")
    where = "WHERE app = 'behaviours/ollama'"
    before = query(tmp_path, f"SELECT count(*), count(server) FROM sightings {where}")
    assert before[0][0] == before[0][1] == 1
    shadowai(tmp_path, "export-subject", "ada", "--out", "given")
    told = json.loads((tmp_path / "given" / "subject.json").read_text())["tables"]["at_their_machines"]
    assert [row["app"] for row in told] == ["behaviours/ollama"] and "client" not in told[0]
    said = shadowai(tmp_path, "erase", "ada", "--reason", "asked for", "--yes", "--now")
    assert "no longer name a server" in said
    assert query(tmp_path, f"SELECT count(*), count(server), count(host) FROM sightings {where}") == [
        (1, 0, 0)
    ]
    assert query(tmp_path, "SELECT count(*), count(server) FROM stored.ai_servers_daily") == [(1, 0)]
