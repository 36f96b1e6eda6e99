"""Credentials and numbers that pay are never kept, however they are spelled; what only looks a little like them is."""

import pytest

from assistants.memory.secrets import holds_secret, without
from assistants.memory.services import SecretNotKept, relate, remember
from assistants.models import Entity, MemoryItem

# Published test numbers of card schemes.
CARDS = [
    "4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "4242.4242.4242.4242",
    "4242\u00a04242\u00a04242\u00a04242", "my card is 5555555555554444, it expires in May", "3782 822463 10005",
    "6011111111111117", "30569309025904", "4242\u20134242\u20134242\u20134242", "4242,4242,4242,4242",
    "4242/4242/4242/4242", "4242_4242_4242_4242", "4242\u200b4242\u200b4242\u200b4242",
    "４２４２ ４２４２ ４２４２ ４２４２",
    "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2", "424242-424242-4242", "order 12 4242 4242 4242 4242 today",
    "4242 4242 4242 4242 123", "for 12 people: 3782 822463 10005",
]  # fmt: skip
ACCOUNTS = [
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "my iban is gb29 NWBK 6016 1331 9268 19",
    "DE89-3704-0044-0532-0130-00",
    "pay to DE89 3704 0044 0532 0130 00 and tell me",
    "BE68539007547034",
    "FR14 2004 1010 0505 0001 3M02 606",
]
KEYS = [
    "sk-proj-abcdefghijklmnop1234", "sk_live_abcdefghijklmnop1234", "whsec_abcdefghijklmnop1234",
    "ghp_abcdefghijklmnopqrst1234", "github_pat_11ABCDEFG0abcdefghij", "xoxb-123456789012-abcdef",
    "AKIAIOSFODNN7EXAMPLE", "glpat-abcdefghij1234567890", "hf_abcdefghijklmnopqrstuv", "stw_live_abcdefghijklmnop",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh", "-----BEGIN OPENSSH PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY----- MII", "-----BEGIN PRIVATE KEY-----", "postgres://me:hunter2@db.example/x",
    "https://user:geheim@example.org/",
    "https://example.org/?api_key=abcdef123456", "https://example.org/cb?a=1&token=abcdef1234567890",
    "Authorization: Basic dXNlcjpodW50ZXIyCg==", "Bearer abcdef0123456789", "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    "PuTTY-User-Key-File-2: ssh-rsa", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "it is Ab3dE9fGh1JkLm5NoPq7RsT2u",
    "sk-ant-api03-abcdefghijklmnopqrst", "redis://:hunter2@cache.example/0",
]  # fmt: skip
CALLED = [
    "My password is hunter2", "the password for the wiki is Tr0ub4dor", "Passwort: sommer2024",
    "mein Kennwort lautet Igel77", "API key = 9f8e7d6c", "PIN code is 4711", "my pin: 0815", "CVV 123",
    "passphrase: correct horse", "mot de passe: azerty", "contraseña: secreto1", "senha: segredo",
    "the secret key is swordfish", "auth token: abc.def", "password \u201chunter2\u201d",
    "My password's hunter2", "my pwd is Summer2024!", "the PIN to my phone is 4711", "login: bob / Summer2024!",
    "pass\u200bword is hunter2", "ｐａｓｓｗｏｒｄ is hunter2", "p a s s w o r d: hunter2",
    "token: 9f8e7d6c5b4a39281706",
    "OPENAI_API_KEY=sk-abc", "DB_PASSWORD=foo", "client_secret: zzz", "password is: hunter2", "pw: hunter2",
    "my password (for git) is swordfish", "Das Passwort fürs WLAN ist Igel77", "hunter2 is my password",
    "I use swordfish as password", "the password to the server would be hunter2", "my password, hunter2, is old",
    "mnemonic: abandon abandon", "security code 123", "2fa backup codes 1234-5678", "<password>hunter2</password>",
    "my SSN is 078-05-1120", "account number 12345678", "my password remains swordfish", "smtpPassword = swordfish",
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
        "My password is long and never changes.",
        "The TAN is sent by SMS, the OTP by mail, and backup codes are printed.",
        "The access token is refreshed hourly, and Bearer tokens expire after 15 minutes.",
        "The secret ingredient is butter, and the key is to start early.",
        "I prefer passkeys to passwords.",
        "Commit 9f8e7d6c5b4a392817069f8e7d6c5b4a39281706 broke it.",
        "Our limits are 12,000 tokens, 1,000,000 users and 24,000 orders.",
        "Coordinates 51.339695, 12.373075; ports 8000, 8001, 8002 and 5432.",
        "My user is bob, our login is at 9am, and the account: sales and marketing.",
        "AbstractSingletonProxyFactoryBean2 is a class.",
        "DE12 units in 2024 sold well for us all.",
        "https://www.example.org/search?q=abc&code=12",
        "She sends 1 2 3 4 5 6 7 8 9 postcards.",
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


@pytest.mark.parametrize("fields", [{"slot": "password: hunter2"}, {"slot": "card 4242 4242 4242 4242"}])
def test_secret_hides_in_no_name_of_a_subject(in_acme, member, fields):
    kept = remember(member=member.member, layer="semantic", text="Tea is kept.", **fields)
    assert kept.slot == ""
    assert remember(member=member.member, layer="semantic", text="Coffee too.", slot="drink").slot == "drink"


@pytest.mark.parametrize("place", ["subject", "predicate", "object"])
def test_secret_hides_in_no_edge(in_acme, member, place):
    item = remember(member=member.member, layer="semantic", text="Tea is kept.")
    edge = {"subject": "tea", "predicate": "is in", "object": "kitchen"}
    assert not relate(item=item, **edge | {place: "password: hunter2"})
    assert not Entity.objects.filter(name__contains="hunter2").exists()
    assert relate(item=item, **edge)


def test_a_summary_keeps_what_is_no_secret():
    text = (
        "They run PostgreSQL 15. The password is hunter2. The card is 4242 4242 4242 4242.\nTea was chosen."
    )
    assert without(text) == "They run PostgreSQL 15. Tea was chosen."
    assert without("My password is: hunter2") == ""


def test_long_text_is_read_in_good_time():
    """Against patterns that read a text again from each of its letters: this would take minutes."""
    for text in ("x" * 50_000, "password for " * 4_000, "4242 " * 10_000, "1 " * 20_000):
        holds_secret(text)
