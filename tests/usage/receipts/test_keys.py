"""Signing keys: sealed at rest, one in force, changed inside the log."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import call_command
from django.db import OperationalError, transaction

from tenants import audit
from tenants.models import AuditEntry
from tests import factories
from tests.usage.receipts import making
from usage.receipts import keys, sequencer, services
from usage.receipts.models import Checkpoint, Log, LogKind, LogLeaf, SigningKey


def rotate(reason=SigningKey.Reason.ROUTINE) -> list[Log]:
    return services.rotate_key(reason=reason, actor=audit.SYSTEM)


def test_a_key_signs_and_its_private_part_is_not_in_the_database(db):
    key = keys.in_force()
    Ed25519PublicKey.from_public_bytes(bytes(key.public_key)).verify(keys.sign(key, b"text"), b"text")
    private = keys._unseal(key)
    assert len(private) == 32 and private not in bytes(key.sealed_private)


def test_another_secret_does_not_open_the_key(db, settings):
    key = keys.in_force()
    settings.SECRET_KEY = "x" * 60
    with pytest.raises(keys.UnableToSign):
        keys.sign(key, b"text")


def test_a_former_secret_still_opens_it(db, settings):
    key = keys.in_force()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "x" * 60
    assert keys.sign(key, b"text")


def test_a_sealed_key_cannot_be_moved_to_another_row(db):
    first, second = keys.in_force(), SigningKey(public_key=b"p" * 32)
    second.sealed_private = first.sealed_private
    with pytest.raises(keys.UnableToSign):
        keys.sign(second, b"text")


def test_one_key_is_in_force_however_many_ask_first(committed):
    def ask(_: int) -> str:
        with transaction.atomic():
            return str(keys.in_force().id)

    assert len(set(factories.at_once(8, ask))) == 1
    assert SigningKey.objects.filter(retired_at=None).count() == 1


def test_a_change_of_keys_is_a_leaf_and_a_checkpoint_of_every_log(db):
    first, second = making.settle_many(2), making.settle_many(1)
    making.sequence(first), making.sequence(second)
    old = Log.objects.get(workspace_id=first).signing_key
    assert rotate() == []
    for workspace_id, size in ((first, 2), (second, 1)):
        log = Log.objects.select_related("signing_key", "first_key").get(workspace_id=workspace_id)
        assert (log.size, log.first_key, log.signing_key.retired_at) == (size + 1, old, None)
        leaf = LogLeaf.objects.get(log=log)
        assert (leaf.type, leaf.leaf_index) == ("key-rotation", size)
        assert Checkpoint.objects.get(log=log).size == size + 1
    entry = AuditEntry.objects.filter(action="receipts.key_rotated").latest("id")
    assert entry.data == {"reason": "routine", "retired": str(old.id)}


def test_a_retired_key_loses_its_private_part_when_no_log_needs_it(db):
    making.sequence(making.settle_many(1))
    old = SigningKey.objects.get(retired_at=None)
    rotate()
    old.refresh_from_db()
    assert old.sealed_private is None and old.retired_reason == "routine"


def test_a_log_that_could_not_follow_does_so_before_it_is_written_next(db, monkeypatch):
    slow, quick = making.settle_many(1), making.settle_many(1)
    making.sequence(slow), making.sequence(quick)
    slow_log = Log.objects.get(workspace_id=slow)
    adopt = sequencer._adopt_key

    def fail_one(log):
        if log.id == slow_log.id:
            raise OperationalError("killed")
        adopt(log)

    with monkeypatch.context() as patch:
        patch.setattr(sequencer, "_adopt_key", fail_one)
        assert rotate() == [slow_log]
    old = SigningKey.objects.get(id=slow_log.signing_key_id)
    assert old.retired_at and old.sealed_private, "it must still sign the change"
    making.settle(slow)
    making.sequence(slow)
    slow_log.refresh_from_db()
    assert slow_log.size == 3 and slow_log.signing_key.retired_at is None
    assert LogLeaf.objects.get(log=slow_log).leaf_index == 1
    keys.destroy_unused()
    old.refresh_from_db()
    assert old.sealed_private is None


def test_the_command_rotates(db, capsys):
    making.sequence(making.settle_many(1))
    call_command("rotate_receipt_key", "--compromised")
    assert "in force in every log" in capsys.readouterr().out
    assert SigningKey.objects.filter(retired_reason="compromised").count() == 1
    assert SigningKey.objects.filter(retired_at=None).count() == 1


def test_numbering_goes_on_while_the_key_cannot_be_opened(db, settings):
    workspace_id = making.settle_many(2)
    making.sequence(workspace_id)
    settings.SECRET_KEY = "x" * 60
    making.settle(workspace_id)
    assert making.sequence(workspace_id) == 1
    with pytest.raises(keys.UnableToSign):
        services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
