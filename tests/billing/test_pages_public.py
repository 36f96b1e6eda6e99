"""What can be bought, for everybody, and the form to ask for something else."""

import re

import pytest
from django.core.cache import caches
from django.utils import timezone

from billing.catalogues import catalogue as catalogues
from billing.deals import services as deals
from billing.enquiries.models import Enquiry
from billing.plans import services as plan_services
from billing.presenters import plans as presenters
from billing.views import public
from tests import factories

pytestmark = pytest.mark.django_db
ENQUIRY = {
    "name": "Ada",
    "email": "ada@example.test",
    "company": "Looms",
    "seats": "40",
    "message": "Net 30?",
}


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def catalogue(settings):
    def choose(name: str):
        settings.PLAN_CATALOGUE = name
        plan_services.sync_plans(local=True, catalogue=name, write=lambda line: None)
        return catalogues.get(name)

    return choose


@pytest.mark.parametrize("name", catalogues.list_names())
def test_every_tier_and_every_feature_of_a_catalogue_is_shown(catalogue, name):
    chosen = catalogue(name)
    page = text(factories.browser().get("/pricing/"))
    cards = re.findall(r'<h2 class="plan-name">([^<]+)</h2>', page)
    assert cards == [plan.name for plan in chosen.plans]
    for plan in chosen.plans:
        for key in plan.features:
            assert f'<th scope="row">{chosen.features[key].label.replace("&", "&amp;")}' in page
    planned = any(not spec.is_offered for spec in chosen.features.values())
    assert ("“Planned” is not there yet" in page) == planned


def test_what_is_planned_is_never_shown_as_included(catalogue):
    chosen = catalogue("alin")
    page = text(factories.browser().get("/pricing/"))
    for spec in chosen.features.values():
        row = page.split(f'<th scope="row">{spec.label}')[1].split("</tr>")[0]
        assert ("Planned" in row) == (not spec.is_offered), spec.key
        assert ("Included" in row) == spec.is_offered, spec.key
    assert "Planned" in page.split("Websites a month")[1].split("</th>")[0]
    assert "Planned" not in page.split("Images a month")[1].split("</th>")[0]


def test_yearly_prices_and_the_saving_by_a_link_without_scripts():
    month, year = (text(factories.browser().get(f"/pricing/?interval={name}")) for name in ("month", "year"))
    assert "<strong>$20</strong>" in month and "<strong>$200</strong>" in year
    assert "You save $40." in year and "You save" not in month
    assert "save up to $100" in month
    assert '<a href="?interval=year" aria-current="true">' in year
    assert '<a href="?interval=month" aria-current="true">' in text(
        factories.browser().get("/pricing/?interval=x")
    )


def test_a_catalogue_without_yearly_prices_has_no_switch(catalogue):
    catalogue("ai-mentor")
    assert "interval-switch" not in text(factories.browser().get("/pricing/"))


def test_tier_without_a_price_says_so_and_leads_to_the_form(catalogue):
    catalogue("alwrity")
    page = text(factories.browser().get("/pricing/"))
    assert "No price yet" in page
    assert 'href="/enquiry/?plan=basic">Ask us' in page
    assert "We are interested in Basic Alpha" in text(factories.browser().get("/enquiry/?plan=basic"))


def test_buttons_lead_visitors_to_sign_up_and_owners_to_the_choice_of_their_workspace(owner):
    visitor = text(factories.browser().get("/pricing/"))
    assert 'href="/accounts/signup/">Sign up' in visitor and "/w/" not in visitor
    page = text(owner.browser().get("/pricing/?interval=year"))
    assert 'href="/w/acme/billing/plans/?plan=pro&amp;interval=year">Choose for Acme' in page
    assert 'href="/enquiry/?plan=enterprise">Talk to us' in page


def test_who_owns_no_workspace_is_led_to_sign_up(member):
    assert "/billing/plans/" not in text(member.browser().get("/pricing/"))


def test_deal_says_how_many_are_left_and_when_all_are_gone(owner, acme, monkeypatch):
    assert '<strong class="number">100</strong> of 100 left.' in text(factories.browser().get("/pricing/"))
    deals.reserve(workspace_id=acme.id, deal_key="beta", now=timezone.now())
    page = text(owner.browser().get("/pricing/"))
    assert '<strong class="number">99</strong> of 100 left.' in page
    assert 'href="/w/acme/billing/plans/?deal=beta"' in page
    monkeypatch.setattr(public.deals, "count_remaining", lambda key: 0)
    page = text(owner.browser().get("/pricing/"))
    assert "All 100 are sold." in page and "deal=beta" not in page


@pytest.mark.parametrize("notice", ["", "Test payments"])
def test_notice_of_payments_is_shown_when_there_is_one(settings, notice):
    settings.PAYMENTS_NOTICE = notice
    assert ("payments-note" in text(factories.browser().get("/pricing/"))) == bool(notice)


def test_pricing_is_linked_from_the_landing_page_its_header_and_footer():
    assert text(factories.browser().get("/")).count('href="/pricing/"') == 3


def test_pricing_costs_few_queries(assert_queries):
    client = factories.browser()
    client.get("/pricing/")
    with assert_queries(3):  # plans, their prices, how many of the deal are left
        client.get("/pricing/")


def test_limit_texts():
    say = presenters.limit_text
    assert say({"meter": "messages", "window": "month", "amount": 1}) == "1 message a month"
    assert say({"meter": "messages", "window": "day", "amount": None}) == "Unlimited messages a day"
    assert say({"meter": "cost_micro", "window": "month", "amount": 5_000_000}) == "$5.00 of AI spend a month"
    assert say({"meter": "stored_bytes", "window": "total", "amount": 2 * 10**9}) == "2 GB of storage"
    assert say({"meter": "assistants", "window": "total", "amount": 3}) == "3 assistants"


# the form


def test_enquiry_is_taken_in_with_the_workspace_of_who_asks(owner, acme):
    response = owner.browser().post("/enquiry/", ENQUIRY)
    assert response.status_code == 200 and "to ada@example.test" in text(response)
    row = Enquiry.objects.get()
    assert (row.name, row.email, row.company, row.seats, row.message, row.workspace_id) == (
        "Ada", "ada@example.test", "Looms", 40, "Net 30?", acme.id,
    )  # fmt: skip


def test_enquiry_of_a_visitor_needs_name_address_and_message():
    client = factories.browser()
    assert client.post("/enquiry/", ENQUIRY | {"email": "ada"}).status_code == 422
    assert client.post("/enquiry/", {**ENQUIRY, "message": " "}).status_code == 422
    assert not Enquiry.objects.exists()
    assert client.post("/enquiry/", ENQUIRY | {"company": "", "seats": ""}).status_code == 200
    assert Enquiry.objects.get().workspace_id is None


def test_known_person_need_not_type_their_address(owner):
    page = text(owner.browser().get("/enquiry/"))
    assert 'value="owner@acme.test"' in page


def test_sixth_enquiry_of_an_address_within_the_hour_is_refused_and_others_are_not():
    client, other = factories.browser(), factories.browser()
    for _ in range(5):
        assert client.post("/enquiry/", ENQUIRY).status_code == 200
    refused = client.post("/enquiry/", ENQUIRY)
    assert refused.status_code == 429 and "Please try again later" in text(refused)
    assert Enquiry.objects.count() == 5
    assert other.post("/enquiry/", ENQUIRY).status_code == 200
    assert client.get("/enquiry/").status_code == 200


def test_what_was_mistyped_does_not_count():
    client = factories.browser()
    for _ in range(8):
        assert client.post("/enquiry/", {}).status_code == 422
    assert client.post("/enquiry/", ENQUIRY).status_code == 200


def test_brake_counts_in_a_cache_that_belongs_to_no_workspace(in_acme):
    """The control: the default cache has another key inside a workspace."""
    assert caches["shared"].make_key("x") == "shared:1:x"
    assert in_acme.schema_name in caches["default"].make_key("x")
