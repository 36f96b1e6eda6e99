"""The audit log shows what is done to it behind the triggers: altered, removed, cut off, before and after numbers."""

import json
from uuid import UUID, uuid4

import pytest

from tenants import audit, origins, sealing
from tenants.models import AuditEntry
from tests.usage.receipts import making
from tests.usage.receipts.test_verdicts import behind_the_triggers, found, tamper
from usage.receipts import bodies, documents, services, verify
from usage.receipts.models import PLATFORM, AuditPending, LogKind, LogLeaf

HERE = origins.Origin(address="203.0.113.9", agent="Mozilla/5.0", session="abcd1234")
WHOLE: tuple[set[str], set[str]] = (set(), set())


@pytest.fixture
def person() -> UUID:
    return uuid4()


@pytest.fixture
def logged(db, person) -> UUID:
    """A workspace with five numbered entries by one person, each with a sealed origin."""
    workspace_id = uuid4()
    enter(workspace_id, person, 5)
    services.take_checkpoint(workspace_id, LogKind.AUDIT)
    assert found(workspace_id, LogKind.AUDIT) == WHOLE
    return workspace_id


def enter(workspace_id: UUID | None, person: UUID, count: int) -> None:
    for number in range(count):
        with origins.from_where(lambda: HERE):
            audit.record(
                "thing.made", actor=audit.Actor("person", person), workspace_id=workspace_id, number=number
            )


def last(workspace_id: UUID) -> int:
    return AuditEntry.objects.filter(workspace_id=workspace_id).latest("id").id


@pytest.mark.parametrize(
    "change",
    [
        "action = 'thing.hidden'",
        "actor_ref = gen_random_uuid()",
        "actor_kind = 'system'",
        "target_id = 'another'",
        "data = '{}'",
        "sealed = '[]'",
        "sealed = jsonb_set(sealed, '{0,text}', '\"AAAA\"')",
        "sealed = jsonb_set(sealed, '{0,of}', '\"00000000-0000-0000-0000-000000000001\"')",
        "request_id = 'x'",
        "created_at = created_at - interval '1 day'",
    ],
)
def test_each_altered_column_breaks_the_log(logged, change):
    tamper(f"UPDATE tenants_auditentry SET {change} WHERE id = %s", last(logged))  # noqa: S608  of this test
    assert found(logged, LogKind.AUDIT)[0] == {"entry_altered"}


def test_entry_moved_to_another_workspace_breaks_the_log(logged):
    tamper("UPDATE tenants_auditentry SET workspace_id = %s WHERE id = %s", uuid4(), last(logged))
    assert found(logged, LogKind.AUDIT)[0] == {"entry_altered"}


def test_removed_entry_breaks_the_log(logged):
    tamper("DELETE FROM tenants_auditentry WHERE id = %s", last(logged))
    assert found(logged, LogKind.AUDIT)[0] == {"entry_altered"}


def test_entry_removed_with_its_leaf_breaks_the_log(logged):
    entry_id = last(logged)
    tamper("DELETE FROM usage_logleaf WHERE entry_id = %s", entry_id)
    tamper("DELETE FROM tenants_auditentry WHERE id = %s", entry_id)
    assert found(logged, LogKind.AUDIT)[0] == {"leaf_misplaced"}


def test_entry_removed_before_it_has_a_leaf_is_missed(logged, person):
    enter(logged, person, 1)
    assert AuditPending.objects.filter(workspace_id=logged).count() == 1
    tamper("DELETE FROM tenants_auditentry WHERE id = %s", last(logged))
    assert found(logged, LogKind.AUDIT) == (set(), {"entry_missing"})


def cut_tail(workspace_id: UUID, keep: int) -> None:
    """As thoroughly as somebody can who has the whole database: entries, leaves, nodes, checkpoints and the size."""
    of_log = "(SELECT id FROM usage_log WHERE workspace_id = %s AND kind = 'audit')"
    with behind_the_triggers() as cursor:
        cursor.execute(
            f"DELETE FROM tenants_auditentry WHERE id IN (SELECT entry_id FROM usage_logleaf "  # noqa: S608
            f"WHERE leaf_index >= %s AND log_id = {of_log})",
            [keep, workspace_id],
        )
        for statement in (
            "DELETE FROM usage_logleaf WHERE leaf_index >= %s AND log_id = ",
            "DELETE FROM usage_lognode WHERE (index + 1) << level > %s AND log_id = ",
            "DELETE FROM usage_checkpoint WHERE size > %s AND log_id = ",
        ):
            cursor.execute(statement + of_log, [keep, workspace_id])
        cursor.execute(f"UPDATE usage_log SET size = %s WHERE id = {of_log}", [keep, workspace_id])  # noqa: S608


def exported(workspace_id: UUID) -> list[str]:
    return list(documents.log_lines(services.take_checkpoint(workspace_id, LogKind.AUDIT)))


def test_cut_tail_shows_to_whoever_kept_a_checkpoint(logged):
    kept = services.take_checkpoint(logged, LogKind.AUDIT).note
    whole = verify.Report(checkpoint=verify.Checkpoint.parse(kept))
    assert verify.verify(exported(logged), whole).problems == []
    cut_tail(logged, 3)
    assert found(logged, LogKind.AUDIT) == WHOLE, (
        "a log alone cannot show it: this is why checkpoints are mailed"
    )
    cut = verify.Report(checkpoint=verify.Checkpoint.parse(kept))
    assert [problem.code for problem in verify.verify(exported(logged), cut).problems] == ["tail_truncated"]


def test_cut_tail_whose_checkpoints_were_forgotten_shows_at_once(logged):
    with behind_the_triggers() as cursor:
        cursor.execute("UPDATE usage_log SET size = 3 WHERE workspace_id = %s AND kind = 'audit'", [logged])
    assert "checkpoint_wrong" in found(logged, LogKind.AUDIT)[0]


def test_destroying_the_key_of_a_person_leaves_the_log_whole(logged, person):
    entry = AuditEntry.objects.get(id=last(logged))
    (part,) = entry.sealed
    assert sealing.unseal([(person, part["text"])])[0] is not None
    assert sealing.destroy([person]) == 1
    assert sealing.unseal([(person, part["text"])]) == [None]
    assert found(logged, LogKind.AUDIT) == WHOLE


def test_leaf_says_what_is_sealed_as_it_stands(logged):
    entry = AuditEntry.objects.get(id=last(logged))
    body = json.loads(LogLeaf.objects.get(entry_id=entry.id).body)
    assert (body["version"], body["sealed"]) == (2, entry.sealed)
    assert "203.0.113.9" not in json.dumps(body)


def test_entry_that_seals_nothing_has_the_leaf_that_it_always_had(db):
    """Leaves of before there was anything sealed stay valid."""
    workspace_id = uuid4()
    audit.record("thing.made", actor=audit.SYSTEM, workspace_id=workspace_id, colour="blue")
    body = bodies.of_audit_entry(AuditEntry.objects.get(id=last(workspace_id)))
    assert list(body) == [
        "type", "version", "workspace_id", "entry_id", "actor_kind", "actor_ref", "action", "target_type",
        "target_id", "data", "request_id", "at",
    ]  # fmt: skip
    assert body["version"] == 1


def test_leaf_without_the_sealed_column_would_not_show_that_it_was_altered(logged, monkeypatch):
    """The control."""
    real = bodies.of_audit_entry

    def careless(entry):
        return {name: value for name, value in real(entry).items() if name not in ("sealed", "version")}

    monkeypatch.setattr(bodies, "of_audit_entry", careless)
    other = uuid4()
    enter(other, uuid4(), 2)
    making.sequence(other, LogKind.AUDIT)
    tamper("UPDATE tenants_auditentry SET sealed = '[]' WHERE id = %s", last(other))
    assert found(other, LogKind.AUDIT) == WHOLE


def test_what_belongs_to_no_workspace_is_in_the_platforms_log(db, person):
    making.sequence(PLATFORM, LogKind.AUDIT)
    enter(None, person, 2)
    assert making.sequence(PLATFORM, LogKind.AUDIT) == 2
    assert found(PLATFORM, LogKind.AUDIT) == WHOLE
    entry = AuditEntry.objects.latest("id")
    tamper("UPDATE tenants_auditentry SET action = 'thing.hidden' WHERE id = %s", entry.id)
    assert found(PLATFORM, LogKind.AUDIT)[0] == {"entry_altered"}


def test_staff_keep_the_platforms_checkpoints(db, staff, mailoutbox):
    audit.record("thing.made", actor=audit.SYSTEM, workspace_id=None)
    assert services.mail_checkpoints(PLATFORM, only_news=True)
    (mail,) = mailoutbox
    assert staff.user.email in mail.to
    assert [name for name, _, _ in mail.attachments] == [mail.attachments[0][0]]
    assert mail.attachments[0][0].startswith("audit-")
    assert not services.mail_checkpoints(PLATFORM, only_news=True)


def test_verdicts_of_the_audit_log_are_a_page_for_who_may_see_it(db, acme, admin, member):
    response = admin.browser().get("/w/acme/receipts/verdicts/?kind=audit")
    assert response.status_code == 200
    assert "entries of the audit log were compared" in response.content.decode()
    assert member.browser().get("/w/acme/receipts/verdicts/?kind=audit").status_code == 403
    assert member.browser().get("/w/acme/receipts/verdicts/").status_code == 200
