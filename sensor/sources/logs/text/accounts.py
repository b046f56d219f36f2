r"""Account names as logs write them: `DOMAIN\user`, UPN, distinguished names, machine accounts.

The lake keeps an account as the source names it, without the wrapping that differs from log to
log; `sensor.identity` brings spellings of one person together. A machine account (`NAME$`,
`host/name.domain`) is a device, not a user.
"""

from __future__ import annotations

import polars as pl

from sensor.coded import Remembered
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.partial import either, only

#: Texts that mean "no account", in lower case.
NOBODY = (
    "",
    "-",
    "--",
    "n/a",
    "<n/a>",
    "na",
    "none",
    "null",
    "(null)",
    "nil",
    "unknown",
    "unauthenticated",
    "anonymous",
    "anonymized",
    "other",
    "notavailable",
    "not available",
    "not found",
    "no authentication required",
    "no authentication",
    "undef",
    "(none)",
    "*",
    "null sid",
    "s-1-0-0",
    "(empty)",
    "not-resolved",
    "notchecked",
    "unauthenticated user",
    "system",
    "anonymous logon",
    "local service",
    "network service",
    "hidden",
    "guest",
    "0",
    "%any",
    "%any6",
    "未知",  # unknown
)
#: Accounts that Windows itself has, by what it calls their domain in some languages; a name left out.
_OF_WINDOWS = (
    r"(?i)^(?:(?:NT[ -]AUTH?ORIT(?:Y|ÄT|AE?T)|AUTORIT[EÉ] NT|AUTORIDADE NT|NT[ -]INSTANS|NT-MYNDIGHE[DT]"
    r"|NT-HALLINTA|ZARZĄDZANIE NT|NT SERVICE|NT VIRTUAL MACHINE|IIS APPPOOL"
    r"|WINDOW MANAGER|FONT DRIVER HOST)[\\/].*"
    r"|(?:DWM|UMFD)-\d+|[^\\]*\\+-|%%\d+|S-1-5-(?:18|19|20|7))$"
)
#: An address (of IP, or of hardware with colons), which many products write where nobody has signed in.
_ADDRESS = r"^(?:\d{1,3}(?:\.\d{1,3}){3}|(?i-u:[0-9a-f]{0,4}:[0-9a-f:.]*:[0-9a-f:.]*))$"
#: What a template left as it was.
_UNFILLED = r"^\$\{[^}]*\}$"
_MACHINE = r"(?i)^(?:host/(?P<host>[^/\s]+)|(?:[^\\/]+[\\/]{1,2})?(?P<name>[^\\/\s]+)\$(?:@.*)?)$"


@Remembered
def split(names: pl.Series) -> pl.DataFrame:
    """Columns `user_name` and `device`, row by row; both are NULL without an account."""
    bare = names.str.strip_chars(" \"'").str.replace("\\\\", "\\", literal=True)
    bare = bare.str.replace(r"(?i)^(?:LDAP|WinNT|Local|AD)://", "")
    # `LDAP://host OU=Users,DC=corp/Jane Doe` and `CN=Jane Doe,OU=…`: the name at the end, or of CN.
    of_dn = bare.str.extract(r"(?i)(?:^|[,/ ])CN=((?:[^,\\]|\\.)+)")
    after = bare.str.extract(r"(?i)(?:OU|DC|O)=[^/]*/(.+)$")
    plain = pl.select(pl.coalesce(after, of_dn, bare)).to_series().str.replace_all(r"\\,", ",")
    machine = patterns.read(plain, _MACHINE)
    device = either(machine["host"], machine["name"])
    nobody = plain.str.to_lowercase().is_in(NOBODY) | plain.str.contains(
        f"{_OF_WINDOWS}|{_UNFILLED}|{_ADDRESS}"
    )
    user = only(plain, ~nobody & device.is_null())
    return pl.DataFrame({"user_name": user, "device": device.str.to_lowercase()})
