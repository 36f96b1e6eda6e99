"""A workspace limits its own people, assistants and keys on a page; notices of crossed lines are banners."""

import html
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import ApiKey
from tenants import audit
from tenants.models import AuditEntry
from tests import factories
from usage import banners
from usage.limits import mails, services
from usage.limits.models import NoticeDismissal
from usage.limits.services import LimitSpec
from usage.models import Limit, QuotaNotice

PAGE = "/w/acme/usage/limits/"


def form(subject: str, **fields) -> dict:
    return {"subject": subject, "meter": "messages", "window": "day", "amount": "5"} | fields


def person(someone) -> str:
    return f"person:{someone.member.person_ref}"


def own(acme):
    return Limit.objects.filter(workspace_id=acme.id, source="workspace")


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_owner_and_admin_limit_a_person(request, db, acme, member, role):
    actor = request.getfixturevalue(role)
    response = actor.browser().post(PAGE, form(person(member)), follow=True)
    assert response.status_code == 200
    row = own(acme).get()
    assert (row.subject_kind, row.subject_id, row.meter, row.window, row.amount) == (
        "person", str(member.member.person_ref), "messages", "day", 5,
    )  # fmt: skip
    entry = AuditEntry.objects.filter(action="limit.set", target_id=str(row.pk)).get()
    assert entry.actor_ref == actor.member.person_ref
    assert member.user.name in response.content.decode()


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_others_may_not_look_or_set(request, db, acme, member, role):
    client = request.getfixturevalue(role).browser()
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, form(person(member))).status_code == 403
    assert not own(acme).exists()


def test_money_is_given_in_whole_units_and_audio_in_seconds(db, acme, owner, member):
    client = owner.browser()
    client.post(PAGE, form(person(member), meter="cost_micro", amount="25"))
    client.post(PAGE, form(person(member), meter="cost_micro", window="month", amount="2.50"))
    client.post(PAGE, form(person(member), meter="audio_in_ms", amount="90"))
    assert set(own(acme).values_list("meter", "amount", "block_percent")) == {
        ("cost_micro", 25_000_000, 95), ("cost_micro", 2_500_000, 95), ("audio_in_ms", 90_000, 100),
    }  # fmt: skip


def test_change_opens_the_form_filled_with_what_it_is_for(db, acme, owner, member):
    client = owner.browser()
    client.post(PAGE, form(person(member)))
    page = client.get(PAGE).content.decode()
    link = re.search(r'href="([^"]*\?subject=[^"]*)"', page)
    filled = client.get(html.unescape(link[1])).content.decode()
    assert f'value="{person(member)}" selected' in filled
    assert 'value="messages" selected' in filled and 'value="day" selected' in filled


def test_keys_and_assistants_of_the_workspace_are_offered(db, acme, owner, in_acme):
    assistant = factories.make_assistant(owner.member, "Reviewer")
    factories.make_key(owner.member)
    key = ApiKey.objects.filter(membership_id=owner.member.membership_id).first()
    client = owner.browser()
    for subject in (f"assistant:{assistant.id}", f"api_key:{key.id}"):
        assert client.post(PAGE, form(subject)).status_code == 302
    assert sorted(own(acme).values_list("subject_kind", flat=True)) == ["api_key", "assistant"]


@pytest.mark.parametrize(
    "change", [{"amount": "-1"}, {"amount": ""}, {"amount": "2.50"}, {"meter": "seats"}, {"window": "hour"}]
)
def test_strange_values_are_explained_and_change_nothing(db, acme, owner, member, change):
    response = owner.browser().post(PAGE, form(person(member), **change))
    assert response.status_code == 422
    assert b"field-error" in response.content
    assert not own(acme).exists()


def test_subjects_of_other_workspaces_do_not_pass(db, acme, owner, globex_owner):
    client = owner.browser()
    for subject in (
        person(globex_owner),
        f"assistant:{uuid4()}",
        f"api_key:{uuid4()}",
        "workspace:",
        "platform:",
    ):
        assert client.post(PAGE, form(subject)).status_code == 422
    assert not own(acme).exists()


def test_what_staff_or_a_keys_maker_set_is_not_replaced(db, acme, owner, member):
    spec = LimitSpec("messages", "day", 3, subject_kind="person", subject_id=str(member.member.person_ref))
    services.set_limit(workspace_id=acme.id, spec=spec, source=Limit.Source.STAFF, actor=audit.SYSTEM)
    assert owner.browser().post(PAGE, form(person(member), amount="1000")).status_code == 409
    assert Limit.objects.get(subject_id=spec.subject_id).amount == 3


def test_own_limit_can_be_removed_and_the_plans_cannot(db, acme, owner, member):
    client = owner.browser()
    client.post(PAGE, form(person(member)))
    row = own(acme).get()
    assert client.post(f"{PAGE}{row.pk}/remove/").status_code == 302
    assert not own(acme).exists()
    plan = Limit.objects.filter(workspace_id=acme.id, source="plan").first()
    assert client.post(f"{PAGE}{plan.pk}/remove/").status_code == 403
    assert Limit.objects.filter(pk=plan.pk).exists()


def test_limits_of_another_workspace_cannot_be_removed(db, acme, globex, owner):
    other = Limit.objects.filter(workspace_id=globex.id).first()
    assert owner.browser().post(f"{PAGE}{other.pk}/remove/").status_code == 404
    assert Limit.objects.filter(pk=other.pk).exists()


class TestNotices:
    @pytest.fixture
    def notice(self, db, acme):
        limit = Limit.objects.get(
            workspace_id=acme.id, meter="messages", window="day", subject_kind="workspace"
        )
        return QuotaNotice.objects.create(
            workspace_id=acme.id,
            limit=limit,
            window_start=datetime.now(UTC).date(),
            line="warn",
            used=400,
            amount=500,
        )

    def seen(self, person) -> bool:
        return "400 of 500 messages are used today." in person.browser().get("/w/acme/").content.decode()

    def test_owners_and_admins_are_told_on_every_page_and_others_are_not(
        self, notice, owner, admin, member, viewer
    ):
        assert [self.seen(person) for person in (owner, admin, member, viewer)] == [True, True, False, False]
        assert b"Messages nearly used up" in owner.browser().get("/w/acme/chat/").content

    def test_mail_says_the_same_words_as_the_page(self, notice, owner, acme, member, mailoutbox):
        member_limit = services.set_limit(
            workspace_id=acme.id,
            spec=LimitSpec("cost_micro", "month", 5_000_000, "person", str(member.member.person_ref)),
            source="staff",
            actor=audit.SYSTEM,
        )
        QuotaNotice.objects.create(
            workspace_id=acme.id, limit=member_limit, window_start=notice.window_start.replace(day=1), line="block",
            used=4_900_000, amount=5_000_000,
        )  # fmt: skip
        mails.send_due()
        sent = next(mail for mail in mailoutbox if "spend used up" in mail.subject)
        text = sent.body.split("\n")[0]
        assert text.startswith(
            f"$4.90 of $5.00 of {member.user.name} are spent this month. New answers that need more are refused until "
            "it begins anew or is raised. It begins anew on 1 "
        )
        assert text.endswith("It can be raised by an administrator of the workspace.")
        assert text in owner.browser().get("/w/acme/").content.decode()

    def test_dismissed_by_one_and_still_told_to_the_other(self, notice, owner, admin):
        response = owner.browser().post(
            f"/w/acme/usage/notices/{notice.pk}/dismiss/",
            headers={"Referer": "http://127.0.0.1:8000/w/acme/chat/"},
        )
        assert (response.status_code, response["Location"]) == (302, "http://127.0.0.1:8000/w/acme/chat/")
        assert [self.seen(owner), self.seen(admin)] == [False, True]

    def test_dismissing_leads_nowhere_else(self, notice, owner):
        response = owner.browser().post(
            f"/w/acme/usage/notices/{notice.pk}/dismiss/", headers={"Referer": "https://evil.test/"}
        )
        assert response["Location"] == "/w/acme/usage/"

    def test_others_cannot_dismiss(self, notice, member, globex_owner):
        assert member.browser().post(f"/w/acme/usage/notices/{notice.pk}/dismiss/").status_code == 403
        url = f"/w/globex/usage/notices/{notice.pk}/dismiss/"
        assert globex_owner.browser().post(url).status_code == 404
        assert not NoticeDismissal.objects.exists()

    def test_notice_of_a_window_that_is_over_is_not_told(self, notice, owner):
        QuotaNotice.objects.filter(pk=notice.pk).update(window_start=notice.window_start - timedelta(days=2))
        assert not self.seen(owner)

    def test_used_up_takes_the_place_of_nearly(self, notice, owner, acme):
        QuotaNotice.objects.create(
            workspace_id=acme.id, limit=notice.limit, window_start=notice.window_start, line="block", used=500,
            amount=500,
        )  # fmt: skip
        page = owner.browser().get("/w/acme/").content.decode()
        assert "Messages used up" in page and "nearly" not in page

    def test_without_anything_to_tell_a_page_asks_once(self, db, acme, owner, assert_queries):
        with assert_queries(1):
            assert banners.list_banners(owner.member, acme, now=timezone.now()) == []

    def test_many_notices_cost_the_same(self, notice, owner, acme, assert_queries):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        client = owner.browser()
        client.get("/w/acme/usage/stops/")  # what is kept for a while is read
        counts = []
        for rows in (1, 20):
            for _ in range(rows):
                spec = LimitSpec("messages", "day", 5, subject_kind="person", subject_id=str(uuid4()))
                limit = services.set_limit(
                    workspace_id=acme.id, spec=spec, source="staff", actor=audit.SYSTEM
                )
                QuotaNotice.objects.create(
                    workspace_id=acme.id,
                    limit=limit,
                    window_start=notice.window_start,
                    line="warn",
                    used=4,
                    amount=5,
                )
            with CaptureQueriesContext(connection) as captured:
                client.get("/w/acme/usage/stops/")
            counts.append(len(captured))
        assert counts[0] == counts[1]
