"""A two-client lab: one page fetched, its name found in what the SPAN port saw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.lab import __main__ as lab
from tests.lab.check import read_flows
from tests.lab.clients import Desk
from tests.lab.network import LabBusyError, Network
from tests.lab.people import Person, all_people
from tests.lab.record import capture
from tests.lab.servers import Servers
from tests.lab.story import Run
from tests.lab.truth import read_server_log

PAGE = "https://claude.ai/"


@pytest.fixture
def office() -> Iterator[tuple[Desk, Servers, Person]]:
    """A small office: one person at the head office, one behind the proxy."""
    if reason := lab.missing_parts(lab.LAB_PYTHON):
        pytest.skip(reason)
    people = all_people()
    chosen = [people[0], next(person for person in people if person.proxied)]
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(prefix="shadowlab-")))
        work.chmod(0o711)  # Squid drops root and must reach its own folder inside
        desk, servers = Desk(work, lab.LAB_PYTHON), Servers(work, lab.LAB_PYTHON, chosen)
        try:
            stack.enter_context(Network([person.client for person in chosen]))
        except LabBusyError as busy:
            pytest.skip(str(busy))
        stack.enter_context(servers)
        desk.prepare()
        yield desk, servers, chosen[0]


@pytest.mark.root
@pytest.mark.tshark
def test_a_fetched_page_is_named_and_counted_alike_by_server_and_capture(
    office: tuple[Desk, Servers, Person], tmp_path: Path
) -> None:
    desk, servers, person = office
    with capture(tmp_path / "span.pcap"):
        fault = desk.run(person, Run("curl", ("-sSf4", "-o", "page", PAGE)))
    assert fault is None
    servers.stop()  # the relay has written every row then
    (row,) = read_server_log(servers.truth_log)
    flows = read_flows(tmp_path / "span.pcap")
    key = (row["client"], row["client_port"], row["server"], 443, "tcp")
    assert row["client"] == person.client.address
    assert row["host"] == "claude.ai"
    assert flows[key].names == {"claude.ai"}
    assert (flows[key].up, flows[key].down) == (row["bytes_up"], row["bytes_down"])
