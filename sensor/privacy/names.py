"""The names of a person: an account may sign in under a user principal name or a mail address, too.

Logs of Windows and proxies write `jdoe` where those of cloud services write `jane.doe@example.com`. Directory
exports have both, so both get the token of the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from sensor.privacy.canonical import account_named, canonical


@dataclass(frozen=True)
class Names:
    """Other names of accounts, in canonical form."""

    #: other name → account
    accounts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, directory: pl.DataFrame) -> Names:
        """The names that a directory tells: columns user_name (String) and other_names (List of String).

        A name that several accounts have, or that is an account itself, is nobody's.
        """
        names = directory.select("user_name", "other_names").explode("other_names")
        pairs = pl.DataFrame(
            {
                "account": canonical(names.select("user_name"))["user_name"],
                "name": canonical(names.select(user_name="other_names"))["user_name"],
            }
        ).drop_nulls("account")
        others = pairs.drop_nulls().unique().filter(~pl.col("name").is_in(pairs["account"].implode()))
        sure = others.filter(pl.len().over("name") == 1)
        return cls(dict(sure.select("name", "account").iter_rows()))

    def all_of(self, account: str) -> tuple[str, ...]:
        """All names of the person whose account, or another name of it, somebody typed: the account first."""
        typed = account_named(account)
        first = self.accounts.get(typed, typed)
        return (first, *sorted(name for name, of in self.accounts.items() if of == first))

    def applied(self, names: pl.Series) -> pl.Series:
        """`names` (canonical, String) with the account in place of each other name."""
        if not self.accounts:
            return names
        # One by one: a directory has many more people than a batch.
        found = {name: self.accounts[name] for name in names.unique() if name in self.accounts}
        return names.replace(found) if found else names
