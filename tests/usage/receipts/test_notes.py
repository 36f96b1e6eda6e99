"""Checkpoints are C2SP signed notes, by the notes that other implementations publish."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.usage.receipts import making
from usage.receipts import keys, services, verify
from usage.receipts.models import LogKind

# The example of golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
# Keys of the examples of c2sp.org/signed-note and of transparency-dev/formats.
OTHER_KEYS = [
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
    "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
]


def test_a_published_note_verifies_under_its_published_key():
    key = verify.Key.parse(GO_KEY)
    signature = base64.b64decode(GO_SIGNATURE)
    assert signature[:4] == key.id
    assert key.verifies(signature[4:], GO_TEXT.encode())
    assert not key.verifies(signature[4:], GO_TEXT.replace("problem", "Problem").encode())


def test_our_signature_of_the_published_text_is_the_published_one():
    """Ed25519 is deterministic: whoever reads Go's notes reads ours."""
    secret = base64.b64decode(GO_SECRET.split("+", 4)[4])[1:]
    key = verify.Key.parse(GO_KEY)
    signed = key.id + Ed25519PrivateKey.from_private_bytes(secret).sign(GO_TEXT.encode())
    assert base64.b64encode(signed).decode() == GO_SIGNATURE


@pytest.mark.parametrize("text", [GO_KEY, *OTHER_KEYS])
def test_published_keys_are_read_and_written_back(text):
    assert str(verify.Key.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        GO_KEY.replace("c74f20a3", "c74f20a4"),
        GO_KEY.replace("PeterNeumann", "PeterNeumanm"),
        GO_KEY[:-4],
        GO_KEY.replace("+ARpc", "+BRpc"),
        "",
        "+",
        "name",
    ],
)
def test_a_mangled_key_is_refused(text):
    with pytest.raises(ValueError):
        verify.Key.parse(text)


def test_a_checkpoint_has_the_lines_that_the_specification_names(db):
    workspace_id = making.settle_many(3)
    checkpoint = services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    lines = checkpoint.note.split("\n")
    origin = f"steward/{workspace_id}/receipts"
    key = keys.verifier(checkpoint.log, checkpoint.signing_key)
    assert lines[:4] == [origin, "3", base64.b64encode(checkpoint.root).decode(), ""]
    assert lines[4].startswith(f"— {origin} ") and lines[5:] == [""]
    signature = base64.b64decode(lines[4].rsplit(" ", 1)[1])
    assert signature[:4] == key.id and len(signature) == 4 + 64
    assert key.verifies(signature[4:], "\n".join([*lines[:3], ""]).encode())


@pytest.mark.parametrize(
    "note",
    [
        "",
        "origin\n3\n",
        "origin\n03\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— a AAAA\n",
        "origin\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— a AAAA\n",
        "origin\n3\nCsUYapGGPo4=\n\n— a AAAA\n",
        "origin\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n",
        "origin\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n- a AAAA\n",
        "origin\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— a AAAA\nmore\n",
        "origin\n" + "9" * 30 + "\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— a AAAA\n",
    ],
)
def test_what_is_no_checkpoint_is_not_read(note):
    with pytest.raises(ValueError):
        verify.Checkpoint.parse(note)


def test_signatures_of_others_beside_ours_are_ignored(db):
    """A witness may add its own."""
    workspace_id = making.settle_many(1)
    checkpoint = services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    chain = verify.Chain(checkpoint.log.origin, str(keys.verifier(checkpoint.log, checkpoint.signing_key)))
    chain.verify(verify.Checkpoint.parse(checkpoint.note + f"— witness.example {GO_SIGNATURE}\n"))
    only_theirs = checkpoint.note.split("—")[0] + f"— witness.example {GO_SIGNATURE}\n"
    with pytest.raises(verify.Broken, match="unknown_key"):
        chain.verify(verify.Checkpoint.parse(only_theirs))
