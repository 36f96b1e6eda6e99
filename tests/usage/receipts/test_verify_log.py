"""A whole log: remove, reorder, alter, truncate, and the verifier says which, and where."""

import base64
import json
from io import StringIO

import pytest

from tenants import audit
from tests.usage.receipts import making
from usage.receipts import documents, services, verify
from usage.receipts.models import LogKind, SigningKey


@pytest.fixture
def workspace_id(db):
    """Ten leaves, the fifth a change of keys; checkpoints after 3, 5 and 10."""
    workspace_id = making.settle_many(3)
    services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    making.settle(workspace_id)
    making.sequence(workspace_id)
    services.rotate_key(reason=SigningKey.Reason.ROUTINE, actor=audit.SYSTEM)
    return making.settle_many(5, workspace_id)


@pytest.fixture
def exported(workspace_id) -> list[str]:
    return list(documents.log_lines(services.take_checkpoint(workspace_id, LogKind.RECEIPTS)))


def judge(lines: list[str], **kept) -> verify.Report:
    return verify.verify(StringIO("".join(lines), newline="\n"), verify.Report(**kept))


def codes(lines: list[str], **kept) -> list[str]:
    return [problem.code for problem in judge(lines, **kept).problems]


def told(lines: list[str], **kept) -> list[str]:
    return [problem.message for problem in judge(lines, **kept).problems]


def row(line: str, **changes) -> str:
    return json.dumps({**json.loads(line), **changes}) + "\n"


def hash_of(leaf: dict) -> str:
    return base64.b64encode(verify.leaf_hash(verify.canonical(leaf))).decode()


def test_an_untouched_log_verifies(exported):
    report = judge(exported)
    assert not report.problems
    assert len(exported) == 1 + 10
    assert "the leaves lead to the signed roots, up to 10 leaves" in report.facts
    assert "the change of keys at leaf 4 is signed by both keys" in report.facts


def test_an_altered_leaf_is_named(exported):
    leaf = json.loads(exported[8])["leaf"]
    leaf["cost"]["micro"] += 1
    exported[8] = row(exported[8], leaf=leaf)
    assert told(exported) == ["leaf 7 was altered"]


def test_an_altered_leaf_with_a_hash_to_match_is_bounded_by_the_checkpoints(exported):
    leaf = json.loads(exported[8])["leaf"]
    leaf["cost"]["micro"] += 1
    exported[8] = row(exported[8], leaf=leaf, hash=hash_of(leaf))
    assert told(exported) == ["among leaves 5 to 9 something was altered, removed or reordered"]


@pytest.mark.parametrize("index", [0, 1, 6])
def test_a_removed_leaf_is_named(exported, index):
    del exported[1 + index]
    assert told(exported) == [f"leaf {index} was removed"]


def test_removed_leaves_with_numbers_closed_up_are_seen(exported):
    del exported[7]
    lines = [exported[0], *(row(line, index=index) for index, line in enumerate(exported[1:]))]
    assert codes(lines) == ["tail_truncated"]
    # … and with the last leaf repeated, so that the count is right.
    assert codes([*lines, row(lines[-1], index=9)]) == ["root_mismatch"]


def test_two_swapped_leaves_are_named(exported):
    exported[3], exported[8] = exported[8], exported[3]
    assert told(exported) == ["leaves are out of order: 7, 2"]


def test_two_swapped_leaves_with_numbers_to_match_are_bounded(exported):
    exported[2], exported[3] = row(exported[3], index=1), row(exported[2], index=2)
    assert told(exported) == ["among leaves 0 to 2 something was altered, removed or reordered"]


def test_a_repeated_leaf_is_named(exported):
    assert codes([*exported, exported[10]]) == ["leaf_repeated"]


def test_a_cut_tail_is_seen(exported):
    assert told(exported[:-3]) == ["10 leaves are signed for, the file ends after 7"]
    assert codes(exported[:1]) == ["tail_truncated"]


def test_a_cut_tail_with_its_checkpoints_shows_only_against_a_kept_checkpoint(exported):
    header = json.loads(exported[0])
    newest = verify.Checkpoint.parse(header["checkpoints"][-1])
    assert newest.size == 10
    header["checkpoints"].pop()
    cut = [json.dumps(header) + "\n", *exported[1:6]]
    assert codes(cut) == []
    assert codes(cut, checkpoint=newest) == ["tail_truncated"]


def test_a_rewritten_past_shows_against_a_kept_checkpoint(exported):
    """The operator makes a whole new log with its own keys: only what others kept tells."""
    kept = verify.Checkpoint.parse(json.loads(exported[0])["checkpoints"][0])
    assert codes(exported, checkpoint=kept) == []
    other = verify.Checkpoint(kept.origin, kept.size, b"r" * 32, kept.text, kept.signatures)
    assert codes(exported, checkpoint=other) == ["history_rewritten"]


def test_a_kept_checkpoint_of_a_size_between_is_compared_too(exported, workspace_id):
    from usage.receipts.models import Log

    log = Log.objects.get(workspace_id=workspace_id, kind="receipts")
    from usage.receipts import keys, tree

    root = tree.root(log, 8)
    note = keys.sign_note(log, f"{log.origin}\n8\n{base64.b64encode(root).decode()}\n")
    assert codes(exported, checkpoint=verify.Checkpoint.parse(note)) == []


def test_a_forged_checkpoint_is_named(exported):
    header = json.loads(exported[0])
    header["checkpoints"][1] = header["checkpoints"][1].replace("\n5\n", "\n6\n")
    problems = judge([json.dumps(header) + "\n", *exported[1:]]).problems
    assert {problem.code for problem in problems} == {"root_mismatch", "checkpoint_forged"}


def test_a_removed_change_of_keys_is_named(exported):
    """What is signed after it cannot be judged then, and is not."""
    del exported[5]
    assert told(exported) == ["leaf 4 was removed"]


def test_an_audit_log_verifies_too(db):
    from uuid import uuid4

    workspace_id = uuid4()
    for number in range(4):
        audit.record(
            "thing.made", actor=audit.SYSTEM, workspace_id=workspace_id, number=number, text="a\u2028b"
        )
    checkpoint = services.take_checkpoint(workspace_id, LogKind.AUDIT)
    lines = list(documents.log_lines(checkpoint))
    assert len(lines) == 5 and not judge(lines).problems
    leaf = json.loads(lines[2])["leaf"]
    lines[2] = row(lines[2], leaf={**leaf, "action": "thing.unmade"})
    assert told(lines) == ["leaf 1 was altered"]


def test_a_log_longer_than_a_batch_is_exported_whole(db, monkeypatch):
    monkeypatch.setattr(documents, "EXPORT_BATCH", 3)
    workspace_id = making.settle_many(8)
    lines = list(documents.log_lines(services.take_checkpoint(workspace_id, LogKind.RECEIPTS)))
    assert [json.loads(line)["index"] for line in lines[1:]] == list(range(8))
    assert not judge(lines).problems


def consistency(workspace_id, first: int, second: int | None) -> dict:
    return services.consistency_document(workspace_id, LogKind.RECEIPTS, first, second)


def test_consistency_between_checkpoints_verifies(exported, workspace_id):
    for first, second in ((3, 5), (3, 10), (5, 10), (10, 10), (3, None)):
        assert codes([json.dumps(consistency(workspace_id, first, second))]) == []


def test_a_kept_checkpoint_is_compared_with_the_proofs_ends(exported, workspace_id):
    document = [json.dumps(consistency(workspace_id, 3, 10))]
    notes = [verify.Checkpoint.parse(note) for note in json.loads(exported[0])["checkpoints"]]
    assert [note.size for note in notes] == [3, 5, 10]
    assert codes(document, checkpoint=notes[0]) == []
    with pytest.raises(ValueError, match="get the consistency proof"):
        codes(document, checkpoint=notes[1])


def test_a_wrong_consistency_proof_is_seen(exported, workspace_id):
    document = consistency(workspace_id, 3, 10)
    for wrong in (document["consistency"][:-1], document["consistency"][::-1], []):
        assert codes([json.dumps({**document, "consistency": wrong})]) == ["history_rewritten"]


def test_an_older_checkpoint_does_not_continue_a_newer_one(db):
    workspace_id = making.settle_many(2)
    services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    making.settle(workspace_id)
    document = consistency(workspace_id, 2, None)
    ends = {"old_checkpoint": document["checkpoint"], "checkpoint": document["old_checkpoint"]}
    assert codes([json.dumps({**document, **ends})]) == ["history_rewritten"]


def test_a_size_without_a_checkpoint_is_not_found(exported, workspace_id):
    with pytest.raises(services.CheckpointNotFound):
        consistency(workspace_id, 4, 10)
