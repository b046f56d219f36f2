"""Windows events as JSON or XML, as winlogbeat, NXLog, Azure, Wazuh, evtx_dump and others hand them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from sensor.sources.logs.text import objects

_BELOW = ("winlog.event_data.", "event_data.", "EventData.", "Event.EventData.", "")
#: Wazuh writes names with a small letter first.
_WAZUH = ("win.eventdata.", "data.win.eventdata.")
_SYSTEM = {
    "event": "winlog.event_id|event_id|EventID|EventId|Event.System.EventID|System.EventID|event.code|"
    "win.system.eventID|data.win.system.eventID|Id",
    "stamp": "winlog.time_created|@timestamp|Event.System.TimeCreated.#attributes.SystemTime|"
    "Event.System.TimeCreated.SystemTime|TimeGenerated|"
    "EventTime|TimeCreated|SystemTime|win.system.systemTime|data.win.system.systemTime",
    "computer": "winlog.computer_name|computer_name|Computer|Hostname|host.name|Event.System.Computer|"
    "MachineName|win.system.computer|data.win.system.computer",
}
#: evtx_dump writes an id that has qualifiers as an object.
QUALIFIED_ID = r'"EventID"\s*:\s*\{[^{}]*(?:\{[^{}]*\})?[^{}]*"#text"\s*:\s*"?(\d+)"?[^{}]*\}'
#: NXLog's GELF: `{"host": "pc1", "timestamp": 1791280800.5, "_EventID": 22, "_QueryName": …}`.
_GELF = '"_EventID"'
_OWN_NAMES = {
    r'"_([A-Z]\w*"\s*:)': '"$1',
    r'"host"(\s*:\s*")': '"Hostname"$1',
    r'"timestamp"(\s*:)': '"EventTime"$1',
}


def read(lines: pl.Series, data: Sequence[str], more: Mapping[str, str] | None = None) -> pl.DataFrame:
    """Columns `event` (id), `stamp`, `computer` and those of EventData named in `data`, all String.

    `more` maps further columns, or those of `data`, to paths in JSON that are tried last (objects.read).
    """
    wanted = _SYSTEM | {
        name: "|".join(
            [*(below + name for below in _BELOW), *(below + name[0].lower() + name[1:] for below in _WAZUH)]
        )
        for name in data
    }
    for name, paths in (more or {}).items():
        wanted[name] = f"{wanted[name]}|{paths}" if name in wanted else paths
    if (gelf := lines.str.contains(_GELF, literal=True)).any():
        lines = _with_own_names(lines).zip_with(gelf.fill_null(False), lines)
    found = objects.read(lines.str.replace(QUALIFIED_ID, r'"EventID":$1'), wanted)
    if not (xml := lines.str.contains("<Event", literal=True)).any():
        return found
    told = _xml(lines, data)
    return found.with_columns(
        pl.when(xml).then(told[name]).otherwise(name).alias(name) for name in told.columns
    )


def _with_own_names(lines: pl.Series) -> pl.Series:
    for theirs, ours in _OWN_NAMES.items():
        lines = lines.str.replace_all(theirs, ours)
    return lines


def _xml(lines: pl.Series, data: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "event": lines.str.extract(r"<EventID[^>]*>(\d+)<"),
            "stamp": lines.str.extract(r"""SystemTime=['"]([^'"]*)['"]"""),
            "computer": lines.str.extract(r"<Computer>([^<]*)<"),
        }
        | {name: lines.str.extract(rf"""<Data Name=['"]{name}['"]>([^<]*)<""") for name in data}
    )
