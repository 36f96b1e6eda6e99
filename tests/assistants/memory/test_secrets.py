"""Credentials and numbers that pay are never kept, however they are spelled; what only looks a little like them is."""

import pytest

from assistants.memory.secrets import holds_secret
from assistants.memory.services import SecretNotKept, remember
from assistants.models import MemoryItem

# Published test numbers of card schemes.
CARDS = [
    "4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "4242.4242.4242.4242",
    "4242\u00a04242\u00a04242\u00a04242", "my card is 5555555555554444, it expires in May", "3782 822463 10005",
    "6011111111111117", "30569309025904", "4242\u20134242\u20134242\u20134242",
]  # fmt: skip
ACCOUNTS = ["DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "my iban is gb29 NWBK 6016 1331 9268 19"]
KEYS = [
    "sk-proj-abcdefghijklmnop1234", "sk_live_abcdefghijklmnop1234", "whsec_abcdefghijklmnop1234",
    "ghp_abcdefghijklmnopqrst1234", "github_pat_11ABCDEFG0abcdefghij", "xoxb-123456789012-abcdef",
    "AKIAIOSFODNN7EXAMPLE", "glpat-abcdefghij1234567890", "hf_abcdefghijklmnopqrstuv", "stw_live_abcdefghijklmnop",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh", "-----BEGIN OPENSSH PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY----- MII", "-----BEGIN PRIVATE KEY-----", "postgres://me:hunter2@db.example/x",
    "https://user:geheim@example.org/",
]  # fmt: skip
CALLED = [
    "My password is hunter2", "the password for the wiki is Tr0ub4dor", "Passwort: sommer2024",
    "mein Kennwort lautet Igel77", "API key = 9f8e7d6c", "PIN code is 4711", "my pin: 0815", "CVV 123",
    "passphrase: correct horse", "mot de passe: azerty", "contraseña: secreto1", "senha: segredo",
    "the secret key is swordfish", "auth token: abc.def", "password \u201chunter2\u201d",
]  # fmt: skip


@pytest.mark.parametrize("text", [*CARDS, *ACCOUNTS, *KEYS, *CALLED])
def test_secret_is_seen(text):
    assert holds_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "The orders service runs on PostgreSQL 17.",
        "Order 4242424242424241 was late.",  # a card's length, and not its sum
        "Our phone number is +49 341 1234567.",
        "Invoice 2026-0001234 over 1,299.00 euros.",
        "My password manager is Bitwarden.",
        "Passwords are stored hashed.",
        "The password policy is twelve characters.",
        "We rotate every API key quarterly, and the API key is stored in the vault.",
        "The build number is 0000000000000000.",
        "The UUID is 7f0c1e0a-5b0e-4a43-9a3e-0f2a7c1c2d3e.",
        "She pinned the note.",
        "Meet on 2026-11-28 at 14:30 in room 1204.",
        "DE is the code of Germany, FR76 is a road.",
        "https://example.org/user:name",
        "ISBN 978-3-16-148410-0 is on my desk.",
    ],
)
def test_harmless_text_is_kept(text):
    assert not holds_secret(text)


@pytest.mark.parametrize("text", [CARDS[0], KEYS[0], CALLED[0]])
def test_secret_reaches_no_table(in_acme, member, text):
    with pytest.raises(SecretNotKept):
        remember(member=member.member, layer="semantic", text=f"Note this: {text}")
    assert MemoryItem.objects.count() == 0
    assert remember(member=member.member, layer="semantic", text="Note this: tea").text == "Note this: tea"
