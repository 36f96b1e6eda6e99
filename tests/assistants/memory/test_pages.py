"""The pages of memory: everything can be read, changed and lost by whose it is, and by nobody else."""

import pytest
from django.utils import timezone

from assistants.memory import forgetting, services
from assistants.models import MemoryItem, MemoryRefusal
from tests.factories import answer, ask


@pytest.fixture
def item(in_acme, member):
    turn = ask(member.member, "I use Helix.")
    answer(turn.run, "Noted.")
    return services.remember(
        member=member.member,
        layer="semantic",
        text="My editor is Helix.",
        slot="editor",
        source_message=turn.question,
    )


@pytest.fixture
def page(in_acme, member):
    return member.browser()


def test_an_item_leads_to_its_source_and_its_history(page, item, member):
    newer = services.edit(member=member.member, item=item, text="My editor is Zed.")
    body = page.get(f"/w/acme/memory/{newer.id}/").content.decode()
    source = f"/w/acme/chat/{item.source_conversation_id}/?at={item.source_message_id}#message-{item.source_message_id}"
    assert f'href="{source}"' in body
    assert "My editor is Helix." in body, "its history"
    assert "My editor is Zed." in page.get("/w/acme/memory/?layer=semantic").content.decode()


def test_a_statement_is_written_and_a_refused_one_comes_back_filled(page, item):
    kept = page.post("/w/acme/memory/", {"layer": "semantic", "text": "I like tea."})
    assert (kept.status_code, kept["Location"]) == (302, "/w/acme/memory/?layer=semantic")
    refused = page.post("/w/acme/memory/", {"layer": "semantic", "text": "My password is hunter2"})
    assert refused.status_code == 422
    assert "My password is hunter2" in refused.content.decode()
    assert services.SecretNotKept.message in refused.content.decode()
    assert set(MemoryItem.objects.values_list("text", flat=True)) == {"My editor is Helix.", "I like tea."}


def test_forgetting_forbidding_and_allowing_again(page, item):
    assert page.post(f"/w/acme/memory/{item.id}/delete/", {"forbid": "1"}).status_code == 302
    assert MemoryItem.objects.count() == 0
    refusal = MemoryRefusal.objects.get()
    assert "My editor is Helix." in page.get("/w/acme/memory/").content.decode()
    page.post(f"/w/acme/memory/refusals/{refusal.id}/lift/")
    assert MemoryRefusal.objects.count() == 0


def test_another_lifts_no_refusal(page, item, owner):
    page.post(f"/w/acme/memory/{item.id}/delete/", {"forbid": "1"})
    lifted = owner.browser().post(f"/w/acme/memory/refusals/{MemoryRefusal.objects.get().id}/lift/")
    assert lifted.status_code == 404
    assert MemoryRefusal.objects.count() == 1


def test_today_is_forgotten(page, item):
    page.post("/w/acme/memory/forget-day/", {"day": timezone.localdate().isoformat()})
    assert MemoryItem.objects.count() == 0


@pytest.mark.parametrize("day", ["", "yesterday", "2999-01-01"])
def test_a_day_that_is_none_is_refused(page, item, day):
    assert page.post("/w/acme/memory/forget-day/", {"day": day}).status_code == 422
    assert MemoryItem.objects.count() == 1


def test_the_graph_is_drawn_and_told(page, item, member, owner):
    services.relate(item=item, subject="Nora", predicate="uses", object="Helix")
    theirs = services.remember(member=owner.member, layer="semantic", text="Nora is a fox.")
    services.relate(item=theirs, subject="Nora", predicate="is", object="a fox")
    body = page.get("/w/acme/memory/graph/").content.decode()
    assert body.count("<circle") == 2
    assert body.count('<line class="graph-line"') == 1
    assert "fox" not in body


def test_an_answer_lists_what_it_used_to_whom_may_see_it(page, item, member, in_acme):
    turn = ask(member.member, "Which editor?")
    run = answer(turn.run, "Helix.")
    type(run).objects.filter(id=run.id).update(
        context={"used": [{"kind": "memory", "id": str(item.id), "layer": "semantic"}]}
    )
    body = page.get(f"/w/acme/chat/{turn.conversation.id}/").content.decode()
    assert "1 memory used" in body
    assert f'href="/w/acme/memory/{item.id}/"' in body
    services.delete(member=member.member, item=item)
    assert "memory used" not in page.get(f"/w/acme/chat/{turn.conversation.id}/").content.decode()


def test_two_items_and_forty_cost_the_same(page, item, member, assert_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    page.get("/w/acme/memory/")
    page.get("/w/acme/memory/")
    with CaptureQueriesContext(connection) as few:
        page.get("/w/acme/memory/")
    for number in range(40):
        services.remember(member=member.member, layer="semantic", text=f"Number {number} is mine.")
    with CaptureQueriesContext(connection) as many:
        page.get("/w/acme/memory/")
    asked = [[row["sql"] for row in each if not row["sql"].startswith("SET")] for each in (few, many)]
    assert len(asked[0]) == len(asked[1])


def test_an_erased_person_leaves_nothing(item, member, owner, in_acme):
    kept = services.remember(member=owner.member, layer="semantic", text="Ines is here.")
    services.relate(item=kept, subject="Ines", predicate="is", object="here")
    services.relate(item=item, subject="Ines", predicate="uses", object="Helix")
    forgetting.erase_person(person_id=member.user.id)
    assert list(MemoryItem.objects.values_list("text", flat=True)) == ["Ines is here."]
    from assistants.models import Entity

    assert set(Entity.objects.values_list("name", flat=True)) == {"Ines", "here"}
