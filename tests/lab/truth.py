"""What really happened, from the servers' and the resolver's own logs: the rows of `expected.jsonl`."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.lab.network import PROXY_ADDRESS
from tests.lab.people import Person
from tests.lab.record import Played
from tests.lab.timeshift import Timeline

Row = dict[str, Any]
QUERY = re.compile(r"query\[(?P<type>A|AAAA|HTTPS|type=65)\] (?P<host>\S+) from (?P<client>\S+)$")
JOIN_WINDOW_S = 5.0  # between the proxy's request and its connection at the server


def iso(moment: float) -> str:
    """A Unix time as ISO 8601 in UTC, to the microsecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")


def person_of_address(people: list[Person]) -> dict[str, Person]:
    """Everyone by each of their addresses."""
    pairs = [(p.client.address, p) for p in people]
    return dict(pairs + [(p.client.address_v6, p) for p in people if p.client.address_v6])


def read_server_log(path: Path) -> list[Row]:
    """The relay's rows."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def connections_by_case(
    rows: list[Row], timeline: Timeline, people: dict[str, Person]
) -> dict[str, list[Row]]:
    """One row per connection that reached a server directly, at simulated time, by case."""
    cases: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        person = people.get(row["client"])
        played = timeline.session_at(person, row["started"]) if person else None
        if played is not None:
            cases[played.session.case].append(_connection(row, played))
    return {case: sorted(found, key=lambda row: row["started_at"]) for case, found in cases.items()}


def _connection(row: Row, played: Played) -> Row:
    return {
        "client": row["client"],
        "client_port": row["client_port"],
        "server": row["server"],
        "server_port": row["server_port"],
        "transport": row["transport"],
        "host": row["host"],
        "bytes_up": row["bytes_up"],
        "bytes_down": row["bytes_down"],
        "started_at": iso(row["started"] + played.shift_s),
    }


def lookups(resolver_log: Path, clients: set[str]) -> list[Row]:
    """How often each client asked the resolver for each name (all record types together)."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in resolver_log.read_text().splitlines():
        if (match := QUERY.search(line)) and match["client"] in clients:
            counts[match["client"], match["host"].lower()] += 1
    return [
        {"client": client, "host": host, "lookups": count} for (client, host), count in sorted(counts.items())
    ]


def proxy_rows(proxy_folder: Path, server_rows: list[Row]) -> list[tuple[float, Row]]:
    """One row per line of the proxy's logs, with the moment the request began (real time).

    Bytes are what the origin server counted on the connection the proxy opened for that request;
    they are null where no such connection exists: requests refused, and the first of the two lines
    Squid writes for one inspected CONNECT.
    """
    at_server: dict[str, list[Row]] = defaultdict(list)
    for row in server_rows:
        if row["client"] == PROXY_ADDRESS:
            at_server[str(row["client_port"])].append(row)
    rows = []
    for line in (proxy_folder / "join.log").read_text().splitlines():
        ended, elapsed, client, _, user, url, tag, status, _, local_port = line.split()
        started = float(ended) - int(elapsed) / 1000
        near = [row for row in at_server[local_port] if abs(row["started"] - started) < JOIN_WINDOW_S]
        server = near[0] if near else None
        rows.append(
            (
                started,
                {
                    "client": client,
                    "user_name": None if user == "-" else user,
                    "host": host_of(url),
                    "action": action_of(tag, status),
                    "bytes_up": server["bytes_up"] if server else None,
                    "bytes_down": server["bytes_down"] if server else None,
                },
            )
        )
    return rows


def action_of(tag: str, status: str) -> str:
    """What the proxy decided; a 407 asks for a password and decides nothing yet.

    A refused CONNECT is answered 200 and then, inside the bumped connection, 403: the tag tells.
    """
    if status == "403" or ("DENIED" in tag and status == "200"):
        return "blocked"
    return "allowed" if status == "200" else "unknown"


def host_of(url: str) -> str | None:
    """The host of a logged URL or of a CONNECT target; None where Squid logs an error instead."""
    if url.startswith("error:"):
        return None
    return url.split("://")[-1].split("/")[0].rsplit(":", 1)[0]
