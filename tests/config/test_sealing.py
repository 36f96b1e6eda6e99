"""Secrets at rest open for their purpose, their row and a SECRET_KEY that is or was ours, and for nothing else."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config import sealing

PLAIN, PURPOSE, ROW = b"a secret", b"a purpose 1", b"a row"


@pytest.fixture
def sealed() -> bytes:
    return sealing.seal(PLAIN, purpose=PURPOSE, bound_to=ROW)


def test_it_opens(sealed):
    assert sealing.unseal(sealed, purpose=PURPOSE, bound_to=ROW) == PLAIN
    assert PLAIN not in sealed
    assert sealing.seal(PLAIN, purpose=PURPOSE, bound_to=ROW) != sealed


@pytest.mark.parametrize(
    "other", [{"purpose": b"another 1"}, {"bound_to": b"another row"}, {"bound_to": None}]
)
def test_for_nothing_else(sealed, other):
    with pytest.raises(InvalidTag):
        sealing.unseal(sealed, **{"purpose": PURPOSE, "bound_to": ROW, **other})


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-1], lambda text: bytes([text[0] ^ 1]) + text[1:], lambda _: b""]
)
def test_not_damaged(sealed, damage):
    with pytest.raises(InvalidTag):
        sealing.unseal(damage(sealed), purpose=PURPOSE, bound_to=ROW)


def test_former_secret_key_still_opens_and_a_forgotten_one_does_not(sealed, settings):
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-key-that-is-long-enough"
    with pytest.raises(InvalidTag):
        sealing.unseal(sealed, purpose=PURPOSE, bound_to=ROW)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert sealing.unseal(sealed, purpose=PURPOSE, bound_to=ROW) == PLAIN


def test_what_was_sealed_before_still_opens(settings):
    """The shape in which keys that sign receipts have always been kept: HKDF-SHA-256, a nonce of 12 bytes in front."""
    key = HKDF(SHA256(), length=32, salt=None, info=b"steward signing keys 1").derive(
        settings.SECRET_KEY.encode()
    )
    old = b"n" * 12 + AESGCM(key).encrypt(b"n" * 12, PLAIN, ROW)
    assert sealing.unseal(old, purpose=b"steward signing keys 1", bound_to=ROW) == PLAIN
