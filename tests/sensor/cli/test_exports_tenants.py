"""`export squid-tenants`: what the catalog knows of headers, as lines that Squid itself reads."""

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sensor.cli import exports_tenants
from sensor.cli.main import app
from sensor.errors import UsageError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    settings = '[exports]\ntenants = {"openai/chatgpt" = "ws-1,ws-2"}\n'
    (tmp_path / "shadowai.toml").write_text(f'lake = "lake"\nstate = "state"\n{settings}')
    return tmp_path


def test_headers_with_ids_are_set_and_others_are_named(home: Path) -> None:
    done = CliRunner().invoke(app, ["export", exports_tenants.NAME])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert "request_header_access ChatGPT-Allowed-Workspace-Id deny all" in lines
    assert (
        'request_header_add ChatGPT-Allowed-Workspace-Id "ws-1,ws-2" shadowai_tenant_openai_chatgpt' in lines
    )
    assert any(line.startswith("acl shadowai_tenant_openai_chatgpt dstdomain -n ") for line in lines)
    assert '# anthropic-allowed-org-ids: no ids set; [exports.tenants] "anthropic/claude" = "…"' in lines
    assert not [line for line in lines if "anthropic" in line and not line.startswith("#")]


ANTHROPIC = '[exports]\ntenants = {"anthropic/api" = "org-1", "anthropic/claude" = "org-2"}\n'


def test_a_request_gets_a_header_once(home: Path) -> None:
    """platform.claude.com is a host of one service, and below a domain of another."""
    (home / "shadowai.toml").write_text(ANTHROPIC)
    lines = CliRunner().invoke(app, ["export", exports_tenants.NAME]).output.splitlines()
    added = [line.partition('" ')[2] for line in lines if line.startswith("request_header_add")]
    api, claude = "shadowai_tenant_anthropic_api", "shadowai_tenant_anthropic_claude"
    assert added == [api, f"{claude} !{api}"]
    assert f"acl {api} dstdomain -n platform.claude.com" in lines
    assert f"acl {claude} dstdomain -n .claude.com" in lines


@pytest.mark.parametrize("settings", ["", ANTHROPIC])
def test_squid_reads_it(home: Path, settings: str) -> None:
    program = shutil.which("squid")
    if program is None:
        pytest.skip("squid is not installed")
    if settings:
        (home / "shadowai.toml").write_text(settings)
    text = CliRunner().invoke(app, ["export", exports_tenants.NAME]).output
    (home / "squid.conf").write_text(f"{text}http_port 127.0.0.1:3199\nhttp_access deny all\n")
    done = subprocess.run(
        [program, "-k", "parse", "-f", str(home / "squid.conf")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "ERROR" in line or "WARNING" in line]
    assert not [line for line in told if "shadowai" in line or "header" in line]


def test_ids_of_services_without_a_header_and_ids_that_end_a_line_are_refused(home: Path) -> None:
    (home / "shadowai.toml").write_text('[exports]\ntenants = {"otter/otter" = "x"}\n')
    wrong = CliRunner().invoke(app, ["export", exports_tenants.NAME])
    assert isinstance(wrong.exception, UsageError) and "no tenant header of otter/otter" in str(
        wrong.exception
    )
    (home / "shadowai.toml").write_text(
        '[exports]\ntenants = {"openai/api" = "a\\" b\\nhttp_access allow all"}\n'
    )
    wrong = CliRunner().invoke(app, ["export", exports_tenants.NAME])
    assert isinstance(wrong.exception, UsageError) and "cannot be sent" in str(wrong.exception)
