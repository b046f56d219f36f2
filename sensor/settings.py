"""Settings: `shadowai.toml`, then `SHADOWAI_*`, then options; each later one wins.

The file is the first of: `--config`, `$SHADOWAI_CONFIG`, `./shadowai.toml`,
`$XDG_CONFIG_HOME/shadowai/shadowai.toml`, `/etc/shadowai/shadowai.toml`. Paths inside it are
relative to it.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from sensor.destinations import AnyDestination
from sensor.errors import UsageError, reason_of
from sensor.schema import Level

ENVIRONMENT_PREFIX = "SHADOWAI_"
#: settings with an environment variable, besides SHADOWAI_CONFIG
VARIABLES = ("lake", "state", "zone", "privacy", "k", "signatures", "people", "policy", "language")
#: environment variables for this project's tests, which are no settings
_TEST_PREFIX = "SHADOWAI_TEST_"
#: characters of a settings file at most
_MOST_TEXT = 4_000_000

#: Private and link-local networks: RFC 1918, 6598, 4193, 3927, 4291.
PRIVATE_NETWORKS = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
)
#: DNS zones for local use: RFC 6761, 6762, 8375, 9476 and common practice.
PRIVATE_ZONES = ("local", "localhost", "lan", "internal", "intranet", "corp", "home", "home.arpa", "private")


def _network(text: str) -> str:
    ipaddress.ip_network(text, strict=False)
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Berlin") from error
    return name


#: Sources of the names of people: the log line itself, and the origins of `leases`.
ORIGINS = ("log", "dhcp", "directory", "vpn", "radius", "csv", "mdns", "llmnr", "netbios", "link")
#: Prefix of the values of column `origin` in a user's own CSV of leases.
OWN_ORIGIN = "csv:"


def _origin(word: str) -> str:
    if word in ORIGINS or word.startswith(OWN_ORIGIN):
        return word
    near = difflib.get_close_matches(word.lower(), ORIGINS, 1)
    known = f"known: {', '.join(ORIGINS)}, {OWN_ORIGIN}WORD"
    raise ValueError(f"{word!r} is no origin ({f'did you mean {near[0]!r}?' if near else known})")


Network = Annotated[str, AfterValidator(_network)]
Zone = Annotated[str, AfterValidator(_zone)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Networks(_Section):
    """Addresses and names of the organisation; used before anything is tokenised."""

    internal: tuple[Network, ...] = PRIVATE_NETWORKS
    guest: tuple[Network, ...] = ()
    #: proxies and NAT gateways: traffic from them confirms other evidence, and is never attributed to a
    #: person
    proxies: tuple[Network, ...] = ()
    #: addresses shared by many people: NAT, terminal servers, VDI
    shared: tuple[Network, ...] = ()
    #: DNS zones whose names are internal, besides single labels and the private zones
    zones: tuple[str, ...] = ()
    #: networks whose traffic (on either side) is dropped before anything is named or stored
    exclude: tuple[Network, ...] = ()
    #: if set, only traffic of clients in these networks is used
    only: tuple[Network, ...] = ()
    #: segment name to network, the most specific wins
    segments: dict[str, Network] = Field(default_factory=dict)


class SensorSettings(_Section):
    """A sensor: its inputs, its place in the network, and the rank of its evidence."""

    name: str = Field(min_length=1)
    site: str = "main"
    #: sensors of one vantage see different links, and their figures add up; default: the kind of input
    vantage: str | None = None
    #: where two vantages saw the same use, the lower rank counts; default by kind: packets 1, proxy 3,
    #: firewall 4, flow 5, endpoint 6, dns 7, else 9
    rank: int | None = Field(default=None, ge=1, le=99)
    #: globs, relative to the settings file, of the inputs that come from this sensor
    paths: tuple[str, ...] = ()
    #: only inputs of this kind (`shadowai sources`), for folders with several
    source: str | None = None
    population: int | None = Field(default=None, ge=1)
    cadence_s: int = Field(default=3600, ge=1)
    #: the clock of its site, by which nights and the hours of a policy are judged; default: the report zone
    zone: Zone | None = None
    #: time zone of timestamps without an offset in this sensor's logs
    timezone: Zone | None = None


class SourceSettings(_Section):
    """Settings of one kind of input (`shadowai sources`), for all sensors."""

    #: time zone of timestamps without an offset
    timezone: Zone = "UTC"


class Identity(_Section):
    """Files that name people and devices, and which sources of names are used."""

    #: CSV: address,user_name,device,department,site[,mac,valid_from,valid_to,shared]
    people: Path | None = None
    #: exports of directories, LDIF or CSV: accounts, departments, computers
    directory: tuple[Path, ...] = ()
    #: CSV: user_name,device[,mac]: owners of devices
    owners: Path | None = None
    #: CSV: network,segment[,kind]; kind is internal, guest, proxy or shared
    subnets: Path | None = None
    #: patterns of service accounts, without domain: "svc-*"
    service_accounts: tuple[str, ...] = ()
    #: sources of names that are used: some of ORIGINS, or `csv:` and a value of column `origin` in a CSV of
    #: leases; empty: all
    origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    #: whether names in packets are used (captures, live ports, Zeek, Suricata)
    from_packets: bool = True


class About(_Section):
    """Facts about the organisation for the data-protection sheet."""

    controller: str | None = None
    contact: str | None = None
    legal_basis: str | None = None
    recipients: tuple[str, ...] = ()


class Retention(_Section):
    """How long each table is kept, in days; `shadowai retain` deletes what is older."""

    #: a day is counted with those beside it: two days at least, or the running one would end early
    sightings: int = Field(default=30, ge=2)
    #: more than a week, as coverage, or the running week would be published without its last days
    names: int = Field(default=30, ge=8)
    #: a week at most, because it shows single persons' browsing
    names_by_client: int = Field(default=7, ge=1, le=7)
    leases: int = Field(default=90, ge=1)
    directory: int = Field(default=90, ge=1)
    rejects: int = Field(default=90, ge=1)
    coverage: int = Field(default=400, ge=8)
    #: usage per person and hour
    usage_hourly: int = Field(default=90, ge=1)
    #: k-safe weekly figures
    published: int = Field(default=400, ge=1)

    @model_validator(mode="after")
    def _makes_sense(self) -> Retention:
        if min(self.leases, self.directory) < self.sightings:
            raise ValueError("leases and directory must be kept as long as sightings, or nobody is known")
        return self


class Exports(_Section):
    """Lists for firewalls, proxies and resolvers (`shadowai export`)."""

    #: names, each with its subdomains, that no list may contain, besides the built-in ones
    never: tuple[str, ...] = ()
    #: service → the ids of the organisation's tenants in the form of the header (`export squid-tenants`)
    tenants: dict[str, str] = Field(default_factory=dict)
    #: days for which a list is valid
    valid_days: int = Field(default=30, ge=1, le=400)


class Settings(_Section):
    """All settings."""

    lake: Path | None = None
    state: Path | None = None
    #: the report's time zone, in which days and weeks begin
    zone: Zone = "UTC"
    #: language of reports; one of analytics/render/languages
    language: Literal["de", "en"] = "en"
    privacy: Level = "pseudonymous"
    #: smallest group of people a published figure may describe
    k: int = Field(default=5, ge=2, le=100)
    #: whether clients of names without a signature are kept for some days, so that `rematch` finds who used a
    #: service before the catalog knew it; never at level `aggregate`
    names_by_client: bool = False
    #: folders laid over the built-in catalog
    signatures: tuple[Path, ...] = ()
    #: the policy file: which service may be used by whom (docs/policy.md)
    policy: Path | None = None
    networks: Networks = Networks()
    identity: Identity = Identity()
    retention: Retention = Retention()
    #: printed in the data-protection sheet
    about: About = About()
    #: lists for firewalls, proxies and resolvers
    exports: Exports = Exports()
    sensors: tuple[SensorSettings, ...] = ()
    #: where reports and alerts go
    destinations: tuple[AnyDestination, ...] = ()
    #: kind of input → its settings: `[sources.fortigate]`
    sources: dict[str, SourceSettings] = Field(default_factory=dict)
    #: files that describe log formats of the organisation's own (sensor/sources/logs/custom.py)
    formats: tuple[Path, ...] = ()
    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The absolute path of the settings file, if there is one."""
        return self._file

    @property
    def base(self) -> Path:
        """The folder to which relative paths in the file refer."""
        return self._file.parent.resolve() if self._file else Path.cwd()

    @model_validator(mode="after")
    def _makes_sense(self) -> Settings:
        for what, things in (("sensors", self.sensors), ("destinations", self.destinations)):
            names = [thing.name for thing in things]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"two {what} are called {name!r}; give each its own name")
        if self.lake and self.state and self.state.absolute().is_relative_to(self.lake.absolute()):
            raise ValueError(
                f"state {self.state} lies inside the lake; keys must not lie beside what they protect"
            )
        return self

    @property
    def keeps_names_by_client(self) -> bool:
        """True if names_by_client is written."""
        return self.names_by_client and self.privacy != "aggregate"

    def zones(self) -> dict[str, str]:
        """Kind of input → time zone of its timestamps without an offset, where one is set."""
        return {name: source.timezone for name, source in self.sources.items()}

    def sensor_for(self, path: str, source: str) -> SensorSettings:
        """The declared sensor `path` belongs to, or one named after the kind of input."""
        absolute = os.path.normpath(Path(path).absolute())  # `..` may stand in either
        for sensor in self.sensors:
            if sensor.source not in (None, source):
                continue
            if any(fnmatch(absolute, os.path.normpath(self.base / glob)) for glob in sensor.paths):
                return sensor
        return SensorSettings(name=source)


def data_folder() -> Path:
    """The user's data folder (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "shadowai"


def lake_path(settings: Settings) -> Path:
    """The lake, if no option names one."""
    return settings.lake or data_folder() / "lake"


def state_path(settings: Settings) -> Path:
    """The folder of keys and caches, outside the lake.

    Without a setting: the folder beside the lake if it is there already, else the user's state
    folder, else (no writable home) the one beside the lake.
    """
    if settings.state is not None:
        return settings.state
    lake = lake_path(settings)
    beside = lake.with_name(lake.name + ".state")
    if beside.is_dir():
        return beside
    home = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    folder = Path(home) / "shadowai"
    return folder if _can_hold(folder) else beside


def _can_hold(folder: Path) -> bool:
    """True if the folder can be made. It is tried, because permission bits say nothing about read-only file
    systems."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def load(
    config: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    **options: Any,
) -> Settings:
    """Settings from the file, the environment and `options` (None or [] means: not given).

    Raises UsageError naming the file or variable, the setting, what is wrong and what to try.
    """
    file = config or _find(environment)
    values = _read(file) if file else {}
    values = _absolute(values, file.parent.resolve() if file else Path.cwd())
    given = _from_environment(environment)
    people, identity = given.pop("people", None), values.get("identity", {})
    if people and isinstance(identity, dict):  # one setting of a section: the others of the file hold
        values["identity"] = identity | {"people": Path(people)}
    values |= given
    values |= {name: value for name, value in options.items() if value not in (None, [])}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise _explain(error, file, set(given)) from None
    settings._file = file.absolute() if file else None
    return settings


def _find(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(ENVIRONMENT_PREFIX + "CONFIG")
    if named:
        return Path(named)
    home = environment.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    places = (
        Path("shadowai.toml"),
        Path(home) / "shadowai" / "shadowai.toml",
        Path("/etc/shadowai/shadowai.toml"),
    )
    return next((place for place in places if _is_there(place)), None)


def _is_there(place: Path) -> bool:
    """True if the file exists. False also without permission: another account's home is no mistake of the
    user."""
    try:
        return place.is_file()
    except OSError:
        return False


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open(encoding="utf-8-sig") as opened:  # Windows' editors begin it with a mark
            text = opened.read(_MOST_TEXT + 1)
        if len(text) > _MOST_TEXT:  # a device, perhaps, which never ends
            raise UsageError("no settings file is that long", place=str(file), hint="check the path")
        return tomllib.loads(text)
    except OSError as error:
        raise UsageError(reason_of(error), place=str(file), hint="check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        text = f"not valid TOML: {error}"
        raise UsageError(text, place=str(file), hint="see docs/settings.md") from None


def _absolute(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """Paths of a settings file made independent of the current folder; what is no path stays as it is, and is
    refused with all else that is wrong."""

    def from_base(value: Any) -> Any:
        if isinstance(value, list):
            return [from_base(one) for one in value]
        return base / value if isinstance(value, str) else value

    def based(section: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
        return section | {name: from_base(section[name]) for name in names if name in section}

    out = based(values, ("lake", "state", "policy", "signatures", "formats"))
    if isinstance(identity := values.get("identity"), dict):
        out["identity"] = based(identity, ("people", "owners", "subnets", "directory"))
    return out


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Settings from `SHADOWAI_*`. Raises UsageError for a variable that means nothing."""
    named = {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX) and value and not name.startswith(_TEST_PREFIX)
    }
    named.pop("config", None)
    for name in named.keys() - set(VARIABLES):
        near = difflib.get_close_matches(name, VARIABLES, 1)
        hint = (
            f"did you mean {ENVIRONMENT_PREFIX}{near[0].upper()}?"
            if near
            else f"known: {', '.join(VARIABLES)}"
        )
        raise UsageError("no such setting", place=ENVIRONMENT_PREFIX + name.upper(), hint=hint)
    given: dict[str, Any] = dict(named)
    if "signatures" in named:
        given["signatures"] = tuple(Path(folder) for folder in named["signatures"].split(os.pathsep))
    return given


def _explain(error: ValidationError, file: Path | None, variables: set[str]) -> UsageError:
    """An error with all mistakes of the file or the environment in plain words; its place is that of the
    first."""
    lines, places = [], []
    for problem in error.errors():
        loc = problem["loc"]
        name = ".".join(str(part) for part in loc)
        message = problem["msg"].removeprefix("Value error, ")
        plain = _PLAIN.get(problem["type"])
        text = plain.format(**problem.get("ctx", {})) if plain else message[:1].lower() + message[1:]
        if problem["type"] == "extra_forbidden" and (near := _neighbour(loc)):
            text = f"{text}, did you mean {near}?"
        if loc and loc[0] in variables:
            places.append(ENVIRONMENT_PREFIX + str(loc[0]).upper())
            name = ""
        else:
            number = _line_of(loc, file) if file else None
            places.append(f"{file}:{number}" if number else str(file or "settings"))
        lines.append(f"{name}: {text}" if name else text)
    return UsageError("; ".join(lines), place=places[0], hint="docs/settings.md lists all settings")


def _neighbour(loc: tuple[str | int, ...]) -> str:
    """The setting of the same section whose name is closest to the last of `loc`; '' if none is close."""
    section: type[BaseModel] | None = Settings
    for part in loc[:-1]:
        if section is not None and part in section.model_fields:
            section = _model_in(section.model_fields[str(part)].annotation)
    near = difflib.get_close_matches(str(loc[-1]), section.model_fields, 1) if section else []
    return near[0] if near else ""


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model of the items of a list or table with this type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for one in get_args(annotation) if (model := _model_in(one))), None)


def _line_of(loc: tuple[str | int, ...], file: Path) -> int | None:
    """The line of a setting in the settings file; None if it is not found, for example in an inline table."""
    names = [str(part) for part in loc if isinstance(part, str)]
    nth = next((part for part in loc[:-1] if isinstance(part, int)), 0)
    section: list[str] = []
    sections = 0
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if header := re.match(r"\s*\[\[?([^\[\]]+)\]", line):
            section = [word.strip(' "') for word in header[1].split(".")]
            sections += section == names[:-1]
            if section == names:
                return number
            continue
        is_there = section == names[:-1] and (not section or sections > nth)
        if is_there and names and re.match(rf'\s*"?{re.escape(names[-1])}"?\s*=', line):
            return number
    return None


_PLAIN = {
    "extra_forbidden": "no such setting",
    "missing": "is missing",
    "union_tag_not_found": "is missing {discriminator}",
    "union_tag_invalid": "'{tag}' is no {discriminator}: one of {expected_tags}",
    "tuple_type": "must be a list",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "path_type": "must be one path, in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be {le} or less",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}
