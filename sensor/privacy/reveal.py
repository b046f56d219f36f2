"""Re-identification: one person requests it, another approves, and only what was requested is shown, for a
limited time.

A case is the file `reveals/<case>.json` in the state folder. `request` adds the requester's shares of the
record keys, sealed for the approvers. `approve` decrypts the records, and seals their content under the key
of the epoch and for the requesters. `show` decrypts that with the secret of a requester, until the case
expires. Every step is entered in the audit log *before* it takes effect, and so is every wrong secret. The
next command deletes expired cases. Tokens whose epoch was shredded, or whose person was erased, are no longer
in any answer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from sensor import durable
from sensor.errors import UsageError
from sensor.privacy.audit import AuditLog
from sensor.privacy.sealing import Unsealable, seal, unseal
from sensor.privacy.vault import Custodians, EpochKeys, Role, Vault, WrongSecret, as_text, epoch_of

#: minimum characters of a reason
REASON_LEAST = 10
MOST_TOKENS = 50


@dataclass(frozen=True)
class Case:
    """The public part of a request."""

    case_id: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    reason: str
    tokens: tuple[str, ...]
    approved_by: str | None = None


class Reveals:
    """The cases of one state folder."""

    def __init__(self, state: Path, keys: EpochKeys, now: datetime) -> None:
        self._folder = state / "reveals"
        self._custodians = Custodians(state)
        self._keys = keys
        self._vault = Vault(state, keys)
        self._audit = AuditLog(state)
        self._now = now.astimezone(UTC)
        self._expire()

    def request(self, tokens: Sequence[str], reason: str, days: int, name: str, secret: str) -> Case:
        """Request what `tokens` stand for, for a number of days; `name` and `secret` are the requester's.

        Raises UsageError.
        """
        if len(" ".join(reason.split())) < REASON_LEAST:
            raise UsageError("a reason one can judge", place="--reason", hint="say why, name nobody")
        if not 0 < len(tokens) <= MOST_TOKENS:
            raise UsageError(f"{len(tokens)} tokens", hint=f"1 to {MOST_TOKENS} at a time")
        private = self._key(name, secret, "requester")
        parts = self._vault.parts(private, dict.fromkeys(tokens))
        if unknown := [token for token in tokens if token not in parts]:
            raise UsageError(f"not in the vault: {', '.join(unknown)}", hint="it remembers from enrolment on")
        case = Case(
            secrets.token_hex(4), name, self._now, self._now + timedelta(days=days), reason, tuple(parts)
        )
        public = self._public("approver")
        self._note("reveal.request", name, case)
        self._save(case, "parts", {token: _sealed_for(public, part, token) for token, part in parts.items()})
        return case

    def approve(self, case_id: str, name: str, secret: str) -> Case:
        """Approve a case; `name` and `secret` are the approver's.

        Raises UsageError for a case that has expired, or a person who may not approve it.
        """
        case, payload = self._load(case_id)
        private = self._key(name, secret, "approver", case)
        if name == case.requested_by:
            raise UsageError("nobody approves a request of their own", hint="ask another custodian")
        if "parts" not in payload:
            raise UsageError(f"{case_id} was approved by {case.approved_by}", hint="shadowai reveal show")
        public, asked = self._public("requester"), payload["parts"]
        own = self._vault.parts(private, asked)
        values = self._vault.open(
            {token: (_unsealed(private, part, token), own.get(token, b"")) for token, part in asked.items()}
        )
        answers = {
            token: _sealed_for(public, seal(self._answers(token), value.encode(), token), token)
            for token, value in values.items()
        }
        approved = replace(case, approved_by=name)
        self._note("reveal.approve", name, approved)
        self._save(approved, "values", answers)
        return approved

    def show(self, case_id: str, name: str, secret: str) -> dict[str, str]:
        """What each token of an approved case stands for; for its requester only.

        Raises UsageError, and LakeError if the key of a token's epoch was shredded.
        """
        case, payload = self._load(case_id)
        private = self._key(name, secret, "requester", case)
        if name != case.requested_by:
            raise UsageError(f"asked for by {case.requested_by}", place=case_id, hint="ask for it yourself")
        if "values" not in payload:
            raise UsageError("not approved yet", place=case_id, hint="someone else: shadowai reveal approve")
        values = {
            token: unseal(self._answers(token), _unsealed(private, answer, token), token).decode()
            for token, answer in payload["values"].items()
        }
        self._note("reveal.show", name, case)
        return values

    def forget(self, tokens: Iterable[str]) -> int:
        """Remove `tokens` from all cases, and delete empty cases; returns how many cases changed."""
        gone, wanted = 0, set(tokens)
        for path in self._folder.glob("*.json"):
            case, payload = self._load(path.stem)
            kept = tuple(token for token in case.tokens if token not in wanted)
            if kept == case.tokens:
                continue
            gone += 1
            for what, sealed in payload.items() if kept else ():
                self._save(replace(case, tokens=kept), what, {token: sealed[token] for token in kept})
            if not kept:
                path.unlink()
        return gone

    def cases(self) -> list[Case]:
        """All cases that have not expired, oldest first."""
        return sorted(
            (self._load(p.stem)[0] for p in self._folder.glob("*.json")), key=lambda c: c.requested_at
        )

    def one_account(self, case_id: str) -> str | None:
        """The account that both requested and approved a case; None if there were two."""
        return self._audit.one_account().get(case_id)

    def _key(self, name: str, secret: str, role: Role, case: Case | None = None) -> X25519PrivateKey:
        if self._custodians.names().get(name, role) != role:
            raise UsageError(f"{name} is no {role}", hint="the two roles are two people")
        try:
            return self._custodians.private_key(name, secret)
        except WrongSecret:
            self._note("reveal.refuse", name, case)
            raise

    def _answers(self, token: str) -> bytes:
        """The key that answers about a token are also sealed under; it is lost with the key of its epoch."""
        return self._keys.derived(epoch_of(token), "answers")

    def _public(self, role: Role) -> X25519PublicKey:
        keys = self._custodians.public_keys()
        if keys is None:
            raise UsageError("the vault needs a requester and an approver", hint="shadowai reveal enrol")
        return keys[role]

    def _note(self, action: str, name: str, case: Case | None) -> None:
        self._audit.append(
            action,
            now=self._now,
            done_by=name,
            case_id=case.case_id if case else None,
            reason=case.reason if case else None,
            people=len(case.tokens) if case else None,
        )

    def _load(self, case_id: str) -> tuple[Case, dict[str, dict[str, str]]]:
        """A case, and token to what is sealed: `parts` before it was approved, `values` after."""
        try:
            if not case_id.isalnum():
                raise FileNotFoundError
            data = json.loads((self._folder / f"{case_id}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"no case {case_id!r}, or it has expired", hint="shadowai reveal list") from None
        known = data["case"]
        moments = {name: datetime.fromisoformat(known[name]) for name in ("requested_at", "expires_at")}
        return Case(**known | moments | {"tokens": tuple(known["tokens"])}), data["payload"]

    def _save(self, case: Case, what: str, sealed: dict[str, str]) -> None:
        moments = {name: getattr(case, name).isoformat() for name in ("requested_at", "expires_at")}
        text = json.dumps({"case": vars(case) | moments, "payload": {what: sealed}}, indent=1)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable.write(self._folder / f"{case.case_id}.json", text.encode())

    def _expire(self) -> None:
        for path in self._folder.glob("*.json"):
            case = self._load(path.stem)[0]
            if case.expires_at <= self._now:
                self._note("reveal.expire", case.requested_by, case)
                path.unlink()


def _sealed_for(public: X25519PublicKey, content: bytes, name: str) -> str:
    """Content that only the owner of the private key can open."""
    ephemeral = X25519PrivateKey.generate()
    key = hashlib.sha256(ephemeral.exchange(public)).digest()
    return as_text(ephemeral.public_key().public_bytes_raw() + seal(key, content, name))


def _unsealed(private: X25519PrivateKey, text: str, name: str) -> bytes:
    sealed = base64.b64decode(text)
    key = hashlib.sha256(private.exchange(X25519PublicKey.from_public_bytes(sealed[:32]))).digest()
    try:
        return unseal(key, sealed[32:], name)
    except Unsealable:
        raise UsageError("made for other custodians, or changed", place=name, hint="ask again") from None
