"""Who works in the lab's office: made-up people in three departments, and a few machines."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from tests.lab.network import PREFIX, Client

ACCOUNTS = """
abara acosta adler amari archer bakker barros becker bianchi bishop brandt calder castro conti
cooper danner decker duarte easton ekberg ellis farrow fischer fontana garner gruber hadley hansen
holt ibarra ivers jansen jarvis keller kovacs lange lindt marsh meier moreau nagel novak olsen
parker petit quist reyes rossi sandberg stein tanaka thorne ullman vance weber york zeller
"""
HEAD_OFFICE = (("Engineering", 1, 14), ("Marketing", 2, 12), ("Legal", 3, 10))  # name, /24, people
BRANCH = (("Engineering", 5), ("Marketing", 4), ("Legal", 3))  # behind the proxy, one /24
BRANCH_SUBNET = 0
MACHINES = (
    ("build-1", 8, 10),
    ("desk-lab-1", 9, 10),
    ("desk-lab-2", 9, 11),
    ("desk-lab-3", 9, 12),
)  # fmt: skip  (name, /24, last byte)
PASSWORD = "lab"


@dataclass(frozen=True)
class Person:
    """Someone (or a machine) with a computer of their own; `number` counts within the department."""

    user_name: str
    device: str
    department: str
    number: int
    client: Client

    @property
    def proxied(self) -> bool:
        """Whether the person reaches the web only through the branch's proxy."""
        return self.client.site == "branch"


def all_people() -> list[Person]:
    """Everybody, in a fixed order."""
    accounts = iter(ACCOUNTS.split())
    people: list[Person] = []
    for department, subnet, count in HEAD_OFFICE:
        for number in range(count):
            people.append(_person(len(people), next(accounts), department, number, "hq", subnet, 11 + number))
    branch = [(department, number) for department, count in BRANCH for number in range(count)]
    for place, (department, number) in enumerate(branch):
        account = next(accounts)
        people.append(_person(len(people), account, department, number, "branch", BRANCH_SUBNET, 11 + place))
    for number, (name, subnet, last) in enumerate(MACHINES):
        people.append(_person(len(people), name, "Infrastructure", number, "hq", subnet, last))
    return people


def _person(
    place: int, account: str, department: str, number: int, site: str, subnet: int, last: int
) -> Person:
    is_machine = department == "Infrastructure"
    second, site_byte = (20, 1) if site == "hq" else (21, 2)
    client = Client(
        namespace=f"{PREFIX}-{place}",
        address=f"10.{second}.{subnet}.{last}",
        address_v6=f"2001:db8:20::{subnet:x}:{last:x}" if site == "hq" else None,
        mac=f"02:20:{site_byte:02x}:00:{subnet:02x}:{last:02x}",
        site=site,
    )
    device = account if is_machine else f"lt-{account}"
    return Person(account, device, department, number, client)


def write_people_csv(people: list[Person], path: Path) -> None:
    """Write one row per address: `address,user_name,device,department,site`."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("address", "user_name", "device", "department", "site"))
        for person in people:
            for address in (person.client.address, person.client.address_v6):
                if address is not None:
                    row = (address, person.user_name, person.device, person.department, person.client.site)
                    writer.writerow(row)
