"""A person is erased: what named them is found nowhere any more, and what must stay still holds.

Everything that the product keeps of a person carries one word. Before the erasure it is found in each place, so the
search afterwards means something.
"""

import json
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from accounts import services as accounts_services
from accounts.mails import services as mails
from accounts.members import services as members
from accounts.models import User
from accounts.personal_data import sessions_of
from accounts.privacy import erasing, exporting, services, subjects
from accounts.privacy.models import ErasureJob
from assistants.models import Assistant, Conversation
from assistants.runs import endings
from billing.enquiries import services as enquiries
from billing.stripe.client import get_client
from billing.subscriptions import queries
from billing.webhooks.models import WebhookEvent
from config.personal import Subject
from tenants import audit, keys, sealing
from tenants.models import AuditEntry, Workspace
from tenants.scope import get_ref, workspace_scope
from tests import canary, factories
from tests.billing import buying
from usage.models import LedgerEntry
from usage.receipts import services as receipts
from usage.receipts import verify
from usage.receipts.models import LogKind, Receipt

pytestmark = pytest.mark.usefixtures("committed")
Role = factories.Role


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"


class Traces:
    """A person who has left their word everywhere."""

    def __init__(self, sim) -> None:
        self.word = canary.new_canary()
        self.user = factories.make_user(f"{self.word}@example.test", display_name=f"Ms {self.word}")
        self.colleague = factories.make_user()
        self.team = factories.make_workspace(self.user)
        self.member = factories.member_of(self.team, self.user)
        factories.join(self.team, self.colleague, Role.OWNER)
        self.sim = sim

    def leave_all(self) -> None:
        self.sign_in()
        self.talk()
        self.leave_a_workspace()
        self.make_keys_and_assistants()
        self.be_invited()
        self.be_recorded()
        self.pay()
        self.be_written_to()
        self.upload()

    def sign_in(self) -> None:
        client = factories.browser(HTTP_USER_AGENT=f"Browser of {self.word}")
        answer = client.post("/accounts/login/", {"login": self.user.email, "password": factories.PASSWORD})
        assert answer.status_code == 302
        assert client.get(f"/w/{self.team.slug}/").status_code == 200
        self.client = client

    def talk(self) -> None:
        with workspace_scope(self.team.id):
            turn = factories.ask(self.member, f"Who is {self.word}?")
            run = factories.answer(turn.run, f"{self.word} is you.")
            endings.announce(self.team.id, run)
            colleague = factories.member_of(self.team, self.colleague)
            self.kept = factories.ask(colleague, "What stays?").conversation.id

    def leave_a_workspace(self) -> None:
        """What they said there stays with it, until they are erased."""
        former = factories.make_workspace(self.colleague)
        member = factories.join(former, self.user, Role.MEMBER)
        with workspace_scope(former.id):
            factories.answer(factories.ask(member, f"{self.word} was here.").run)
        accounts_services.remove_member(
            membership_id=member.membership_id, workspace_id=former.id, actor=audit.SYSTEM
        )
        self.former = former

    def make_keys_and_assistants(self) -> None:
        name = f"Laptop of {self.word}"
        accounts_services.create_api_key(member=self.member, name=name, scopes=["view"])
        with workspace_scope(self.team.id):
            self.assistant = factories.make_assistant(self.member, "Team’s own").id

    def be_invited(self) -> None:
        other = factories.make_user()
        workspace = factories.make_workspace(other)
        (self.invitation,) = members.invite(
            member=factories.member_of(workspace, other), emails=[self.user.email], role=Role.MEMBER
        )

    def be_recorded(self) -> None:
        with transaction.atomic():
            audit.record(
                "person.blocked",
                actor=audit.SYSTEM,
                workspace_id=self.team.id,
                personal={"address": self.user.email},
                about=self.member.person_ref,
            )
        self.sealed = AuditEntry.objects.filter(workspace_id=self.team.id).latest("id").sealed
        LogEntry.objects.create(
            user=self.colleague, content_type=ContentType.objects.get_for_model(User),
            object_id=str(self.user.id), object_repr=self.user.email, action_flag=2,
        )  # fmt: skip

    def pay(self) -> None:
        buying.publish()
        buying.keep_card(self.member)
        customer_id = buying.subscribe(self.member).stripe_customer_id
        method = get_client().v1.customers.payment_methods.list(customer_id).data[0]
        details = {"email": self.user.email, "name": self.user.display_name}
        get_client().v1.payment_methods.update(method.id, {"billing_details": details})
        buying.look(self.member)
        self.sim.deliver()
        # As it was kept before payloads were stored without names.
        payload = {"data": {"object": {"object": "customer", "email": self.user.email, "name": "x"}}}
        WebhookEvent.objects.create(
            id=f"evt_{self.team.id.hex}", type="customer.updated", api_version="x", livemode=False,
            customer_id=customer_id, payload=payload, state="done", occurred_at=timezone.now(),
        )  # fmt: skip

    def be_written_to(self) -> None:
        enquiries.create_enquiry(
            name=self.user.display_name, email=self.user.email, message=f"I am {self.word}."
        )
        with transaction.atomic():
            mails.send_once(
                f"test:{self.team.id}", kind="export_ready", to=[self.user.email],
                context={"what": self.word, "days": 7, "url": "/"},
            )  # fmt: skip

    def upload(self) -> None:
        name = keys.person_file_name(self.user.id, "avatar", "a.png")
        default_storage.save(name, ContentFile(f"picture of {self.word}".encode()))
        assert exporting.build(services.request_export(user=self.user).id)

    @property
    def subject(self) -> Subject:
        return subjects.of(self.user)


PLACES = (
    "public.accounts_user.email", "public.accounts_user.display_name", "public.account_emailaddress.email",
    "public.accounts_apikey.name", "public.accounts_invitation.email", "public.accounts_mail.to",
    "public.accounts_mail.context", "public.usersessions_usersession.user_agent",
    "public.django_admin_log.object_repr", "public.djstripe_customer.stripe_data",
    "public.djstripe_invoice.stripe_data", "public.djstripe_paymentmethod.stripe_data",
    "public.stripe_simulator_object.data", "public.stripe_simulator_object.key",
    "public.billing_webhookevent.payload", "public.billing_enquiry.name", "public.billing_enquiry.email",
    "public.billing_enquiry.message", "SCHEMA.assistants_conversation.title", "SCHEMA.assistants_message.text",
    "SCHEMA.assistants_run.text",
    "FORMER.assistants_message.text", "redis value of b'stream:", "file ",
)  # fmt: skip


@pytest.fixture
def traces(stripe_sim):
    found = Traces(stripe_sim)
    found.leave_all()
    return found


def erase(person: Traces) -> ErasureJob:
    job = services.request_erasure(user=person.user, typed=person.user.email)
    assert erasing.run(job.id)
    mails.send(f"erased:{job.id}")
    job.refresh_from_db()
    return job


def test_what_named_the_person_is_found_nowhere(traces):
    before = canary.search(traces.word)
    for place in PLACES:
        wanted = place.replace("SCHEMA", traces.team.schema_name).replace("FORMER", traces.former.schema_name)
        assert any(found.startswith(wanted) for found in before), (place, before)
    assert sessions_of(traces.subject).count() >= 1
    with canary.captured_logs() as lines:
        job = erase(traces)
    assert canary.search(traces.word, logs=lines) == []
    assert (job.state, job.subject) == ("done", {})
    assert sessions_of(Subject(traces.user.id, None, (traces.user.email,))).count() == 0


def test_what_was_sealed_cannot_be_opened_any_more(traces):
    pairs = [(UUID(part["of"]), part["text"]) for part in traces.sealed]
    assert traces.word in json.dumps(sealing.unseal(pairs))
    erase(traces)
    assert sealing.unseal(pairs) == [None] * len(pairs)
    assert not AuditEntry.objects.filter(action="person.erased").latest("id").actor_ref


def test_what_must_stay_still_holds(traces):
    ref = traces.member.person_ref
    booked = list(LedgerEntry.objects.filter(person_ref=ref).values_list("id", "cost_micro"))
    receipts.sequence(traces.team.id, LogKind.RECEIPTS)
    receipt = Receipt.objects.get(person_ref=ref, workspace_id=traces.team.id)
    erase(traces)
    assert booked
    assert list(LedgerEntry.objects.filter(person_ref=ref).values_list("id", "cost_micro")) == booked
    receipts.sequence(traces.team.id, LogKind.RECEIPTS)
    report = verify.verify([json.dumps(receipts.document(receipt.id))], verify.Report())
    assert report.problems == []
    with workspace_scope(traces.team.id):
        assert Conversation.objects.filter(id=traces.kept).exists()
        assert not Conversation.objects.filter(owner_id=traces.user.id).exists()
        assert Assistant.objects.get(id=traces.assistant).created_by_id is None


def test_the_payment_service_writes_to_another_owner(traces):
    customer_id = queries.get_account(traces.team.id).stripe_customer_id
    erase(traces)
    customer = get_client().v1.customers.retrieve(customer_id)
    assert customer.email == traces.colleague.email
    assert queries.get_account(traces.team.id).status == "active"


def test_they_are_out_at_once(traces):
    job = services.request_erasure(user=traces.user, typed=traces.user.email)
    assert traces.client.get(f"/w/{traces.team.slug}/").status_code == 302
    assert traces.client.get("/me/").status_code == 302
    assert erasing.run(job.id)


def test_a_killed_workers_successor_finishes(traces, monkeypatch):
    class Killed(BaseException): ...

    def dies(job, subject):
        raise Killed

    job = services.request_erasure(user=traces.user, typed=traces.user.email)
    for number in range(len(erasing.STEPS)):
        steps = [*erasing.STEPS[: number + 1], dies]
        monkeypatch.setattr(erasing, "STEPS", tuple(steps))
        with pytest.raises(Killed):
            erasing.run(job.id)
        monkeypatch.undo()
        assert not erasing.run(job.id), "the dead worker’s lease still stands"
        ErasureJob.objects.filter(id=job.id).update(lease_expires_at=timezone.now())
    assert erasing.run(job.id)
    assert not erasing.run(job.id)
    mails.send(f"erased:{job.id}")
    assert canary.search(traces.word) == []


def test_it_waits_while_an_answer_of_theirs_still_runs(traces):
    with workspace_scope(traces.team.id):
        run = factories.ask(traces.member, "One more?").run
    job = services.request_erasure(user=traces.user, typed=traces.user.email)
    assert not erasing.run(job.id)
    with workspace_scope(traces.team.id):
        factories.answer(run)
    ErasureJob.objects.filter(id=job.id).update(lease_expires_at=timezone.now())
    assert erasing.run(job.id)


def test_a_workspace_of_their_own_goes_with_them(stripe_sim):
    person = Traces(stripe_sim)
    own = accounts_services.ensure_personal_workspace(person.user)
    member = factories.member_of(get_ref(id=own.id), person.user)
    with workspace_scope(own.id):
        factories.answer(factories.ask(member, f"Who is {person.word}?").run, f"{person.word}.")
    buying.publish()
    buying.keep_card(member)
    customer_id = buying.subscribe(member).stripe_customer_id
    stripe_sim.deliver()
    before = canary.search(person.word)
    for place in ("public.tenants_workspace.slug", f"{own.schema_name}.assistants_message.text"):
        assert any(found.startswith(place) for found in before), (place, before)
    with canary.captured_logs() as lines:
        erase(person)
    stripe_sim.deliver()
    assert canary.search(person.word, logs=lines) == []
    assert not Workspace.objects.filter(id=own.id).exists()
    assert get_client().v1.customers.retrieve(customer_id).deleted
