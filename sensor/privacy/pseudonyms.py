"""Replaces identities by tokens, and computes keyed row ids.

A token is the letter of its kind, the epoch, and the first 80 bits of an HMAC-SHA-256 over `scope | kind |
canonical value` in base32: `u2951-k3jq…`. Because the kind is included, equal strings of two kinds have
different tokens. The scope of an address is its site; the scope of accounts and devices is the organisation.
Each distinct value is hashed once.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import polars as pl
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from sensor import schema
from sensor.privacy.counting import Counting
from sensor.privacy.keys import Keys
from sensor.privacy.names import Names
from sensor.privacy.vault import Vault
from sensor.schema import SECRET, Column, Level, Table

TOKEN_BYTES = 10
_LETTERS = TOKEN_BYTES * 8 // 5
_BASE32 = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
#: 63 bits: non-negative Int64, which every engine supports
_MASK = np.uint64((1 << 63) - 1)


def token(key: bytes, epoch: int, scope: str, kind: str, value: str) -> str:
    """The token of a canonical value: letter of the kind, epoch, `-`, and 16 base32 characters."""
    digest = hmac.digest(key, f"{scope}|{kind}|{value}".encode(), "sha256")[:TOKEN_BYTES]
    return f"{kind[0]}{epoch}-{base64.b32encode(digest).decode().lower()}"


def tokens(key: bytes, epoch: int, scope: str, kind: str, values: pl.Series) -> pl.Series:
    """The `token` of each of `values`: for many, which base64 and hmac take several times as long for."""
    begun = HMAC(key, SHA256())
    begun.update(f"{scope}|{kind}|".encode())
    digests = []
    for value in values.to_list():
        one = begun.copy()
        one.update(value.encode())
        digests.append(one.finalize()[:TOKEN_BYTES])
    octets = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, TOKEN_BYTES)
    fives = np.unpackbits(octets, axis=1).reshape(-1, _LETTERS, 5)
    text = _BASE32[np.packbits(fives, axis=2)[..., 0] >> 3].tobytes().decode("ascii")
    head = f"{kind[0]}{epoch}-"
    found = [head + text[at : at + _LETTERS] for at in range(0, len(text), _LETTERS)]
    return pl.Series(found, dtype=pl.String)


def keyed_hashes(key: bytes, texts: pl.Series) -> pl.Series:
    """63-bit keyed hashes (Int64) of `texts`, for row and connection ids: first 8 bytes of keyed BLAKE2b."""
    digests = [blake2b(text.encode(), key=key, digest_size=8).digest() for text in texts.to_list()]
    return pl.Series(np.frombuffer(b"".join(digests), ">u8").astype(np.uint64) & _MASK).cast(pl.Int64)


class Pseudonyms:
    """Applies `Column.protect` to frames before they are stored."""

    def __init__(
        self,
        keys: Keys,
        level: Level,
        is_internal: Callable[[pl.Series], pl.Series],
        vault: Vault | None = None,
        counting: Counting | None = None,
        names: Names | None = None,
    ) -> None:
        """`is_internal` maps unique hosts and addresses (String) to Booleans: True inside the organisation.

        `vault` receives what each new token stands for, `counting` the accounts of new tokens. `names`: what
        else accounts are called; ids of rows do not depend on it.
        """
        self._keys = keys
        self._level = level
        self._is_internal = is_internal
        self._vault = vault
        self._counting = counting
        self._names = names or Names()
        self._counted = [schema.COUNTING.empty()]

    @property
    def writes_clear(self) -> bool:
        """True at level `clear`, the only one at which ids that anyone can compute may be stored."""
        return self._level == "clear"

    def protect(self, frame: pl.DataFrame, table: Table, *, site: str) -> pl.DataFrame:
        """`frame`, conformed to `table`, with identifying columns replaced by tokens or NULL.

        The epoch of a row is that of the time column of the table; if that is NULL, identifying columns
        become NULL. `site` is the scope of addresses.
        """
        accounts = [c.name for c in table if c.kind == "user" and c.name in frame.columns]
        frame = frame.with_columns(self._names.applied(frame[name]) for name in accounts)
        touched = [c for c in table if c.protect.at(self._level) != "clear" and c.name in frame.columns]
        if not touched or frame.is_empty():
            return frame
        dropped = [c.name for c in touched if c.protect.at(self._level) == "drop"]
        out = frame.with_columns(pl.lit(None, dtype=frame.schema[name]).alias(name) for name in dropped)
        if len(dropped) == len(touched):
            return out
        out = out.with_columns(self._keys.epoch_of(pl.col(table.time)).alias("_epoch"))
        for column in touched:
            if column.name not in dropped:
                out = self._replace(out, column, site)
        return out.drop("_epoch")

    def _replace(self, frame: pl.DataFrame, column: Column, site: str) -> pl.DataFrame:
        name = column.name
        rows, kept = frame.select(name, "_epoch"), pl.lit(None, dtype=pl.String)
        if column.protect.at(self._level) == "internal":
            values = frame[name].drop_nulls().unique()
            internal = values.filter(self._is_internal(values))
            has_epoch = pl.col("_epoch").is_not_null()
            if internal.is_empty():
                return frame.with_columns(pl.when(has_epoch).then(name).alias(name))
            rows = rows.filter(pl.col(name).is_in(internal.implode()))
            kept = pl.when(~pl.col(name).is_in(internal.implode()) & has_epoch).then(name)
        hidden = rows.unique().drop_nulls()
        scope = f"site:{site}" if column.kind == "address" else "org"
        table = pl.concat(
            [
                hidden.clear().with_columns(_token=pl.lit(None, dtype=pl.String)),
                *(
                    rows.with_columns(
                        _token=tokens(self._keys.of(epoch), epoch, scope, column.kind, rows[name])
                    )
                    for (epoch,), rows in hidden.partition_by("_epoch", as_dict=True).items()
                ),
            ]
        )
        as_told = {name: "value", "_epoch": "epoch", "_token": "token"}
        # A secret is never stored in a form that can be reversed.
        if self._vault is not None and column.protect is not SECRET:
            self._vault.remember_all(table.rename(as_told))
        if self._counting is not None and column.kind == "user":
            self._counted.append(self._counting.rows(table.rename(as_told)))
        joined = frame.join(table, on=[name, "_epoch"], how="left", maintain_order="left")
        return joined.with_columns(pl.coalesce("_token", kept).alias(name)).drop("_token")

    @property
    def counts(self) -> bool:
        """True if accounts get a second token for counting over several epochs, once there is a key for
        that."""
        return self._counting is not None

    def counted(self) -> pl.DataFrame:
        """Rows of the table `counting` for accounts that are new since the last call."""
        rows, self._counted = pl.concat(self._counted), [schema.COUNTING.empty()]
        return rows

    def row_ids(self, frame: pl.DataFrame, text: pl.Expr, moment: str) -> pl.Series:
        """Keyed 63-bit hashes (Int64) of `text`, with the key of the epoch of the column `moment`; NULL for
        NULL."""
        rows = frame.select(text.alias("text"), self._keys.epoch_of(pl.col(moment)).alias("epoch"))
        known = rows.with_row_index("row").drop_nulls()
        ids = pl.Series([None] * frame.height, dtype=pl.Int64)
        for (epoch,), part in known.partition_by("epoch", as_dict=True, maintain_order=True).items():
            ids.scatter(part["row"], keyed_hashes(self._keys.of(int(epoch)), part["text"]))
        return ids
