"""Authenticated encryption: AES-256-GCM with a random nonce, bound to a name."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class Unsealable(ValueError):
    """The key or passphrase is wrong, the name differs, or the content was changed."""


def seal(key: bytes, content: bytes, name: str) -> bytes:
    """Nonce and ciphertext of `content`; the same `name` is needed to decrypt it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, name.encode())


def unseal(key: bytes, sealed: bytes, name: str) -> bytes:
    """The content that `seal` encrypted. Raises Unsealable."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError) as error:
        raise Unsealable(f"{name}: cannot be opened with this key") from error
