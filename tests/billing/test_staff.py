"""The staff pages of billing: every table has one, and each act goes through its service."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.utils import timezone

from billing.enquiries import services as enquiries
from billing.enquiries.models import Enquiry
from billing.outcomes import tasks as outcomes_tasks
from billing.outcomes.models import Contract, Measurement
from billing.plans import queries
from billing.plans import tasks as plans_tasks
from billing.plans.models import Plan, PlanPrice
from billing.subscriptions.models import BillingAccount, BillingEvent, Grant, TrialUse
from billing.webhooks.models import Repair, WebhookEvent, WebhookRefusal
from tests.billing import contracts
from tests.staff.pages import act, latest_entry, page, reference_of, said

pytestmark = pytest.mark.django_db

FIXED = [
    "billing.plan", "billing.planprice", "billing.billingaccount", "billing.billingevent", "billing.grant",
    "billing.trialuse", "billing.webhookevent", "billing.webhookrefusal", "billing.repair", "billing.contract",
    "billing.contractmilestone", "billing.measurement", "billing.enquiry",
]  # fmt: skip
OWN_PLAN = {
    "place": "acme", "name": "Acme's own", "price": "1250.50", "interval": "month", "seats": "80",
    "limits_text": "messages month 50_000\nassistants total unlimited",
    "features_chosen": ["shared_workspace", "api_access"],
    "net_days": "30", "support": "dedicated",
}  # fmt: skip


@pytest.fixture(autouse=True)
def enqueued(monkeypatch) -> list[object]:
    """What would go to the workers."""
    found: list[object] = []
    for task in (plans_tasks.give_custom_plan, outcomes_tasks.invoice_milestone):
        monkeypatch.setattr(task, "delay", lambda **ids: found.append(ids))
    return found


def event(**fields) -> WebhookEvent:
    values = {
        "id": f"evt_{uuid4().hex}", "type": "invoice.paid", "api_version": "x", "livemode": False, "payload": {},
        "state": "failed", "occurred_at": timezone.now(), "customer_id": "cus_1",
    } | fields  # fmt: skip
    return WebhookEvent.objects.create(**values)


@pytest.fixture
def rows(acme) -> dict[str, object]:
    contract = contracts.make(acme.id)
    measurement = Measurement.objects.create(
        contract=contract, value=1, progress_bp=1, evidence="x", source="staff", measured_at=timezone.now()
    )
    account, _ = BillingAccount.objects.get_or_create(workspace_id=acme.id)
    return {
        "billing.plan": queries.get_plan("pro"),
        "billing.planprice": PlanPrice.objects.first(),
        "billing.billingaccount": account,
        "billing.billingevent": BillingEvent.objects.create(workspace_id=acme.id, kind="a.b"),
        "billing.grant": Grant.objects.create(key=f"k:{uuid4()}", workspace_id=acme.id, kind="test"),
        "billing.trialuse": TrialUse.objects.create(workspace_id=uuid4(), person_ref=uuid4(), plan_key="pro"),
        "billing.webhookevent": event(),
        "billing.webhookrefusal": WebhookRefusal.objects.create(reason="signature"),
        "billing.repair": Repair.objects.create(workspace_id=acme.id, field="status"),
        "billing.contract": contract,
        "billing.contractmilestone": contract.milestones.first(),
        "billing.measurement": measurement,
        "billing.enquiry": enquiries.create_enquiry(name="Ada", email="ada@example.test", message="Hello"),
    }


def test_every_table_of_billing_has_a_page():
    registered = {model._meta.label_lower for model in admin.site._registry}
    ours = {model._meta.label_lower for model in apps.get_app_config("billing").get_models()}
    assert ours <= registered


def test_the_mirror_is_read_and_shows_no_secret(staff):
    mirrored = {model for model in admin.site._registry if model._meta.app_label == "djstripe"}
    names = {model.__name__ for model in mirrored}
    assert {"Customer", "Subscription", "Invoice"} <= names
    assert not names & {"APIKey", "WebhookEndpoint", "WebhookEventTrigger", "Event", "IdempotencyKey"}
    client = staff.browser()
    for model in mirrored:
        assert client.get(page(model._meta.label_lower)).status_code == 200, model
        assert client.get(page(model._meta.label_lower, "add")).status_code == 403, model


def test_each_list_and_each_row_can_be_opened_and_searched(rows, staff):
    client = staff.browser()
    for name, row in rows.items():
        for query in ({}, {"q": "acme"}, {"q": str(uuid4())}):
            assert client.get(page(name), query).status_code == 200, name
        assert client.get(page(name, "change", row.pk)).status_code == 200, name


@pytest.mark.parametrize("name", FIXED)
def test_rows_are_not_changed_or_deleted_by_hand(rows, staff, name):
    client, row = staff.browser(), rows[name]
    before = type(row).objects.filter(pk=row.pk).values().get()
    assert (
        client.post(page(name, "change", row.pk), {"name": "Changed", "state": "active"}).status_code == 403
    )
    assert client.post(page(name, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert type(row).objects.filter(pk=row.pk).values().get() == before


# plans of a workspace's own


def test_staff_write_a_plan_of_a_workspace_s_own(acme, staff, enqueued, django_capture_on_commit_callbacks):
    client = staff.browser()
    assert client.get(page("billing.plan", "add")).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(page("billing.plan", "add"), OWN_PLAN).status_code == 302
    plan = Plan.objects.get(workspace_id=acme.id, is_current=True)
    assert (plan.name, plan.sale, plan.seats_included, plan.net_days) == ("Acme's own", "paid", 80, 30)
    assert plan.limits == [
        {"meter": "messages", "window": "month", "amount": 50_000},
        {"meter": "assistants", "window": "total", "amount": None},
    ]
    assert sorted(plan.features) == ["api_access", "shared_workspace"]
    price = queries.price_of(plan, "month")
    assert (price.amount_minor, price.lookup_key) == (
        125_050,
        f"steward_alin_own-{acme.id.hex[:12]}_month_v1",
    )
    assert enqueued == [{"plan_id": str(plan.id)}]
    entry = latest_entry()
    assert (entry.action, entry.actor_ref, entry.workspace_id) == (
        "plan.custom_made", reference_of(staff), acme.id,
    )  # fmt: skip


def test_the_second_one_takes_the_first_one_s_place(acme, staff):
    client = staff.browser()
    client.post(page("billing.plan", "add"), OWN_PLAN)
    client.post(page("billing.plan", "add"), OWN_PLAN | {"price": "", "name": "Given"})
    rows = Plan.objects.filter(workspace_id=acme.id).order_by("version")
    assert [(row.version, row.is_current, row.sale) for row in rows] == [
        (1, False, "paid"),
        (2, True, "unpriced"),
    ]
    assert not rows[1].prices.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"place": "nowhere"}, "There is no such workspace."),
        ({"limits_text": "smiles month 5"}, "is no limit"),
        ({"limits_text": "messages month many"}, "neither a whole number"),
        ({"limits_text": "messages month -5"}, "neither a whole number"),
        ({"limits_text": "assistants month 5"}, "limited in total"),
        ({"limits_text": "seats total 5"}, "is no limit"),
        ({"price": "0"}, "A price is more than nothing"),
        ({"features_chosen": ["api_access"]}, "needs the shared workspace"),
        ({"features_chosen": ["magic"]}, "not one of the available choices"),
        ({"net_days": "400"}, "within 90 days"),
        ({"enquiry_id": str(uuid4())}, "handled already"),
    ],
)
def test_what_cannot_be_given_is_refused_on_the_form(acme, staff, enqueued, change, words):
    response = staff.browser().post(page("billing.plan", "add"), OWN_PLAN | change)
    assert response.status_code == 200
    assert words in response.content.decode().replace("&#x27;", "'")
    assert not Plan.objects.filter(workspace_id=acme.id).exists()


def test_an_enquiry_becomes_a_plan(acme, staff):
    enquiry = enquiries.create_enquiry(name="Ada", email="ada@example.test", message="80 people", seats=80)
    client = staff.browser()
    address = f"{page('billing.plan', 'add')}?enquiry={enquiry.id}"
    assert address.replace("&", "&amp;") in client.get(page("billing.enquiry")).text
    form = client.get(address).context["adminform"].form
    assert (form["seats"].value(), form["enquiry_id"].value()) == (80, str(enquiry.id))
    assert client.get(f"{page('billing.plan', 'add')}?enquiry=nothing").status_code == 200
    client.post(address, OWN_PLAN | {"enquiry_id": str(enquiry.id)})
    enquiry.refresh_from_db()
    assert (enquiry.state, enquiry.plan) == ("sold", Plan.objects.get(workspace_id=acme.id))


def test_an_enquiry_is_closed_with_a_note(staff):
    enquiry = enquiries.create_enquiry(name="Ada", email="ada@example.test", message="Hello")
    client = staff.browser()
    assert "give a reason" in said(act(client, "billing.enquiry", "close", [enquiry], reason=""))
    assert "1 closed" in said(act(client, "billing.enquiry", "close", [enquiry], reason="Answered"))
    assert "handled already" in said(act(client, "billing.enquiry", "close", [enquiry], reason="Again"))
    enquiry.refresh_from_db()
    assert (enquiry.state, enquiry.note) == (Enquiry.State.CLOSED, "Answered")


# contracts

CONTRACT = {
    "place": "acme", "title": "Twice the visits", "goal": "traffic", "unit": "visits a month", "baseline": "10000",
    "target": "20000", "fee": "1000.01", "currency": "usd", "net_days": "14", "steps": "50:40 100:60",
}  # fmt: skip


def test_staff_draft_offer_activate_measure_and_end_a_contract(acme, staff, owner):
    from billing.outcomes import services

    client = staff.browser()
    assert client.post(page("billing.contract", "add"), CONTRACT).status_code == 302
    contract = Contract.objects.get(workspace_id=acme.id)
    steps = contract.milestones.order_by("percent").values_list("percent", "share_bp", "amount_minor")
    assert (contract.state, list(steps)) == ("draft", [(50, 4000, 40_000), (100, 6000, 60_001)])
    assert "1 offered" in said(act(client, "billing.contract", "offer", [contract]))
    assert "needs one that is accepted" in said(act(client, "billing.contract", "activate", [contract]))
    services.accept_contract(member=owner.member, contract_id=contract.id)
    assert "1 activated" in said(act(client, "billing.contract", "activate", [contract]))
    value = {
        "contract": str(contract.id), "value": "15000", "measured_at_0": "2026-03-01", "measured_at_1": "10:00:00",
        "evidence": "Counted", "evidence_url": "",
    }  # fmt: skip
    assert client.post(page("billing.measurement", "add"), value).status_code == 302
    row = contract.measurements.get()
    assert (row.value, row.source, row.recorded_by_ref) == (Decimal(15_000), "staff", reference_of(staff))
    assert contract.milestones.get(percent=50).reached_at is not None
    assert "give a reason" in said(act(client, "billing.contract", "end", [contract], reason=""))
    act(client, "billing.contract", "end", [contract], reason="Both agreed")
    contract.refresh_from_db()
    assert (contract.state, contract.end_reason) == ("ended", "Both agreed")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": "50:40 100:70"}, "must add up to 100 percent"),
        ({"steps": "half"}, "Milestones look like"),
        ({"target": "10000"}, "there is no way to go"),
        ({"fee": "0"}, "more than nothing"),
        ({"place": "nowhere"}, "There is no such workspace."),
    ],
)
def test_a_contract_that_could_not_be_kept_is_refused_on_the_form(acme, staff, change, words):
    response = staff.browser().post(page("billing.contract", "add"), CONTRACT | change)
    assert response.status_code == 200
    assert words in response.text
    assert not Contract.objects.filter(workspace_id=acme.id).exists()


def test_a_measurement_without_evidence_is_refused_on_the_form(acme, staff):
    contract = contracts.make(acme.id)
    value = {
        "contract": str(contract.id),
        "value": "15000",
        "measured_at_0": "2026-03-01",
        "measured_at_1": "10:00",
    }
    response = staff.browser().post(page("billing.measurement", "add"), value)
    assert "Say where the value comes from" in response.text
    assert not contract.measurements.exists()


# events


def test_an_event_is_replayed(staff, monkeypatch):
    from billing.webhooks import services

    seen: list[str] = []
    monkeypatch.setattr(services, "replay", lambda event_id, **_: seen.append(event_id))
    failed = event()
    assert "1 replayed" in said(act(staff.browser(), "billing.webhookevent", "replay", [failed]))
    assert seen == [failed.pk]


def test_a_customer_is_looked_at_again(acme, staff, monkeypatch):
    from billing.stripe import sync
    from billing.stripe.client import PaymentServiceUnavailable

    account, _ = BillingAccount.objects.update_or_create(
        workspace_id=acme.id, defaults={"stripe_customer_id": f"cus_{uuid4().hex}"}
    )
    monkeypatch.setattr(sync, "sync_customer", lambda customer_id, *, cause: ["status"])
    assert "status changed" in said(act(staff.browser(), "billing.billingaccount", "sync", [account]))

    def away(customer_id: str, *, cause: str) -> list[str]:
        raise PaymentServiceUnavailable()

    monkeypatch.setattr(sync, "sync_customer", away)
    words = said(act(staff.browser(), "billing.billingaccount", "sync", [account]))
    assert "cannot be reached" in words
    assert "0 looked at" in words
