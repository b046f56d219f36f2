"""Normalises identities, so that a person gets the same token from every source.

Accounts become lower case without domain (`CORP\\Ada`, `ada@corp.example` and `ada` are the same), devices
likewise, hardware addresses `aa:bb:cc:dd:ee:ff`. This happens at every privacy level, before anything is
keyed.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sensor.coded import Remembered

#: `DOMAIN\\` before, `@realm` after an account
_DOMAIN = r"^[^\\@]*\\|@.*$"


def canonical_account(account: pl.Expr) -> pl.Expr:
    """The canonical form of an account (String); NULL if it is only a domain."""
    bare = account.str.strip_chars().str.to_lowercase().str.replace_all(_DOMAIN, "")
    return pl.when(bare != "").then(bare)


def account_named(text: str) -> str:
    """The canonical form of an account that somebody typed; unchanged if it is only a domain."""
    return str(pl.select(canonical_account(pl.lit(text))).item() or text)


def canonical_device(device: pl.Expr) -> pl.Expr:
    """The canonical form of a host name (String): its first label, because only some logs include the domain.

    Addresses in place of names do not change.
    """
    bare = device.str.strip_chars().str.to_lowercase()
    label = bare.str.extract(r"^([^.]+)\.[^.].*$")
    return pl.when(bare.str.contains(r"^[0-9.]+$|:")).then(bare).otherwise(pl.coalesce(label, bare))


def canonical(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with its columns user_name, device, mac and client_mac in canonical form."""
    return frame.with_columns(
        form(frame[name])["canonical"].alias(name) for name, form in _FORMS.items() if name in frame.columns
    )


def _mac(column: pl.Expr) -> pl.Expr:
    digits = column.str.to_lowercase().str.replace_all(r"[^0-9a-f]", "")
    pairs = digits.str.replace(r"^(..)(..)(..)(..)(..)(..)$", "$1:$2:$3:$4:$5:$6")
    return pl.when(digits.str.len_bytes() == 12).then(pairs).otherwise(column.str.to_lowercase())


def _each(form: Callable[[pl.Expr], pl.Expr]) -> Remembered:
    """Applies `form` to texts; returns the column `canonical`."""
    return Remembered(lambda texts: pl.select(canonical=form(pl.lit(texts))))


_FORMS = {
    "user_name": _each(canonical_account),
    "device": _each(canonical_device),
    "mac": _each(_mac),
    "client_mac": _each(_mac),
}
