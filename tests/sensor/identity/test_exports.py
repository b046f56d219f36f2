"""Directory exports: LDIF and CSV, what an entry is, and lines that cannot be used."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.errors import UsageError
from sensor.identity.exports import read
from sensor.identity.tables import Problems

LDIF = """\
version: 1
# made for this test
dn: CN=Ada,OU=Staff,DC=corp,DC=test
objectClass: top
objectClass: user
sAMAccountName: ada
userPrincipalName: ada@corp.test
displayName:: QWRhIEzDtnZlbGFjZQ==
department: Leg
 al
manager: CN=Bob,OU=Staff,DC=corp,DC=test
userAccountControl: 512

dn: CN=Backup,DC=corp,DC=test
sAMAccountName: backup
servicePrincipalName: backup/host
department: IT

dn: CN=LAP7,DC=corp,DC=test
objectClass: computer
sAMAccountName: LAP7$
userAccountControl: 4096
managedBy: CN=Ada,OU=Staff,DC=corp,DC=test

dn: CN=gm,DC=corp,DC=test
objectClass: msDS-GroupManagedServiceAccount
sAMAccountName: gm$

dn: CN=broken,DC=corp,DC=test
sAMAccountName: broken
userAccountControl: many

dn: CN=nobody,DC=corp,DC=test
department:: not base64!
jpegPhoto:< file:///etc/hostname
a line without a colon
"""


def _rows(path: Path, problems: Problems) -> list[tuple[str | None, ...]]:
    return read(path, problems).select("user_name", "device", "kind", "department").rows()


def test_ldif_tells_people_services_machines_and_owners(tmp_path: Path) -> None:
    path, problems = tmp_path / "ad.ldif", Problems()
    path.write_text(LDIF, encoding="utf-8")
    assert _rows(path, problems) == [
        ("ada", None, "person", "Legal"),
        ("backup", None, "service", None),
        ("LAP7$", None, "machine", None),
        ("LAP7", None, "machine", None),
        ("ada", "LAP7", "person", None),
        ("gm$", None, "service", None),
    ]
    told = {line.rsplit("/", 1)[1].split(": ")[0] for line in problems.lines()}
    lines = LDIF.splitlines()
    bad = ("dn: CN=broken,DC=corp,DC=test", "dn: CN=nobody,DC=corp,DC=test", "department:: not base64!")
    expected = [*map(lines.index, bad), len(lines) - 1]
    assert told == {f"ad.ldif:{number + 1}" for number in expected}
    assert "Lovelace" not in str(read(path, Problems()).to_dicts())


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("csvde", "DN,objectClass,sAMAccountName,department,userAccountControl"),
        ("powershell", "DistinguishedName;ObjectClass;SamAccountName;Department;userAccountControl"),
    ],
)
def test_csv_with_the_directorys_own_heads(tmp_path: Path, name: str, head: str) -> None:
    path, mark = tmp_path / f"{name}.csv", ";" if ";" in head else ","
    rows = [("CN=Ada", "user", "ada", "Legal", "512"), ("CN=LAP7", "computer", "LAP7$", "", "4096")]
    path.write_text("\n".join([head, *(mark.join(row) for row in rows)]), encoding="utf-16")
    assert _rows(path, Problems())[0] == ("ada", None, "person", "Legal")
    assert [kind for _, _, kind, _ in _rows(path, Problems())] == ["person", "machine", "machine"]


def test_other_names_are_those_of_people(tmp_path: Path) -> None:
    ldif, csv = tmp_path / "ad.ldif", tmp_path / "ad.csv"
    ldif.write_text(LDIF.replace("displayName:", "mail: a.lovelace@corp.test\ndisplayName:"))
    csv.write_text("mail,SamAccountName,UserPrincipalName\na.lovelace@corp.test,ada,ada@corp.test\n")
    for path in (ldif, csv):
        found = read(path, Problems()).filter(pl.col("other_names").is_not_null())
        assert found.select("user_name", "other_names").rows() == [
            ("ada", ["ada@corp.test", "a.lovelace@corp.test"])
        ]
    csv.write_text("Mail\nada@corp.test\n")  # its own account
    assert read(csv, Problems())["user_name"].to_list() == ["ada@corp.test"]


def test_a_list_that_powershell_did_not_write_makes_nobody_a_service(tmp_path: Path) -> None:
    """`Get-ADUser -Properties ServicePrincipalNames | Export-Csv` writes the type of the list for all."""
    kind, text, problems = "Microsoft.ActiveDirectory.Management.ADPropertyValueCollection", "", Problems()
    for account, principals in (
        ("ada", kind),
        ("bob", kind),
        ("backup", "backup/host"),
        ("cy", "System.String[]"),
    ):
        text += f'"{account}","Legal","{principals}"\n'
    path = tmp_path / "ad.csv"
    path.write_text('"SamAccountName","Department","ServicePrincipalNames"\n' + text, encoding="utf-8")
    people = ("person", "Legal")
    assert {name: (kind, dept) for name, _, kind, dept in _rows(path, problems)} == {
        "ada": people, "bob": people, "backup": ("service", None), "cy": people,
    }  # fmt: skip
    assert problems.count == 1 and "PowerShell" in problems.lines()[0]


def test_a_csv_without_accounts_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("name,phone\nAda,1\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"x\.csv:1: no column account"):
        read(path, Problems())


@given(st.text(st.sampled_from("dn: \n#aA=,;<\t$é\x00" + "sAMAccountName"), max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_rows_or_problems(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path, problems = tmp_path_factory.getbasetemp() / "any.ldif", Problems()
    path.write_text(text, encoding="utf-8")
    entries = sum(line.lower().startswith("dn:") for line in text.splitlines())
    assert read(path, problems).height <= 3 * entries
