"""The data-protection sheet says every field, what happens to it, and nothing a setting smuggles in."""

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from sensor import schema
from sensor.cli.privacy_sheet import facts_of
from sensor.privacy.keys import Keys
from sensor.privacy.sheet import Facts, markdown, page
from sensor.settings import Retention, Settings

FACTS = Facts("pseudonymous", 5, "Europe/Berlin", Retention().model_dump())


def test_every_stored_field_stands_in_it_with_what_happens_to_it() -> None:
    text = markdown(FACTS).replace("\\", "")
    for table in (schema.CATALOG, *schema.STORED):
        part = text.split(f"## Fields of {table.name}\n")[1].split("\n## ")[0]
        fields = [
            line.split(" | ")[0].removeprefix("| ") for line in part.splitlines() if line.startswith("| ")
        ]
        assert fields == ["field", *table.dtypes]
    assert "| client | address that opened the connection or asked |  | keyed token |" in text
    assert "| sightings | " in text and "| 30 days | restricted |" in text


def test_hours_that_two_sources_of_a_sensor_saw_are_counted_once(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    with duckdb.connect(tmp_path / "lake" / "open.duckdb") as connection:
        connection.execute(
            "CREATE TABLE coverage_daily AS SELECT * FROM (VALUES "
            "('hq', 'main', DATE '2026-11-15', 'zeek', 0, NULL, NULL), "  # it ran, and nothing came
            "('hq', 'main', DATE '2026-11-16', 'zeek', 1440, 10, 9), "
            "('hq', 'main', DATE '2026-11-16', 'suricata', 1440, 10, 7)) "
            "AS t(sensor, site, day, source, minutes_seen, flows, named_flows)"
        )
    facts = facts_of(Settings(lake=tmp_path / "lake", state=tmp_path / "state"))
    assert facts.coverage[0] == (
        "hq (main): 24 hours seen from 2026-11-16 to 2026-11-16, 80% of connections named."
    )


def test_fields_of_tables_about_persons_that_are_worked_out_stand_in_it_too(tmp_path: Path) -> None:
    settings = Settings(lake=tmp_path / "lake", state=tmp_path / "state")
    facts = facts_of(settings)
    text = markdown(facts).replace("\\", "")
    about_persons = [one for one in facts.derived if one.zone == "restricted"]
    assert {"usage_hourly", "named_daily", "finding_evidence"} <= {one.name for one in about_persons}
    for one in about_persons:
        part = text.split(f"## Fields of {one.name}\n")[1].split("\n## ")[0]
        said = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")][1:]
        assert [line[0] for line in said] == [name for name, _, _ in one.fields]
        # What calls itself a token must be stored as one.
        for line in said:
            assert (
                not re.match(r"(that key's keyed )?(token of|fingerprint)", line[1]) or "token" in line[-1]
            ), line
    clear = page(replace(facts, level="clear"))
    assert re.search(r"<td>subject</td><td>token of[^<]*</td><td></td><td>as it is</td>", clear)


@pytest.mark.parametrize("level", schema.LEVELS)
def test_it_says_what_the_level_does(level: schema.Level) -> None:
    text = markdown(replace(FACTS, level=level))
    assert f"Level in force: {level}" in text
    client = re.search(r"\| client \|.*", text)
    assert client and (("as it is" in client[0]) == (level == "clear"))
    assert ("encrypted until its week is closed" in text) == (level == "aggregate")


def test_it_says_where_figures_are_sent_and_what_lies_beside_the_tables(tmp_path: Path) -> None:
    nothing = markdown(FACTS)
    assert (
        "Nothing is sent anywhere" in nothing
        and "vault (state" not in nothing
        and "evidence (" not in nothing
        and "| leases (state folder) |" in nothing
    )
    Keys(tmp_path, "UTC").evidence()
    sent = [
        {
            "kind": "smtp",
            "name": "council",
            "host": "mx",
            "sender": "a@b",
            "recipients": ["c@d"],
            "reports": True,
        },
        {"kind": "webhook", "name": "soc", "url": "https://chat.example/T0/secret", "alerts": True},
    ]
    facts = facts_of(Settings(lake=tmp_path / "lake", state=tmp_path, destinations=sent))
    text = markdown(replace(facts, custodians={"anna": "requester"})).replace("\\", "")
    assert "Nothing is sent" not in text and "secret" not in text
    assert (
        "| reports | council: mail to c@d |" in text and "| alerts | soc: webhook at chat.example |" in text
    )
    assert "| vault (state folder) |" in text and "| evidence (lake) |" in text


def test_it_promises_nothing_about_the_law() -> None:
    text = (markdown(FACTS) + page(FACTS)).lower()
    assert not re.search(r"compliant|anonym[^i]|sees prompts|complete coverage", text)


def test_settings_cannot_smuggle_in_markup() -> None:
    facts = replace(FACTS, controller="<script>x</script> | [a](b)", custodians={"<b>anna": "requester"})
    assert "<script>" not in page(facts) and "<b>anna" not in page(facts)
    assert r"\<script\>x\</script\> \| \[a\](b)" in markdown(facts)


def test_every_table_with_a_time_has_a_retention() -> None:
    kept = Settings().retention.model_dump()
    tables = {
        t.kept_with or t.name for t in schema.STORED if t.time and t not in (schema.AUDIT, schema.DECISIONS)
    }
    assert tables <= set(kept)


def test_pages_load_nothing() -> None:
    assert not re.search(r"(?:src|href)=|url\(|@import", page(FACTS))
