"""The registry of personal data: no model is forgotten, and what it says of each can be done."""

from contextlib import nullcontext

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.models import QuerySet

from config import personal
from config.personal import Exported, NotPersonal, Subject, deleted, emptied, kept
from tenants.scope import workspace_scope
from tests import factories

pytestmark = pytest.mark.django_db

SECRETS = {
    "password", "key_hash", "token", "token_secret", "secret", "sealed_private", "session_data", "session_key", "salt",
    "proof", "private_key",
}  # fmt: skip
SEALED = {"tenants.AuditEntry"}
"""Of what is sealed an export shows what can be opened, under another name."""


def test_every_installed_model_is_classed():
    assert personal.unclassed() == []


def test_a_model_that_nobody_classed_is_found():
    class Diary(models.Model):
        class Meta:
            app_label = "usage"
            managed = False

    try:
        assert personal.unclassed([Diary]) == ["usage.Diary"]
    finally:
        del apps.all_models["usage"]["diary"]
        apps.clear_cache()


def test_what_is_classed_exists():
    for holding in personal.all_holdings():
        assert apps.get_model(holding.model) is not None


def test_a_model_is_classed_once():
    with pytest.raises(ValueError, match=r"accounts\.User is classed twice"):
        personal.register([NotPersonal("accounts.User", "A second opinion.")])


def test_a_part_says_what_happens_to_it():
    rows = QuerySet[models.Model]
    with pytest.raises(ValueError, match="says why"):
        kept(rows, "")
    with pytest.raises(ValueError, match="which fields"):
        emptied(rows)
    with pytest.raises(ValueError, match="NotPersonal"):
        Exported("usage.Price", "Prices", ("id",))


def _parts():
    for item in personal.exported():
        for side in ("person", "workspace"):
            if getattr(item, side) is not None:
                yield pytest.param(item, side, id=f"{item.model}-{side}")


@pytest.mark.parametrize(("item", "side"), _parts())
def test_each_part_can_be_read_and_shows_no_secret(acme, owner, item, side):
    ref = owner.user.person_reference.ref
    subject = Subject(owner.user.id, ref, (owner.user.email,), ("Somebody",))
    whose = subject if side == "person" else acme.id
    with workspace_scope(acme.id) if personal.lives_in_schema(item) else nullcontext():
        list(getattr(item, side).rows(whose).values(*item.fields)[:3])
    shown = {name.rsplit("__", 1)[-1] for name in item.fields}
    assert not shown & SECRETS
    assert "sealed" not in shown or item.model in SEALED


def test_erasing_a_person_deletes_their_rows_and_leaves_the_others():
    user, other = factories.make_user(display_name="Ada"), factories.make_user(display_name="Bob")
    subject = Subject(user.id, None, (user.email,), ("Ada",))
    done = personal.erase_person(subject)
    assert done["account.EmailAddress"] == 1
    assert not user.emailaddress_set.exists()
    assert other.emailaddress_set.count() == 1
    assert personal.erase_person(subject)["account.EmailAddress"] == 0
    assert connection.schema_name == "public"


def test_what_erases_itself_does_so_in_a_transaction():
    seen = []
    part = deleted(lambda _: None, erase=lambda _: seen.append(connection.in_atomic_block) or 3)
    assert personal._erase(part, None) == 3
    assert seen == [True]
