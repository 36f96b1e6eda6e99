"""What an entry keeps openly, what it seals, and what never gets in."""

import json
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants import audit, audit_contents, origins, sealing
from tenants.audit import Actor
from tenants.models import AuditEntry, SealingKey

HERE = origins.Origin(address="203.0.113.9", agent="Mozilla/5.0 (X11)", session="abcd1234")


def record(**given) -> AuditEntry:
    arguments = {"actor": Actor("person", uuid4()), "workspace_id": None, **given}
    audit.record("thing.made", **arguments)
    return AuditEntry.objects.latest("id")


def opened(entry: AuditEntry) -> list[dict | None]:
    return sealing.unseal((UUID(part["of"]), part["text"]) for part in entry.sealed)


def test_before_and_after_stand_openly(db):
    entry = record(before={"role": "member"}, after={"role": "admin"}, reason="asked for")
    assert entry.data == {"reason": "asked for", "before": {"role": "member"}, "after": {"role": "admin"}}
    assert entry.sealed == []


def test_origin_is_sealed_under_the_actor(db):
    ref = uuid4()
    with origins.from_where(lambda: HERE):
        entry = record(actor=Actor("person", ref))
    assert [part["of"] for part in entry.sealed] == [str(ref)]
    assert opened(entry) == [
        {"origin": {"address": "203.0.113.9", "agent": "Mozilla/5.0 (X11)", "session": "abcd1234"}}
    ]
    assert "203.0.113.9" not in json.dumps(entry.sealed) + json.dumps(entry.data)


def test_personal_fields_are_sealed_under_whom_they_are_about(db):
    ref, invitation = uuid4(), uuid4()
    with origins.from_where(lambda: HERE):
        entry = record(actor=Actor("person", ref), personal={"email": "a@example.org"}, about=invitation)
    assert [part["of"] for part in entry.sealed] == [str(ref), str(invitation)]
    assert opened(entry)[1] == {"personal": {"email": "a@example.org"}}
    sealing.destroy([invitation])
    assert [part is None for part in opened(entry)] == [False, True]


def test_origin_of_nobody_is_sealed_under_whom_the_entry_is_about(db):
    person = uuid4()
    with origins.from_where(lambda: HERE):
        refused = record(actor=audit.SYSTEM, about=person)
        anonymous = record(actor=audit.SYSTEM)
    assert [part["of"] for part in refused.sealed] == [str(person)]
    assert anonymous.sealed == []


def test_personal_fields_need_somebody_they_are_about(db):
    with pytest.raises(RuntimeError, match="about"):
        record(personal={"name": "Somebody"})


def test_what_a_destroyed_key_sealed_stays_shut_when_another_key_is_made(db):
    ref = uuid4()
    old = sealing.seal(ref, {"name": "Somebody"})
    sealing.destroy([ref])
    assert sealing.unseal([(ref, old)]) == [None]
    new = sealing.seal(ref, {"name": "Later"})
    assert sealing.unseal([(ref, old), (ref, new)]) == [None, {"name": "Later"}]


def test_record_asks_for_all_keys_at_once(db):
    ref, about = uuid4(), uuid4()
    with origins.from_where(lambda: HERE):
        record(actor=Actor("person", ref), personal={"name": "S"}, about=about)
        with CaptureQueriesContext(connection) as captured:
            audit.record(
                "thing.made",
                actor=Actor("person", ref),
                workspace_id=None,
                personal={"name": "S"},
                about=about,
            )
    assert len(captured) == 2
    assert [SealingKey._meta.db_table in query["sql"] for query in captured] == [True, False]


def test_nobody_is_asked_from_where_when_nothing_is_recorded(db):
    asked = []
    with origins.from_where(lambda: asked.append(1) or HERE):
        pass
    assert asked == []


@pytest.mark.parametrize(
    "data",
    [
        {"password": "x"},
        {"client_secret": "x"},
        {"after": {"token": "x"}},
        {"after": {"proof": {"recovery-codes": "x"}}},
        {"email": "x"},
        {"ip": "x"},
        {"note": "write to somebody@example.org"},
        {"note": "came from 203.0.113.9"},
        {"text": "stw_abcdefgh0123456789"},
        {"lines": ["ok", "whsec_123"]},
        {"pem": "-----BEGIN PRIVATE KEY-----"},
    ],
)
def test_leaks_raise_here_and_are_left_out_elsewhere(db, settings, caplog, data):
    with pytest.raises(audit.LeakInEntry):
        record(**data)
    settings.AUDIT_RAISES_ON_LEAKS = False
    entry = record(**data)
    assert audit_contents.LEFT_OUT in json.dumps(entry.data)
    assert all(str(value) not in json.dumps(entry.data) for value in data.values() if value != "x")
    assert "left out" in caplog.text


@pytest.mark.parametrize(
    "data",
    [{"input_tokens": 5}, {"has_password": True}, {"codes": 8}, {"key": "stw_abcdefgh…"}, {"version": "1.2.3"},
     {"password": None}, {"domain": "mail.example.org"}],
)  # fmt: skip
def test_counts_prefixes_and_answers_are_no_leaks(db, data):
    assert record(**data).data == data


def test_values_become_plain(db):
    ref = uuid4()
    assert record(after={"who": ref, "roles": {"admin"}}).data == {
        "after": {"who": str(ref), "roles": ["admin"]}
    }
