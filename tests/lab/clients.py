"""Runs one step of the story inside a person's namespace, with a fresh home and the lab's authority."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import network
from tests.lab.people import PASSWORD, Person
from tests.lab.servers import PROGRAMS, PROXY_PORT
from tests.lab.story import Browse, Run, Step

CHROMIUM = "/usr/lib/chromium/chromium"
STEP_LIMIT_S = 90
AUTHORITY_SETTINGS = (
    "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO",
    "PIP_CERT",
)  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """What programs need to run: the lab's work folder, its Python and a home to copy."""

    work: Path
    lab_python: Path

    @property
    def template(self) -> Path:
        """A home whose NSS store trusts the lab's authority (Chromium reads it)."""
        return self.work / "home"

    def prepare(self) -> None:
        """Make the template once per lab."""
        store = self.template / ".pki" / "nssdb"
        store.mkdir(parents=True)
        network.run("certutil", "-d", f"sql:{store}", "-N", "--empty-password")
        authority = str(self.work / "ca.pem")
        network.run("certutil", "-d", f"sql:{store}", "-A", "-t", "C,,", "-n", "lab", "-i", authority)

    def run(self, person: Person, step: Step) -> str | None:
        """Run the step to its end; None when it succeeded, else one line about what went wrong."""
        with tempfile.TemporaryDirectory(dir=self.work, ignore_cleanup_errors=True) as folder:
            home = Path(folder)
            shutil.copytree(self.template, home, dirs_exist_ok=True)
            if isinstance(step, Run) and step.upload_bytes:
                (home / "upload.bin").write_bytes(os.urandom(step.upload_bytes))
            command = network.inside(person.client.namespace, self.command(person, step, home))
            try:
                done = subprocess.run(
                    command, cwd=home, env=self.environment(person, home), timeout=STEP_LIMIT_S,
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return f"{person.user_name}: {describe(step)}: no end after {STEP_LIMIT_S} s"
        if done.returncode == 0:
            return None
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        return f"{person.user_name}: {describe(step)}: exit {done.returncode}: {last}"

    def command(self, person: Person, step: Step, home: Path) -> list[str]:
        """The command line of a step."""
        if isinstance(step, Browse):
            settings = json.dumps(browser_settings(person, step, home))
            return [sys.executable, str(PROGRAMS / "browse.py"), settings]
        if step.program.endswith(".py"):
            return [str(self.lab_python), str(PROGRAMS / step.program), *step.arguments]
        if step.program.endswith(".mjs"):
            return ["node", str(PROGRAMS / step.program), *step.arguments]
        if step.program == "pip":
            return [str(self.lab_python), "-m", "pip", *step.arguments]
        return [step.program, *step.arguments]

    def environment(self, person: Person, home: Path) -> dict[str, str]:
        """The variables of a desk; nothing of the real user's environment but the path."""
        authority = str(self.work / "ca.pem")
        variables = dict.fromkeys(AUTHORITY_SETTINGS, authority)
        variables |= {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8",
                      "PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}  # fmt: skip
        if person.proxied:
            proxy = f"http://{person.user_name}:{PASSWORD}@{network.PROXY_ADDRESS}:{PROXY_PORT}"
            variables |= {"https_proxy": proxy, "http_proxy": proxy, "HTTPS_PROXY": proxy}
        return variables


def browser_settings(person: Person, step: Browse, home: Path) -> dict[str, Any]:
    """The JSON argument of `programs/browse.py`."""
    address = f"{network.PROXY_ADDRESS}:{PROXY_PORT}"
    login = {"address": address, "user": person.user_name, "password": PASSWORD}
    visits = [{"url": f"https://{visit.host}/", "calls": visit.calls} for visit in step.visits]
    return {
        "home": str(home),
        "chromium": CHROMIUM,
        "quic": step.quic,
        "proxy": login if person.proxied else None,
        "visits": visits,
    }


def describe(step: Step) -> str:
    """A few words for messages."""
    if isinstance(step, Browse):
        return "chromium " + " ".join(visit.host for visit in step.visits)
    return f"{step.program} {' '.join(step.arguments)[:80]}"
