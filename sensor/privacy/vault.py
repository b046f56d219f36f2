"""The vault stores what each token stands for, readable by two people together only.

There are two *roles*, requester and approver, with a key pair each (X25519). The collector knows only the two
public keys: it appends what a token stands for, encrypted so that both private keys are needed, and cannot
decrypt it. Each custodian has a copy of the private key of their role, encrypted with their own secret.

    key of a record    = SHA-256(share of the requester | share of the approver | share of the epoch)
    share of a role    = HKDF(X25519(ephemeral key of the batch, key of the role), token)
    share of the epoch = derived from the key of the epoch: shredding that key empties the vault, too

A share is valid for one record only. A request contains the requester's shares for the requested tokens,
sealed for the approvers. The approver adds the other shares, decrypts these records, and seals their content
for the requesters (reveal.py). So neither role ever gets enough to decrypt other records.

vault/roles.json               public keys, and the encrypted private keys of custodians
vault/epoch-<n>.jsonl          one batch per line: {"ephemeral": …, "records": {token: ciphertext}}
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import polars as pl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sensor import durable
from sensor.errors import LakeError, UsageError, reason_of
from sensor.privacy.sealing import Unsealable, seal, unseal

Role = Literal["requester", "approver"]
ROLES: tuple[Role, ...] = ("requester", "approver")
#: Minimum characters of the secret of a custodian.
SECRET_CHARS = 12
#: scrypt: 64 MB, about 0.2 s (RFC 7914; OWASP Password Storage Cheat Sheet)
_SCRYPT = {"n": 2**16, "r": 8, "p": 1}


class WrongSecret(UsageError):
    """The secret given is not this custodian's."""


class EpochKeys(Protocol):
    """Provides the share of the epoch; implemented by `keys.Keys`."""

    def derived(self, epoch: int, use: str) -> bytes:
        """A key for `use`, derived from the key of the epoch."""
        ...


def role_name(word: str) -> Role:
    """`word` as a role. Raises UsageError."""
    for role in ROLES:
        if role == word:
            return role
    raise UsageError(f"no role {word!r}", place="--role", hint=" or ".join(ROLES))


class Custodians:
    """The people who may request or approve, each with their own secret."""

    def __init__(self, state: Path) -> None:
        self._path = state / "vault" / "roles.json"

    def names(self) -> dict[str, Role]:
        """Custodian → role."""
        return {name: role for role in ROLES for name in self._read().get(role, {}).get("custodians", {})}

    def public_keys(self) -> dict[Role, X25519PublicKey] | None:
        """The public keys of the roles; None until both roles have a custodian."""
        known = self._read()
        if any(role not in known for role in ROLES):
            return None
        return {role: _public(known[role]["public"]) for role in ROLES}

    def enrol(self, name: str, role: Role, secret: str, by: tuple[str, str] | None = None) -> None:
        """Make `name` a custodian of `role`, with `secret`. Raises UsageError.

        The first custodian creates the key pair of the role. For later ones, a custodian of the role (`by`:
        name and secret) must share the private key.
        """
        if len(secret) < SECRET_CHARS:
            raise UsageError(f"a secret of at least {SECRET_CHARS} characters", hint="choose a longer one")
        if name in self.names():
            raise UsageError(f"{name} is {self.names()[name]} already", hint="one person, one role")
        known = self._read()
        if role not in known:
            private = X25519PrivateKey.generate()
            known[role] = {"public": as_text(private.public_key().public_bytes_raw()), "custodians": {}}
        elif by is None:
            raise UsageError(f"{role} has custodians", hint="one must take part: --introduced-by NAME")
        else:
            if self.names().get(by[0]) != role:
                raise UsageError(f"{by[0]} is no {role}", hint="name a custodian of the same role")
            private = self.private_key(*by)
        known[role]["custodians"][name] = _locked(private.private_bytes_raw(), secret, name)
        self._write(known)

    def private_key(self, name: str, secret: str) -> X25519PrivateKey:
        """The private key of the custodian's role. Raises UsageError for an unknown name, WrongSecret."""
        role = self.names().get(name)
        if role is None:
            raise UsageError(f"no custodian {name}", hint="shadowai reveal custodians")
        try:
            return X25519PrivateKey.from_private_bytes(
                _unlocked(self._read()[role]["custodians"][name], secret, name)
            )
        except Unsealable:
            raise WrongSecret(f"not the secret of {name}", hint="try again; it is on record") from None

    def _read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except OSError as error:
            hint = "check the folder's owner"
            raise LakeError(reason_of(error), place=str(self._path), hint=hint) from None
        except ValueError as error:
            raise LakeError(f"unreadable: {error}", place=str(self._path), hint="restore it") from None

    def _write(self, known: Mapping[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable.write(self._path, json.dumps(known, indent=1).encode())


class Vault:
    """Appends records of what tokens stand for, and computes the shares of their keys."""

    def __init__(self, state: Path, keys: EpochKeys) -> None:
        self._folder = state / "vault"
        self._keys = keys
        self._custodians = Custodians(state)
        self._public: dict[Role, X25519PublicKey] | None = None
        self._known: dict[int, set[str]] = {}

    def remember(self, epoch: int, values: Mapping[str, str]) -> None:
        """Append records for new `values` (token → value); does nothing until both roles have a custodian."""
        public = self._public_keys()
        if public is None or not values:
            return
        known = self._known_in(epoch)
        fresh = {token: value for token, value in values.items() if token not in known}
        if not fresh:
            return
        ephemeral = X25519PrivateKey.generate()
        shared = [ephemeral.exchange(public[role]) for role in ROLES]
        records = {
            token: as_text(
                seal(self._record_key(epoch, [_part(s, token) for s in shared]), value.encode(), token)
            )
            for token, value in fresh.items()
        }
        line = {"ephemeral": as_text(ephemeral.public_key().public_bytes_raw()), "records": records}
        durable.with_room(partial(self._append, epoch, line))
        known.update(fresh)

    def remember_all(self, tokens: pl.DataFrame) -> None:
        """`remember` for a frame with the columns token, value (String) and epoch (Int64)."""
        if self._public_keys() is None:
            return
        for (epoch,), rows in tokens.partition_by("epoch", as_dict=True).items():
            self.remember(int(str(epoch)), dict(rows.select("token", "value").iter_rows()))

    def _public_keys(self) -> dict[Role, X25519PublicKey] | None:
        """The public keys of both roles. Custodians may be enrolled while a capture runs."""
        if self._public is None:
            self._public = self._custodians.public_keys()
        return self._public

    def parts(self, private: X25519PrivateKey, tokens: Iterable[str]) -> dict[str, bytes]:
        """The share of a role in the key of each record; none for tokens that the vault has no record of."""
        wanted = list(tokens)
        found = self._find(wanted)
        return {
            token: _part(private.exchange(_public(found[token][0])), token)
            for token in wanted
            if token in found
        }

    def open(self, shares: Mapping[str, tuple[bytes, bytes]]) -> dict[str, str]:
        """What tokens stand for, given the shares of both roles (requester, approver). Raises LakeError."""
        found = self._find(shares)
        return {token: self._open(token, found.get(token), *both) for token, both in shares.items()}

    def _open(self, token: str, record: tuple[str, str] | None, requester: bytes, approver: bytes) -> str:
        try:
            if record is None:
                raise Unsealable
            key = self._record_key(epoch_of(token), [requester, approver])
            return unseal(key, base64.b64decode(record[1]), token).decode()
        except Unsealable:
            raise LakeError(f"{token} cannot be opened", place=str(self._folder), hint="ask again") from None

    def forget(self, tokens: Iterable[str]) -> int:
        """Rewrite the vault without the records of `tokens`; returns how many were removed."""
        wanted = set(tokens)
        if not (wanted and self._folder.is_dir()):
            return 0
        with self._locked():
            return sum(self._forget(epoch, wanted) for epoch in {epoch_of(token) for token in wanted})

    def _forget(self, epoch: int, wanted: set[str]) -> int:
        lines = list(self._lines(epoch))
        kept = [
            line | {"records": {t: c for t, c in line["records"].items() if t not in wanted}}
            for line in lines
        ]
        went = sum(len(line["records"]) for line in lines) - sum(len(line["records"]) for line in kept)
        if went:
            text = "".join(json.dumps(line) + "\n" for line in kept if line["records"])
            durable.write(self._file(epoch), text.encode())
        self._known.pop(epoch, None)
        return went

    def _record_key(self, epoch: int, parts: list[bytes]) -> bytes:
        return hashlib.sha256(b"|".join([*parts, self._keys.derived(epoch, "vault")])).digest()

    def _find(self, tokens: Iterable[str]) -> dict[str, tuple[str, str]]:
        """By token: the public key of its batch, and its record. All in one pass, because one line may hold
        the records of 200,000 people."""
        wanted = set(tokens)
        found: dict[str, tuple[str, str]] = {}
        for epoch in {epoch_of(token) for token in wanted}:
            for line in self._lines(epoch):
                for token in (wanted - found.keys()) & line["records"].keys():
                    found[token] = line["ephemeral"], line["records"][token]
        return found

    def _known_in(self, epoch: int) -> set[str]:
        if epoch not in self._known:
            self._known[epoch] = {token for line in self._lines(epoch) for token in line["records"]}
        return self._known[epoch]

    def _lines(self, epoch: int) -> Iterator[dict[str, Any]]:
        try:
            file = self._file(epoch).open("rb")
        except FileNotFoundError:
            return
        with file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue  # last line before a power failure; its tokens will be appended again

    def _append(self, epoch: int, line: Mapping[str, Any]) -> None:
        file = self._file(epoch)
        with (
            self._locked(),
            os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as out,
        ):
            out.write(b"\n" * _ends_midline(file) + json.dumps(line).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Exclusive lock, so that records appended during an erasure are not lost."""
        with durable.explained(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield

    def _file(self, epoch: int) -> Path:
        return self._folder / f"epoch-{epoch}.jsonl"


def epoch_of(token: str) -> int:
    """The epoch in a token such as `u2821-k3jq…`. Raises UsageError if it is no token."""
    head, _, tail = token.partition("-")
    if not head[1:].isdigit() or not head[:1].isalpha() or not tail.isalnum():
        raise UsageError(f"{token!r} is no token", hint="a token looks like u2821-k3jqabcdefghijkl")
    return int(head[1:])


def _part(shared: bytes, token: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=token.encode()).derive(shared)


def _locked(content: bytes, secret: str, name: str) -> dict[str, str]:
    salt = secrets.token_bytes(16)
    key = Scrypt(salt=salt, length=32, **_SCRYPT).derive(secret.encode())
    return {"salt": as_text(salt), "private": as_text(seal(key, content, name))}


def _unlocked(entry: Mapping[str, str], secret: str, name: str) -> bytes:
    key = Scrypt(salt=base64.b64decode(entry["salt"]), length=32, **_SCRYPT).derive(secret.encode())
    return unseal(key, base64.b64decode(entry["private"]), name)


def _public(text: str) -> X25519PublicKey:
    return X25519PublicKey.from_public_bytes(base64.b64decode(text))


def as_text(content: bytes) -> str:
    """`content` as base64, for JSON."""
    return base64.b64encode(content).decode("ascii")


def _ends_midline(file: Path) -> bool:
    size = file.stat().st_size
    if not size:
        return False
    with file.open("rb") as handle:
        handle.seek(size - 1)
        return handle.read(1) != b"\n"
