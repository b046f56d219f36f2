"""The office network: namespaces for people, switch, router, resolver, servers, proxy and sensor.

    people (10.20.x.y) ── switch ══ router ── core bridge ── resolver · proxy · servers
    branch (10.21.0.y) ── branch switch ──┘
                             ║ tc mirred on the switch's uplink
                           SPAN port ── sensor namespace

Every veth has both ends inside namespaces made here; `Network` removes them all on exit.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TextIO

PREFIX = "shadowlab"
ROUTER, SWITCH, BRANCH, SENSOR = (f"{PREFIX}-{x}" for x in ("router", "switch", "branch", "sensor"))
RESOLVER, SERVERS, PROXY = (f"{PREFIX}-{x}" for x in ("resolver", "servers", "proxy"))
RESOLVER_ADDRESS, PROXY_ADDRESS, SERVERS_ADDRESS = "10.40.0.53", "10.40.0.31", "10.40.0.80"
SERVERS_ADDRESS_V6 = "2001:db8:40::80"
SPAN_PORT = "span1"
OFFLOADS_OFF = ("tso", "off", "gso", "off", "gro", "off", "tx", "off")
NETNS_CONFIG = Path("/etc/netns")  # `ip netns exec` mounts <here>/<namespace>/resolv.conf


@dataclass(frozen=True)
class Client:
    """A machine on a desk: its namespace, addresses and MAC, and the site it stands in."""

    namespace: str
    address: str
    address_v6: str | None
    mac: str
    site: str


@dataclass
class Network:
    """The built network; use it as a context manager so that it is always taken down."""

    clients: Sequence[Client]
    namespaces: list[str] = field(default_factory=list)
    _lock: TextIO = field(init=False, repr=False)

    def __enter__(self) -> Network:
        self._lock = take_lock()
        remove_leftovers()
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _build(self) -> None:
        self._add_core()
        for client in self.clients:
            self._add_client(client)
        self._add_span_port()

    def _add_core(self) -> None:
        for name in (ROUTER, SWITCH, BRANCH, SENSOR, RESOLVER, SERVERS, PROXY):
            self._add_namespace(name)
        for setting in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
            run_in(ROUTER, "sysctl", "-qw", setting)
        for switch, port in ((SWITCH, "hq"), (BRANCH, "branch")):
            ip(switch, "link add bridge0 type bridge")
            ip(switch, "link set bridge0 up")
            connect(ROUTER, port, switch, "uplink")
            ip(switch, "link set uplink master bridge0")
        ip(ROUTER, "addr add 10.20.0.1/16 dev hq")
        ip(ROUTER, "-6 addr add 2001:db8:20::1/64 dev hq nodad")
        ip(ROUTER, "addr add 10.21.0.1/16 dev branch")
        ip(ROUTER, "link add core type bridge")
        ip(ROUTER, "link set core up")
        ip(ROUTER, "addr add 10.40.0.1/24 dev core")
        ip(ROUTER, "-6 addr add 2001:db8:40::1/64 dev core nodad")
        services = ((RESOLVER, RESOLVER_ADDRESS), (PROXY, PROXY_ADDRESS), (SERVERS, SERVERS_ADDRESS))
        for number, (name, address) in enumerate(services):
            connect(name, "eth0", ROUTER, f"core{number}")
            ip(ROUTER, f"link set core{number} master core")
            ip(name, f"addr add {address}/24 dev eth0")
            ip(name, "route add default via 10.40.0.1")
        self._write_resolv_conf(PROXY)
        self._add_server_addresses()

    @staticmethod
    def _add_server_addresses() -> None:
        """Routes for the lab's public and company ranges, all local to the servers' namespace."""
        run_in(SERVERS, "sysctl", "-qw", "net.ipv6.ip_nonlocal_bind=1")  # to bind a routed prefix
        for prefix in ("198.51.100.0/24", "10.30.0.0/24"):
            ip(ROUTER, f"route add {prefix} via {SERVERS_ADDRESS}")
            ip(SERVERS, f"route add local {prefix} dev lo")
        ip(SERVERS, f"-6 addr add {SERVERS_ADDRESS_V6}/64 dev eth0 nodad")
        ip(SERVERS, "-6 route add default via 2001:db8:40::1")
        ip(SERVERS, "-6 route add local 2001:db8:80::/64 dev lo")
        ip(ROUTER, f"-6 route add 2001:db8:80::/64 via {SERVERS_ADDRESS_V6}")

    def _add_client(self, client: Client) -> None:
        self._add_namespace(client.namespace)
        switch, gateway = (SWITCH, "10.20.0.1") if client.site == "hq" else (BRANCH, "10.21.0.1")
        port = f"p{client.namespace.rsplit('-', 1)[1]}"
        connect(client.namespace, "eth0", switch, port, mac=client.mac)
        ip(switch, f"link set {port} master bridge0")
        ip(client.namespace, f"addr add {client.address}/16 dev eth0")
        ip(client.namespace, f"route add default via {gateway}")
        if client.address_v6 is not None:
            ip(client.namespace, f"-6 addr add {client.address_v6}/64 dev eth0 nodad")
            ip(client.namespace, "-6 route add default via 2001:db8:20::1")
        self._write_resolv_conf(client.namespace)

    @staticmethod
    def _add_span_port() -> None:
        """Mirror both directions of the head office's uplink into the sensor's namespace."""
        connect(SWITCH, "span0", SENSOR, SPAN_PORT)
        run_in(SWITCH, "tc", "qdisc", "add", "dev", "uplink", "clsact")
        for direction in ("ingress", "egress"):
            rule = f"dev uplink {direction} protocol all u32 match u32 0 0"
            run_in(SWITCH, *f"tc filter add {rule} action mirred egress mirror dev span0".split())

    def _add_namespace(self, name: str) -> None:
        run("ip", "netns", "add", name)
        self.namespaces.append(name)
        ip(name, "link set lo up")

    @staticmethod
    def _write_resolv_conf(namespace: str) -> None:
        folder = NETNS_CONFIG / namespace
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text(f"nameserver {RESOLVER_ADDRESS}\noptions timeout:2\n")

    def _remove(self) -> None:
        for name in reversed(self.namespaces):
            remove_namespace(name)
        self.namespaces.clear()
        self._lock.close()


def connect(one: str, one_port: str, other: str, other_port: str, mac: str | None = None) -> None:
    """Lay a cable (a veth pair, offloads off) between two namespaces; `mac` is for the first end."""
    address = f"address {mac} " if mac else ""
    ip(one, f"link add {one_port} {address}type veth peer name {other_port} netns {other}")
    for namespace, port in ((one, one_port), (other, other_port)):
        run_in(namespace, "ethtool", "-K", port, *OFFLOADS_OFF)
        ip(namespace, f"link set {port} up")


class LabBusyError(RuntimeError):
    """Another lab runs on this machine; namespaces have machine-wide names."""


def take_lock() -> TextIO:
    """Claim the machine's one lab until the returned file is closed."""
    lock = (Path(tempfile.gettempdir()) / f"{PREFIX}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise LabBusyError("another lab is running on this machine") from None
    return lock


def remove_leftovers() -> None:
    """Remove namespaces of a lab that was killed before it could clean up."""
    listing = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        if line.startswith(f"{PREFIX}-"):
            remove_namespace(line.split()[0])


def remove_namespace(name: str) -> None:
    """Remove one namespace, what still runs inside it, and its resolver setting."""
    pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
    if pids.stdout.split():
        subprocess.run(["kill", "-9", *pids.stdout.split()], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    shutil.rmtree(NETNS_CONFIG / name, ignore_errors=True)


def ip(namespace: str, arguments: str) -> None:
    """Run `ip` inside the namespace."""
    run("ip", "-n", namespace, *arguments.split())


def run_in(namespace: str, *command: str) -> None:
    """Run a command inside the namespace."""
    run(*inside(namespace, command))


def inside(namespace: str, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` inside the namespace."""
    return ["ip", "netns", "exec", namespace, *command]


def run(*command: str) -> None:
    """Run a command; its standard error becomes the exception's text."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
