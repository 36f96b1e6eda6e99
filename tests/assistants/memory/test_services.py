"""Statements are kept once; newer ones supersede; what is forbidden, deleted or somebody else's is not there."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from assistants.memory import forgetting, queries, services
from assistants.memory.services import MemoryForbidden, MemoryTextWrong, remember
from assistants.models import Entity, MemoryItem, MemoryRefusal, Relation
from config import errors
from tenants.models import AuditEntry


@pytest.fixture
def me(in_acme, member):
    return member.member


def texts(member, layer="semantic") -> list[str]:
    return [item.text for item in queries.list_items(member, layer)]


def keep(member, text, slot="", layer="semantic", **fields) -> MemoryItem:
    return remember(member=member, layer=layer, text=text, slot=slot, **fields)


def test_a_newer_statement_supersedes_the_older_of_its_slot_and_keeps_it(me):
    old = keep(me, "The database is PostgreSQL 15.", "database")
    new = keep(me, "The database is PostgreSQL 17.", "Database ")
    assert texts(me) == ["The database is PostgreSQL 17."]
    old.refresh_from_db()
    assert (old.superseded_by_id, old.superseded_at) == (new.id, new.created_at)
    assert queries.list_history(new) == [old]


@pytest.mark.parametrize(
    "again", ["I use Helix as my editor.", "As my editor I use Helix!", "i use helix as my editor"]
)
def test_the_same_in_other_order_is_kept_once(me, again):
    first = keep(me, "I use Helix as my editor.", confidence=60)
    assert keep(me, again, confidence=90) == first
    first.refresh_from_db()
    assert (texts(me), first.confidence) == (["I use Helix as my editor."], 90)


def test_statements_that_differ_in_a_number_differ(me):
    keep(me, "The limit is 10 euros a day.")
    keep(me, "The limit is 20 euros a day.")
    assert len(texts(me)) == 2


def test_what_is_forbidden_is_gone_and_never_kept_again(me):
    item = keep(me, "I have an interview at Brightwater.")
    services.forbid(member=me, item=item)
    for text in ("I have an interview at Brightwater.", "An interview at Brightwater have I on Monday."):
        with pytest.raises(MemoryForbidden):
            keep(me, text)
    assert texts(me) == []
    keep(me, "Brightwater is a company.")
    services.allow_again(member=me, refusal_id=MemoryRefusal.objects.get().id)
    assert keep(me, "I have an interview at Brightwater.").text in texts(me)


def test_another_person_sees_and_changes_nothing(me, owner):
    item = keep(me, "My knee hurts.")
    assert texts(owner.member) == []
    with pytest.raises(errors.NotFound):
        queries.access_item(owner.member, item.id)
    for act in (
        lambda: services.edit(member=owner.member, item=item, text="x"),
        lambda: services.pin(member=owner.member, item=item, is_pinned=True),
        lambda: services.delete(member=owner.member, item=item),
        lambda: services.forbid(member=owner.member, item=item),
    ):
        with pytest.raises(errors.NotFound):
            act()
    assert texts(me) == ["My knee hurts."]
    assert MemoryItem.objects.filter(layer="semantic").count() == 1, (
        "the control: without the rule it is found"
    )


def test_shared_layer_is_for_all_and_its_admins_alone_curate_it(me, owner):
    with pytest.raises(errors.Forbidden):
        keep(me, "Invoices are paid on the 5th.", layer="shared")
    item = keep(owner.member, "Invoices are paid on the 5th.", layer="shared")
    assert texts(me, "shared") == ["Invoices are paid on the 5th."]
    with pytest.raises(errors.Forbidden):
        services.delete(member=me, item=item)
    services.edit(member=owner.member, item=item, text="Invoices are paid on the 6th.")
    services.delete(member=owner.member, item=queries.list_items(owner.member, "shared")[0])
    actions = (
        AuditEntry.objects.filter(action__startswith="memory.")
        .order_by("id")
        .values_list("action", flat=True)
    )
    assert list(actions) == ["memory.shared", "memory.shared_edited", "memory.shared_deleted"]
    assert MemoryItem.objects.count() == 0, "with its history"


def test_a_day_is_forgotten_and_what_it_replaced_is_true_again(me):
    keep(me, "The offsite is in the Harz.", "offsite")
    MemoryItem.objects.update(created_at=timezone.now() - timedelta(days=3))
    keep(me, "The offsite is on Rügen.", "offsite")
    keep(me, "I bought a kite.")
    assert forgetting.forget_day(member=me, day=timezone.now().date()) == 2
    assert texts(me) == ["The offsite is in the Harz."]


def test_pinned_ones_come_first(me):
    first = keep(me, "One thing.")
    keep(me, "Quite another matter.")
    services.pin(member=me, item=first, is_pinned=True)
    assert texts(me) == ["One thing.", "Quite another matter."]


@pytest.mark.parametrize("text", ["", " \n ", "x" * 1_001])
def test_a_statement_has_a_length(me, text):
    with pytest.raises(MemoryTextWrong):
        keep(me, text)


def test_entities_merge_and_edges_are_seen_with_their_statement_alone(me, owner):
    mine = keep(me, "Ines owns the contract with Quillpay.")
    theirs = keep(owner.member, "Quillpay is for sale.")
    services.relate(item=mine, subject="Ines", predicate="owns the contract with", object="Quillpay")
    services.relate(item=theirs, subject="quillpay", predicate="is for", object="sale")
    assert Entity.objects.count() == 3
    edges = queries.neighbours(person_id=me.user_id, text="Whom do I ask about Quillpay?")
    assert [(edge.subject.name, edge.predicate, edge.object.name) for edge in edges] == [
        ("Ines", "owns the contract with", "Quillpay")
    ]
    assert Relation.objects.count() == 2, "the control: the other edge touches the same entity"
    services.delete(member=me, item=mine)
    assert set(Entity.objects.values_list("name", flat=True)) == {"Quillpay", "sale"}


def test_switch_of_a_person_an_assistant_and_a_conversation(me):
    from assistants.models import Assistant, Conversation

    def is_on(assistant=None, conversation=None) -> bool:
        return queries.is_on(person_id=me.user_id, assistant=assistant, conversation=conversation)

    assert is_on(Assistant(), Conversation())
    assert not is_on(Assistant(uses_memory=False), Conversation())
    assert not is_on(Assistant(), Conversation(uses_memory=False))
    assert not is_on(Assistant(), Conversation(is_temporary=True))
    services.switch(member=me, is_on=False)
    assert not is_on(Assistant(), Conversation())
    services.switch(member=me, is_on=True)
    assert is_on(Assistant(), Conversation())
    assert queries.is_on(person_id=uuid4(), assistant=None, conversation=None)
