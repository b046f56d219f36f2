"""Starts what answers in the lab: resolver, web servers with their counting relay, and the proxy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.lab import network
from tests.lab.certificates import write_authority_and_certificate
from tests.lab.hosts import all_hosts, name_of_address
from tests.lab.people import PASSWORD, Person

PROGRAMS = Path(__file__).parent / "programs"
TLS_PORT, PLAIN_PORT, PROXY_PORT = 8443, 8080, 3128
BLOCKED_BY_PROXY = ("chat.deepseek.com", "www.midjourney.com")
START_LIMIT_S = 20.0

DNSMASQ = """\
no-resolv
no-hosts
addn-hosts={work}/hosts
address=/#/
local-ttl=300
log-queries=extra
log-facility={work}/resolver.log
listen-address={address}
bind-interfaces
user=root
pid-file=
"""
SQUID = """\
http_port {port} ssl-bump tls-cert={work}/server.pem tls-key={work}/server.key generate-host-certificates=off
acl first_step at_step SslBump1
ssl_bump peek first_step
ssl_bump splice all
auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/passwords
auth_param basic children 3
acl staff proxy_auth REQUIRED
acl blocked dstdomain {blocked}
http_access deny !staff
http_access deny blocked
http_access allow staff
http_access deny all
logformat shadowai %ts.%03tu %6tr %>a %un %rm %ru %>Hs %Ss:%Sh %>st %<st %ssl::>sni "%{{User-Agent}}>h"
logformat join %ts.%03tu %tr %>a %>p %un %ru %Ss %>Hs %<a %<lp
access_log stdio:{folder}/access.log squid
access_log stdio:{folder}/shadowai.log shadowai
access_log stdio:{folder}/join.log join
cache deny all
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
visible_hostname proxy.corp.example
dns_nameservers {resolver}
shutdown_lifetime 1 seconds
"""


@dataclass
class Servers:
    """All serving processes of a lab; a context manager, like the network it runs in."""

    work: Path
    lab_python: Path
    people: list[Person]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def truth_log(self) -> Path:
        """What the relay counted, one JSON line per connection."""
        return self.work / "server-access.jsonl"

    @property
    def proxy_folder(self) -> Path:
        """Where Squid writes its logs."""
        return self.work / "proxy"

    def __enter__(self) -> Servers:
        try:
            write_authority_and_certificate(self.work, [host.name for host in all_hosts()])
            self._start_resolver()
            self._start_web()
            self._start_proxy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask all to end, the last started first, and wait: the relay writes its open rows then."""
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def _start(self, namespace: str, *command: str) -> None:
        with (self.work / "servers.log").open("ab") as log:
            process = subprocess.Popen(
                network.inside(namespace, command), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.processes.append(process)

    def _wait_for(self, namespace: str, port: int, what: str) -> None:
        """Poll until something listens, or fail with the last thing the servers said."""
        deadline = time.monotonic() + START_LIMIT_S
        while not is_listening(namespace, port):
            if time.monotonic() > deadline:
                said = (self.work / "servers.log").read_text(errors="replace").strip().splitlines()
                raise RuntimeError(f"the {what} did not start in {START_LIMIT_S:.0f} s: {said[-1:]}")
            time.sleep(0.1)

    def _start_resolver(self) -> None:
        lines = [f"{address} {host.name}\n" for host in all_hosts() for address in host.addresses]
        (self.work / "hosts").write_text("".join(lines))
        settings = self.work / "dnsmasq.conf"
        settings.write_text(DNSMASQ.format(work=self.work, address=network.RESOLVER_ADDRESS))
        self._start(network.RESOLVER, "dnsmasq", "--keep-in-foreground", f"--conf-file={settings}")

    def _start_web(self) -> None:
        files = write_files_to_serve(self.work)
        web = {
            "certificate": str(self.work / "server.pem"),
            "key": str(self.work / "server.key"),
            "tls_port": TLS_PORT,
            "plain_port": PLAIN_PORT,
            "files": str(files),
        }
        relay = {
            "names": name_of_address(),
            "quic": [address for host in all_hosts() if host.quic for address in host.addresses],
            "backends": {443: TLS_PORT, 80: PLAIN_PORT},
            "log": str(self.truth_log),
        }
        self._start(network.SERVERS, str(self.lab_python), str(PROGRAMS / "web.py"), json.dumps(web))
        self._start(network.SERVERS, sys.executable, str(PROGRAMS / "relay.py"), json.dumps(relay))
        self._wait_for(network.SERVERS, TLS_PORT, "web servers")
        self._wait_for(network.SERVERS, 443, "relay")

    def _start_proxy(self) -> None:
        folder = self.proxy_folder
        folder.mkdir()
        names = [person.user_name for person in self.people if person.proxied]
        (folder / "passwords").write_text("".join(f"{n}:{password_hash()}\n" for n in names))
        settings = folder / "squid.conf"
        settings.write_text(
            SQUID.format(
                port=PROXY_PORT,
                work=self.work,
                folder=folder,
                blocked=" ".join(BLOCKED_BY_PROXY),
                resolver=network.RESOLVER_ADDRESS,
            )
        )
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "proxy", "proxy")
        # One process (-N): a proxy killed in a crash then leaves no shared memory that stops the next.
        self._start(network.PROXY, "squid", "-N", "-f", str(settings))
        self._wait_for(network.PROXY, PROXY_PORT, "proxy")


def password_hash() -> str:
    """The one password of the lab, hashed for Squid's helper."""
    command = ["openssl", "passwd", "-apr1", PASSWORD]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def is_listening(namespace: str, port: int) -> bool:
    """Whether something accepts TCP on the port inside the namespace."""
    command = network.inside(namespace, ["ss", "-Hltn", f"sport = :{port}"])
    return bool(subprocess.run(command, capture_output=True, check=True).stdout.strip())


def write_files_to_serve(work: Path) -> Path:
    """A git repository served as plain files and a package index with one wheel."""
    files = work / "files"
    repository, source = files / "repositories" / "tools.git", work / "tools"
    source.mkdir(parents=True)
    (source / "data.bin").write_bytes(os.urandom(30_000))
    git = ["git", "-c", "user.name=lab", "-c", "user.email=lab@corp.example", "-C", str(source)]
    for command in ([*git, "init", "-q"], [*git, "add", "."], [*git, "commit", "-q", "-m", "tools"],
                    ["git", "clone", "-q", "--bare", str(source), str(repository)],
                    ["git", "-C", str(repository), "update-server-info"]):  # fmt: skip
        network.run(*command)
    write_package(files)
    return files


def write_package(files: Path) -> None:
    """A wheel of noise named labtools and the index page that leads to it."""
    wheel_name = "labtools-1.0-py3-none-any.whl"
    index, packages = files / "simple" / "labtools", files / "packages"
    index.mkdir(parents=True)
    packages.mkdir()
    (index / "index.html").write_text(f'<!doctype html><a href="/packages/{wheel_name}">{wheel_name}</a>')
    info = "labtools-1.0.dist-info"
    with zipfile.ZipFile(packages / wheel_name, "w") as wheel:
        wheel.writestr("labtools/data.bin", os.urandom(60_000))
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: labtools\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
