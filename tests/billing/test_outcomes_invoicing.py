"""The invoice of a milestone: one, however often and wherever making it broke off."""

from decimal import Decimal

import pytest

from billing.outcomes import invoicing, services, tasks
from billing.outcomes.models import ContractMilestone
from billing.outcomes.services import Evidence
from billing.stripe.client import PaymentServiceUnavailable, get_client
from billing.subscriptions.models import BillingAccount, BillingEvent
from tenants import audit
from tests import factories
from tests.billing import contracts

pytestmark = pytest.mark.usefixtures("stripe_sim")


@pytest.fixture
def workers(monkeypatch) -> None:
    """Tests invoice themselves."""
    monkeypatch.setattr(tasks.invoice_milestone, "delay", lambda **ids: None)


def reach(workspace, value: int = 12_500, **terms) -> list[ContractMilestone]:
    """The milestones that a value reached."""
    contract = contracts.make(workspace.id, **terms)
    services.measure_as_staff(
        contract_id=contract.id, value=Decimal(value), evidence=Evidence("Counted"), actor=audit.SYSTEM
    )
    return list(contract.milestones.filter(reached_at__isnull=False).order_by("percent"))


def invoices_of(workspace) -> list:
    customer = BillingAccount.objects.get(workspace_id=workspace.id).stripe_customer_id
    return get_client().v1.invoices.list(params={"customer": customer, "limit": 100}).data


@pytest.mark.django_db
@pytest.mark.usefixtures("workers")
class TestOne:
    def test_an_invoice_with_one_line_is_mailed_with_its_term(self, globex):
        (milestone,) = reach(globex)
        invoice_id = invoicing.invoice(milestone.pk)
        (invoice,) = invoices_of(globex)
        assert (invoice.id, invoice.status, invoice.total) == (invoice_id, "open", 25_000)
        assert invoice.collection_method == "send_invoice"
        (line,) = invoice.lines.data
        assert (line.amount, line.description) == (
            25_000, "Twice the visits: 25 % of the way to 20000 visits a month",
        )  # fmt: skip
        milestone.refresh_from_db()
        assert milestone.stripe_invoice_id == invoice_id
        assert milestone.invoiced_at is not None
        event = BillingEvent.objects.get(workspace_id=globex.id, kind="contract.milestone_invoiced")
        assert (event.cause, event.data["amount"], event.data["percent"]) == (invoice_id, "$250.00", 25)

    def test_again_is_nothing_new(self, globex):
        (milestone,) = reach(globex)
        assert invoicing.invoice(milestone.pk) == invoicing.invoice(milestone.pk)
        ContractMilestone.objects.filter(pk=milestone.pk).update(invoiced_at=None, stripe_invoice_id="")
        invoicing.invoice(milestone.pk)
        assert len(invoices_of(globex)) == 1

    def test_without_days_to_pay_the_payment_method_is_charged(self, globex):
        (milestone,) = reach(globex, net_days=0)
        invoicing.invoice(milestone.pk)
        (invoice,) = invoices_of(globex)
        assert (invoice.collection_method, invoice.auto_advance) == ("charge_automatically", True)

    def test_each_milestone_has_an_invoice_of_its_own(self, globex):
        for milestone in reach(globex, 20_000, fee_minor=100_001):
            invoicing.invoice(milestone.pk)
        assert sorted(invoice.total for invoice in invoices_of(globex)) == [25_000, 25_000, 25_000, 25_001]

    def test_what_is_not_reached_is_not_invoiced(self, globex):
        contract = contracts.make(globex.id)
        assert invoicing.invoice(contract.milestones.order_by("percent")[0].pk) == ""

    @pytest.mark.parametrize("step", ["_add_item", "_note", "finalize"])
    def test_a_broken_try_is_finished_by_the_next_one(self, globex, monkeypatch, step):
        (milestone,) = reach(globex)

        def away(*args, **kwargs):
            raise PaymentServiceUnavailable()

        with monkeypatch.context() as broken:
            if step == "finalize":
                invoices = type(get_client().v1.invoices)
                broken.setattr(invoices, "finalize_invoice", away)
            else:
                broken.setattr(invoicing, step, away)
            with pytest.raises(PaymentServiceUnavailable):
                invoicing.invoice(milestone.pk)
        invoicing.invoice(milestone.pk)
        (invoice,) = invoices_of(globex)
        assert (invoice.status, invoice.total, len(invoice.lines.data)) == ("open", 25_000, 1)

    def test_a_lost_answer_is_found_also_when_its_key_is_forgotten(self, globex, monkeypatch):
        (milestone,) = reach(globex)
        create = invoicing._create

        def loses_its_answer(customer, contract, milestone):
            create(customer, contract, milestone)
            raise PaymentServiceUnavailable()

        with monkeypatch.context() as broken:
            broken.setattr(invoicing, "_create", loses_its_answer)
            with pytest.raises(PaymentServiceUnavailable):
                invoicing.invoice(milestone.pk)
        monkeypatch.setattr(invoicing, "_create", _never)
        invoicing.invoice(milestone.pk)
        assert [invoice.total for invoice in invoices_of(globex)] == [25_000]


def _never(*args, **kwargs):
    raise AssertionError("a second invoice")


@pytest.mark.usefixtures("workers")
def test_four_workers_at_once_make_one_invoice(committed, globex):
    (milestone,) = reach(globex)
    results = factories.at_once(4, lambda _: invoicing.invoice(milestone.pk))
    mine = [row for row in invoices_of(globex) if row.metadata.to_dict()["milestone"] == str(milestone.pk)]
    assert len(mine) == 1
    assert {result for result in results if isinstance(result, str)} == {mine[0].id}
    assert (mine[0].total, len(mine[0].lines.data)) == (25_000, 1)
