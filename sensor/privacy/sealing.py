"""Sealing: AES-256-GCM with a fresh nonce before the ciphertext, and a name it is bound to."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class Unsealable(ValueError):
    """A wrong key or passphrase, or a changed file."""


def seal(key: bytes, content: bytes, name: str) -> bytes:
    """Nonce and ciphertext of `content`; `name` is not in it, but must be the same to open it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, name.encode())


def unseal(key: bytes, sealed: bytes, name: str) -> bytes:
    """The content. Raises Unsealable."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError) as error:
        raise Unsealable(f"{name}: cannot be opened with this key") from error
