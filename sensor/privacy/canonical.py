"""One way to write each identity, so that one person has one token whoever names them.

Accounts in lower case without their domain (`CORP\\Ada`, `ada@corp.example` and `ada` are one), devices in
lower case without theirs, hardware addresses as `aa:bb:cc:dd:ee:ff`. Applied at every level, before anything
is keyed.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sensor.coded import Remembered

#: `DOMAIN\\` before, `@realm` after an account
_DOMAIN = r"^[^\\@]*\\|@.*$"


def canonical_account(account: pl.Expr) -> pl.Expr:
    """An account (String) as it is keyed; one that is nothing but a domain becomes NULL."""
    bare = account.str.strip_chars().str.to_lowercase().str.replace_all(_DOMAIN, "")
    return pl.when(bare != "").then(bare)


def canonical_device(device: pl.Expr) -> pl.Expr:
    """A host name (String) as it is keyed: its first label, for some logs write the domain and some do not.

    An address that stands for a name stays whole.
    """
    bare = device.str.strip_chars().str.to_lowercase()
    label = bare.str.extract(r"^([^.]+)\.[^.].*$")
    return pl.when(bare.str.contains(r"^[0-9.]+$|:")).then(bare).otherwise(pl.coalesce(label, bare))


def canonical(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with its columns user_name, device, mac and client_mac in canonical form, where it has them."""
    return frame.with_columns(
        form(frame[name])["canonical"].alias(name) for name, form in _FORMS.items() if name in frame.columns
    )


def _mac(column: pl.Expr) -> pl.Expr:
    digits = column.str.to_lowercase().str.replace_all(r"[^0-9a-f]", "")
    pairs = digits.str.replace(r"^(..)(..)(..)(..)(..)(..)$", "$1:$2:$3:$4:$5:$6")
    return pl.when(digits.str.len_bytes() == 12).then(pairs).otherwise(column.str.to_lowercase())


def _each(form: Callable[[pl.Expr], pl.Expr]) -> Remembered:
    """What `form` makes of texts, as column `canonical`."""
    return Remembered(lambda texts: pl.select(canonical=form(pl.lit(texts))))


_FORMS = {
    "user_name": _each(canonical_account),
    "device": _each(canonical_device),
    "mac": _each(_mac),
    "client_mac": _each(_mac),
}
