"""A receipt's document: whatever is changed in it, the verifier says what."""

import base64
import copy
import json

import pytest

from tests.usage.receipts import making
from usage.receipts import services, verify
from usage.receipts.models import LogKind, SigningKey


@pytest.fixture
def document(db) -> dict:
    workspace_id = making.settle_many(11)
    return making.document_of(workspace_id, 6)


def judge(document: dict, **kept) -> verify.Report:
    return verify.verify([json.dumps(document)], verify.Report(**kept))


def codes(document: dict, **kept) -> list[str]:
    return [problem.code for problem in judge(document, **kept).problems]


def test_an_untouched_receipt_verifies(document):
    report = judge(document)
    assert not report.problems
    assert f"receipt {document['receipt']['receipt_id']} is unaltered" in report.facts
    assert f"it is leaf 6 of 11 of {document['origin']}" in report.facts


def leaves_of(value, path=()):
    """The path of every scalar."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves_of(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves_of(item, (*path, index))
    else:
        yield path


def changed(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return "x" if value is None else value + "x"


def test_every_field_of_the_receipt_is_protected(document):
    paths = list(leaves_of(document["receipt"]))
    assert len(paths) > 30
    for path in paths:
        altered = copy.deepcopy(document)
        place = altered["receipt"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = changed(place[path[-1]])
        assert codes(altered) == ["receipt_altered"], path


def test_a_field_added_or_removed_is_seen(document):
    assert codes({**document, "receipt": {**document["receipt"], "note": "paid"}}) == ["receipt_altered"]
    del document["receipt"]["gates"]
    assert codes(document) == ["receipt_altered"]


@pytest.mark.parametrize("index", [0, 5, 7, 10, 11, -1, 2**40])
def test_another_place_in_the_log_is_seen(document, index):
    assert codes({**document, "leaf_index": index}) == ["not_in_log"]


def test_an_altered_receipt_with_a_hash_to_match_is_not_in_the_log(document):
    document["receipt"]["cost"]["micro"] = 1
    forged = verify.leaf_hash(verify.canonical(document["receipt"]))
    assert codes({**document, "leaf_hash": base64.b64encode(forged).decode()}) == ["not_in_log"]


def test_an_altered_proof_is_seen(document):
    proof = document["inclusion"]
    for wrong in (
        proof[:-1],
        proof[1:],
        proof[::-1],
        [*proof, proof[0]],
        [document["leaf_hash"], *proof[1:]],
        [],
    ):
        assert codes({**document, "inclusion": wrong}) == ["not_in_log"]


def with_checkpoint(document: dict, line: int, text: str) -> dict:
    lines = document["checkpoint"].split("\n")
    lines[line] = text
    return {**document, "checkpoint": "\n".join(lines)}


def test_an_altered_checkpoint_is_seen(document):
    root = base64.b64encode(b"r" * 32).decode()
    assert codes(with_checkpoint(document, 0, "steward/other/receipts")) == ["wrong_log", "wrong_log"]
    assert codes(with_checkpoint(document, 1, "12")) == ["checkpoint_forged"]
    assert codes(with_checkpoint(document, 1, "700")) == ["checkpoint_forged", "not_in_log"]
    assert codes(with_checkpoint(document, 2, root)) == ["checkpoint_forged", "not_in_log"]


def test_a_forged_signature_is_seen(document):
    line = document["checkpoint"].split("\n")[4]
    head, signature = line.rsplit(" ", 1)
    raw = bytearray(base64.b64decode(signature))
    raw[-1] ^= 1
    forged = with_checkpoint(document, 4, f"{head} {base64.b64encode(raw).decode()}")
    assert codes(forged) == ["checkpoint_forged"]


def test_a_wrong_key_id_is_seen(document):
    head, signature = document["checkpoint"].split("\n")[4].rsplit(" ", 1)
    raw = bytearray(base64.b64decode(signature))
    raw[0] ^= 1
    forged = with_checkpoint(document, 4, f"{head} {base64.b64encode(raw).decode()}")
    assert codes(forged) == ["unknown_key"]


def test_a_checkpoint_signed_by_somebody_else_is_seen(document, db):
    """Somebody with a key of their own makes a log of their own under our name."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    mine = verify.Key(document["origin"], private.public_key().public_bytes_raw())
    text = "\n".join(document["checkpoint"].split("\n")[:3]) + "\n"
    signature = base64.b64encode(mine.id + private.sign(text.encode())).decode()
    forged = {**document, "checkpoint": f"{text}\n— {mine.name} {signature}\n"}
    assert codes(forged) == ["unknown_key"]
    # With the key swapped as well it is a valid log, but not the one whose key somebody kept.
    own = {**forged, "first_key": str(mine)}
    assert codes(own) == []
    assert codes(own, key=verify.Key.parse(document["first_key"])) == ["unknown_key"]
    assert codes(document, key=verify.Key.parse(document["first_key"])) == []


def test_a_receipt_of_another_workspace_is_seen(document):
    document["receipt"]["workspace_id"] = "00000000-0000-0000-0000-000000000000"
    forged = verify.leaf_hash(verify.canonical(document["receipt"]))
    found = codes({**document, "leaf_hash": base64.b64encode(forged).decode()})
    assert found == ["wrong_log", "not_in_log"]


def test_a_key_of_another_log_is_refused(document):
    name, _, _ = document["first_key"].split("+", 2)
    key = verify.Key.parse(document["first_key"])
    other = verify.Key(name.replace("receipts", "audit"), key.public)
    assert codes({**document, "first_key": str(other)}) == ["wrong_log"]


@pytest.fixture
def rotated(db) -> dict:
    """Two changes of keys in the log, the second because a key was in other hands."""
    from tenants import audit

    workspace_id = making.settle_many(4)
    first = services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    services.rotate_key(reason=SigningKey.Reason.ROUTINE, actor=audit.SYSTEM)
    making.settle_many(2, workspace_id)
    making.sequence(workspace_id)
    services.rotate_key(reason=SigningKey.Reason.COMPROMISED, actor=audit.SYSTEM)
    making.settle_many(2, workspace_id)
    return {**making.document_of(workspace_id, 2), "old": first.note}


def test_changed_keys_are_followed_from_the_first(rotated):
    report = judge(rotated)
    assert not report.problems
    assert [rotation["leaf_index"] for rotation in rotated["rotations"]] == [4, 7]
    assert any("given up as compromised" in fact for fact in report.facts)
    assert not judge(rotated, key=verify.Key.parse(rotated["first_key"])).problems


def test_a_change_of_keys_that_was_tampered_with_is_seen(rotated):
    for name in ("new_key", "old_key", "reason", "rotated_at", "log"):
        altered = copy.deepcopy(rotated)
        leaf = altered["rotations"][1]["leaf"]
        leaf[name] = rotated["first_key"] if name.endswith("key") else "x"
        assert codes(altered)[:2] == ["not_in_log", "unknown_key"], name


def test_a_change_of_keys_that_was_left_out_is_seen(rotated):
    for rest in ([], rotated["rotations"][:1]):
        assert codes({**rotated, "rotations": rest}) == ["unknown_key"]
    assert codes({**rotated, "rotations": rotated["rotations"][1:]}) == ["rotation_broken", "unknown_key"]
    assert codes({**rotated, "rotations": rotated["rotations"][::-1]})[0] == "rotation_broken"


def test_a_change_of_keys_needs_both_signatures(rotated):
    """Without that of the old key anybody could hand the log over to themselves."""
    chain = verify.Chain(rotated["origin"], rotated["first_key"])
    leaf = copy.deepcopy(rotated["rotations"][0]["leaf"])
    for role, other in (("old", "new"), ("new", "old")):
        wrong = {**leaf, "signatures": {**leaf["signatures"], role: leaf["signatures"][other]}}
        with pytest.raises(verify.Broken, match="rotation_broken"):
            chain.rotate(4, wrong, verify.Report())
    chain.rotate(4, leaf, verify.Report())


def test_a_kept_checkpoint_of_the_same_size_must_have_the_same_root(document):
    kept = verify.Checkpoint.parse(document["checkpoint"])
    assert codes(document, checkpoint=kept) == []
    other = verify.Checkpoint(kept.origin, kept.size, b"r" * 32, kept.text, kept.signatures)
    assert codes(document, checkpoint=other) == ["history_rewritten"]


def test_a_kept_checkpoint_beyond_the_file_shows_that_the_end_was_cut_off(document):
    workspace_id = document["receipt"]["workspace_id"]
    making.settle_many(1, workspace_id)
    later = services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    assert codes(document, checkpoint=verify.Checkpoint.parse(later.note)) == ["tail_truncated"]


def test_a_kept_checkpoint_that_the_file_says_nothing_of_is_not_guessed(document, rotated):
    with pytest.raises(ValueError, match="get the consistency proof"):
        judge(rotated, checkpoint=verify.Checkpoint.parse(rotated["old"]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"format":"steward-receipt/1"}',
        "not json",
        '{"format":"steward-log/1"}',
        "[" * 5000,
    ],
)
def test_what_is_no_document_cannot_be_judged(text):
    with pytest.raises(ValueError):
        verify.verify([text], verify.Report())


def test_a_document_that_lacks_a_part_cannot_be_judged(document):
    for name in document:
        if name == "format":
            continue
        with pytest.raises(ValueError):
            judge({key: value for key, value in document.items() if key != name})
