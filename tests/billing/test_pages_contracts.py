"""Contracts and referrals as pages: how far, what is due, and values noted with where they come from."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.outcomes import services
from billing.outcomes.models import Contract, Measurement
from billing.presenters import contracts as presenters
from billing.referrals import links
from billing.referrals.models import Referral
from tests import factories
from tests.billing import contracts
from tests.test_queries import assert_alike, count

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/billing/contracts/"
VALUE = {"value": "15000", "evidence": "Search console, March"}


def text(response) -> str:
    return " ".join(response.content.decode().split())


def measure(owner, contract, value: str, *, days_ago: int = 0):
    return services.measure(
        member=owner.member, contract_id=contract.id, value=Decimal(value), evidence=services.Evidence("By hand", ""),
        source="page", measured_at=datetime.now(UTC) - timedelta(days=days_ago),
    )  # fmt: skip


def test_contract_shows_way_milestones_and_what_is_due(acme, owner):
    contract = contracts.make(acme.id, "Twice the visits")
    measure(owner, contract, "15200")
    page = text(owner.browser().get(f"{PAGE}{contract.id}/"))
    assert "More traffic: From 10,000 to 20,000 visits a month." in page
    assert "15,200 visits a month" in page and "52 %" in page
    assert "of $1,000.00" in page and "$500.00" in page
    assert page.count("Reached, its invoice is on its way") == 2 and page.count("Not reached yet") == 2


def test_chart_goes_from_old_to_new_and_up_with_progress(acme, owner):
    contract = contracts.make(acme.id)
    for value, days_ago in (("12000", 60), ("15000", 30), ("20000", 0)):
        measure(owner, contract, value, days_ago=days_ago)
    from billing.outcomes import queries

    chart = presenters.view(queries.access_contract(owner.member, contract.id), zone="UTC").chart
    xs, ys = [point.x for point in chart.points], [point.y for point in chart.points]
    assert xs == sorted(xs) and ys == sorted(ys, reverse=True)
    assert (xs[0], xs[-1]) == (12, presenters.WIDTH - presenters.LABELS - 12)
    assert ys[-1] == chart.lines[-1].y, "the target is the line of 100 %"
    assert all(0 <= point.y <= chart.height for point in chart.points)


def test_owner_notes_a_value_with_evidence_and_reached_milestones_fall_due(acme, owner):
    contract = contracts.make(acme.id)
    response = owner.browser().post(f"{PAGE}{contract.id}/", VALUE)
    assert (response.status_code, response["Location"]) == (302, f"{PAGE}{contract.id}/")
    row = Measurement.objects.get()
    assert (row.value, row.evidence, row.source, row.recorded_by_ref) == (
        Decimal(15_000), "Search console, March", "page", owner.member.person_ref,
    )  # fmt: skip
    assert contract.milestones.filter(reached_at__isnull=False).count() == 2


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"value": "x", "evidence": "y"}, "Enter a number."), ({"value": "5"}, "evidence"),
        ({**VALUE, "measured_at": "2999-01-01 00:00"}, "in the future"),
        ({**VALUE, "evidence_url": "javascript:alert(1)"}, "Enter a valid URL."),
    ],
)  # fmt: skip
def test_value_that_cannot_be_noted_says_why_and_is_not(acme, owner, data, error):
    contract = contracts.make(acme.id)
    response = owner.browser().post(f"{PAGE}{contract.id}/", data)
    assert response.status_code == 422 and error in text(response)
    assert not Measurement.objects.exists()


def test_admin_sees_and_notes_nothing(acme, admin):
    contract = contracts.make(acme.id)
    client = admin.browser()
    page = text(client.get(f"{PAGE}{contract.id}/"))
    assert "Add a measured value" not in page
    assert client.post(f"{PAGE}{contract.id}/", VALUE).status_code == 403
    assert not Measurement.objects.exists()


def test_offer_is_agreed_to_by_an_owner_only(acme, owner, admin):
    contract = contracts.make(acme.id, state="offered")
    assert admin.browser().post(f"{PAGE}{contract.id}/accept/").status_code == 403
    assert Contract.objects.get(pk=contract.pk).state == "offered"
    client = owner.browser()
    assert "This is offered to you" in text(client.get(f"{PAGE}{contract.id}/"))
    assert client.post(f"{PAGE}{contract.id}/accept/").status_code == 302
    assert Contract.objects.get(pk=contract.pk).state == "accepted"


def test_drafts_and_contracts_of_others_are_not_there(acme, globex, owner):
    draft, theirs = contracts.make(acme.id, state="draft"), contracts.make(globex.id)
    client = owner.browser()
    assert "No contract" in text(client.get(PAGE))
    assert f'href="{PAGE}"' not in text(client.get("/w/acme/billing/"))
    for contract in (draft, theirs):
        assert client.get(f"{PAGE}{contract.id}/").status_code == 404
        assert client.post(f"{PAGE}{contract.id}/", VALUE).status_code == 404


def filled(rows: int):
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    owner = factories.Person(user, workspace, factories.member_of(workspace, user))
    contract = contracts.make(workspace.id)
    for number in range(rows):
        contracts.make(workspace.id, f"Another {number}")
        measure(owner, contract, str(10_000 + number))
    return owner.browser(), f"/w/{workspace.slug}/billing/contracts/", contract


@pytest.mark.parametrize("is_detail", [True, False])
def test_two_rows_and_twenty_cost_the_same(is_detail):
    counts = []
    for rows in (2, 20):
        client, url, contract = filled(rows)
        counts.append(count(client, f"{url}{contract.id}/" if is_detail else url))
    assert_alike(*counts)


# referrals

INVITING = "/w/acme/billing/referrals/"


def came(person, **fields) -> Referral:
    referee = factories.member_of(factories.make_workspace(user := factories.make_user()), user)
    return Referral.objects.create(
        referrer_ref=person.member.person_ref, referee_ref=referee.person_ref, **fields
    )


def test_everybody_has_a_link_of_their_own(owner, viewer):
    mine, theirs = (text(person.browser().get(INVITING)) for person in (owner, viewer))
    own = links.address_of(links.code_of(owner.member.person_ref))
    assert own in mine and own not in theirs
    assert "each of you gets $10 of credit" in mine


def test_who_came_is_shown_by_state_and_without_a_name(owner, member):
    came(owner, state="joined")
    came(owner, state="refused", reason="same_card")
    came(member, state="credited")
    page = text(owner.browser().get(INVITING))
    assert "Joined, no paid invoice yet" in page and "The invoice was paid with your own card." in page
    assert page.count("Person ") == 2 and "@" not in page.split("<table")[1].split("</table>")[0]


def test_where_nothing_is_credited_nobody_is_shown_a_link(owner, settings):
    settings.PLAN_CATALOGUE = "ai-mentor"
    page = text(owner.browser().get(INVITING))
    assert "/r/" not in page and "There is nothing to earn" in page
    assert "Give $10" not in text(owner.browser().get("/w/acme/billing/"))


def test_two_who_came_and_twenty_cost_the_same():
    counts = []
    for rows in (2, 20):
        user = factories.make_user()
        workspace = factories.make_workspace(user)
        person = factories.Person(user, workspace, factories.member_of(workspace, user))
        for _ in range(rows):
            came(person)
        counts.append(count(person.browser(), f"/w/{workspace.slug}/billing/referrals/"))
    assert_alike(*counts)
