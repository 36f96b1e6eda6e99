"""Invitations: who came by whose link, who does not count, and ten dollars to each side exactly once."""

import re
import secrets
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.core.signing import get_cookie_signer
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts import services as accounts_services
from accounts.models import Membership, User
from billing import effects
from billing.referrals import crediting, links, queries, services, suspicions
from billing.referrals.models import Referral, ReferralCode, ReferralCredit
from billing.stripe.client import PaymentServiceUnavailable
from billing.subscriptions.models import BillingAccount, BillingEvent
from tenants.scope import get_ref
from tests import factories, mails
from tests.accounts.signing_in import prove
from tests.billing import lives

AT = lives.NOW
LINK = re.compile(r"https?://\S+")


def person(email: str = "") -> User:
    """Somebody confirmed, with a workspace of their own."""
    user = factories.make_user(email)
    accounts_services.ensure_personal_workspace(user)
    return user


def ref(user: User) -> UUID:
    return accounts_services.person_reference(user)


def home(user: User) -> UUID:
    return Membership.objects.get(user=user, role="owner", workspace__is_personal=True).workspace_id


def joined(referrer: User, referee: User) -> Referral:
    return Referral.objects.create(
        referrer_ref=ref(referrer), referee_ref=ref(referee), state="joined", joined_at=AT
    )


def pay(user: User, **fields) -> BillingAccount:
    """An invoice of the person's own workspace was paid."""
    account = lives.customer(get_ref(id=home(user)))
    with transaction.atomic():
        locked = BillingAccount.objects.select_for_update().get(pk=account.pk)
        effects.invoice_paid(locked, lives.invoice(**fields))
    return account


def follow(code: str, client: Client | None = None):
    client = client or factories.browser()
    return client, client.get(f"/r/{code}/")


def sign_up(client: Client, address: str) -> User:
    client.post("/accounts/signup/", {"email": address, "password1": factories.PASSWORD})
    return User.objects.get(email=address)


def confirm(client: Client) -> None:
    path = "/accounts" + LINK.findall(mails.deliver("rendered")[-1].body)[0].split("/accounts", 1)[1]
    client.post(path)


def address() -> str:
    return f"new-{secrets.token_hex(5)}@example.test"


def only(**lookup) -> Referral:
    return Referral.objects.get(**lookup)


# the link


def test_link_leaves_a_signed_cookie_and_leads_to_sign_up(db):
    code = links.code_of(ref(person()))
    client, response = follow(code)
    assert (response.status_code, response["Location"]) == (302, "/accounts/signup/")
    cookie = response.cookies["referral"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"], cookie["path"]) == (
        True, "Lax", 30 * 24 * 3600, "/",
    )  # fmt: skip
    assert cookie.value.startswith(f"{code}:") and cookie.value != code
    assert (response["Referrer-Policy"], response["Cache-Control"]) == ("no-referrer", "no-store")


def test_link_of_a_person_stays_the_same(db):
    someone = person()
    code = links.code_of(ref(someone))
    assert links.code_of(ref(someone)) == code
    assert links.address_of(code) == f"http://127.0.0.1:8000/r/{code}/"


def test_first_looks_at_once_make_one_code(committed):
    someone = ref(factories.make_user())
    codes = factories.at_once(8, lambda _: links.code_of(someone))
    assert set(codes) == {ReferralCode.objects.get(person_ref=someone).code}


def test_unknown_code_leads_to_sign_up_and_leaves_nothing(db):
    _, response = follow("made-up")
    assert (response.status_code, response["Location"], dict(response.cookies)) == (
        302,
        "/accounts/signup/",
        {},
    )


def test_who_is_signed_in_is_not_invited(db, owner):
    _, response = follow(links.code_of(ref(person())), owner.browser())
    assert "referral" not in response.cookies


def test_link_has_a_brake(db):
    client = factories.browser()
    statuses = [client.get("/r/made-up/").status_code for _ in range(31)]
    assert statuses == [302] * 30 + [429]


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_link_is_only_followed(db, method):
    assert getattr(factories.browser(), method)("/r/made-up/").status_code == 405


# coming by it


def test_person_who_came_by_a_link_is_counted_when_the_address_is_confirmed(db):
    inviter = person()
    client, _ = follow(links.code_of(ref(inviter)))
    newcomer = sign_up(client, address())
    row = only(referee_ref=ref(newcomer))
    assert (row.referrer_ref, row.state, row.joined_at) == (ref(inviter), "signed_up", None)
    confirm(client)
    row.refresh_from_db()
    assert (row.state, row.joined_at is not None) == ("joined", True)


def test_mail_may_be_opened_in_another_browser(db):
    inviter = person()
    client, _ = follow(links.code_of(ref(inviter)))
    newcomer = sign_up(client, address())
    confirm(factories.browser())
    assert only(referee_ref=ref(newcomer)).state == "joined"


def test_first_link_stays(db):
    first, second = person(), person()
    client, _ = follow(links.code_of(ref(first)))
    newcomer = sign_up(client, address())
    follow(links.code_of(ref(second)), client)
    confirm(client)
    assert only(referee_ref=ref(newcomer)).referrer_ref == ref(first)


def test_person_without_a_cookie_came_by_nobody(db):
    client = factories.browser()
    newcomer = sign_up(client, address())
    confirm(client)
    assert not Referral.objects.filter(referee_ref=ref(newcomer)).exists()


def test_forged_or_old_cookie_counts_for_nothing(db):
    code = links.code_of(ref(person()))
    signer = get_cookie_signer(salt="referral" + links.SALT)
    import time
    from unittest.mock import patch

    with patch("django.core.signing.time.time", return_value=time.time() - 31 * 24 * 3600):
        old = signer.sign(code)
    good = signer.sign(code)
    for value, expected in ((code, ""), (old, ""), (good.replace(code, "other-code"), ""), (good, code)):
        client = factories.browser()
        client.cookies["referral"] = value
        newcomer = sign_up(client, address())
        found = Referral.objects.filter(referee_ref=ref(newcomer)).exists()
        assert found is bool(expected), value


def test_second_address_of_a_known_person_is_no_newcomer(db):
    """Otherwise everybody who is here already could come once more."""
    from allauth.account.models import EmailAddress

    inviter, known = person(), person()
    client, _ = follow(links.code_of(ref(inviter)))
    client.force_login(known)
    prove(client)
    client.post("/accounts/email/", {"email": (second := address()), "action_add": ""})
    confirm(client)
    assert EmailAddress.objects.get(user=known, email=second).verified
    assert not Referral.objects.filter(referee_ref=ref(known)).exists()


# who does not count


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("ada@example.test", "ada@example.test", True),
        ("ada@example.test", "Ada+second@Example.test", True),
        ("ada.lovelace@gmail.com", "adalovelace+x@googlemail.com", True),
        ("ada.lovelace@example.test", "adalovelace@example.test", False),
        ("ada@example.test", "ada@example.org", False),
    ],
)
def test_mailbox_behind_an_address(one, other, is_same):
    assert (suspicions.normalised(one) == suspicions.normalised(other)) is is_same


def test_the_same_mailbox_again_is_refused_at_confirmation(db):
    tag = secrets.token_hex(4)
    inviter = person(f"ada.{tag}@gmail.com")
    client, _ = follow(links.code_of(ref(inviter)))
    newcomer = sign_up(client, f"ada{tag}+again@googlemail.com")
    confirm(client)
    row = only(referee_ref=ref(newcomer))
    assert (row.state, row.reason) == ("refused", "self")
    pay(newcomer)
    assert not ReferralCredit.objects.filter(referral=row).exists()


def test_invitations_that_lead_back_are_refused(db):
    """Ada invites Bob, Bob invites Ada's other address."""
    tag = secrets.token_hex(4)
    ada, bob = person(f"ada-{tag}@example.test"), person()
    joined(ada, bob)
    client, _ = follow(links.code_of(ref(bob)))
    again = sign_up(client, f"ada-{tag}+2@example.test")
    confirm(client)
    assert (only(referee_ref=ref(again)).state, only(referee_ref=ref(again)).reason) == ("refused", "ring")


def test_two_who_invite_each_other_are_both_refused(db):
    ada, bob = factories.make_user(), factories.make_user()
    for referrer, referee in ((ada, bob), (bob, ada)):
        Referral.objects.create(referrer_ref=ref(referrer), referee_ref=ref(referee))
    for user in (bob, ada):
        services._join(ref(user), AT)
    rows = Referral.objects.filter(referee_ref__in=(ref(ada), ref(bob)))
    assert list(rows.values_list("state", "reason")) == [("refused", "ring")] * 2


def test_longer_ring_is_seen_when_its_workspace_pays(db):
    """Ada → Bob → Cleo, and Cleo's workspace is Ada's too."""
    ada, bob, cleo = person(), person(), person()
    joined(ada, bob)
    row = joined(bob, cleo)
    Membership.objects.create(workspace_id=home(cleo), user=ada, role="owner")
    pay(cleo)
    row.refresh_from_db()
    assert (row.state, row.reason) == ("refused", "ring")


def test_colleague_in_the_same_workspace_is_refused_when_it_pays(db):
    ada, bob = person(), person()
    row = joined(ada, bob)
    Membership.objects.create(workspace_id=home(ada), user=bob, role="viewer")
    pay(bob)
    row.refresh_from_db()
    assert (row.state, row.reason) == ("refused", "same_workspace")


def test_workspaces_that_share_an_owner_are_refused(db):
    ada, bob, zoe = person(), person(), person()
    row = joined(ada, bob)
    for user in (ada, bob):
        Membership.objects.create(workspace_id=home(user), user=zoe, role="owner")
    pay(bob)
    row.refresh_from_db()
    assert (row.state, row.reason) == ("refused", "same_workspace")


def test_chain_without_an_end_is_walked_once(db):
    ada, bob = ref(factories.make_user()), ref(factories.make_user())
    Referral.objects.create(referrer_ref=ada, referee_ref=bob, state="joined")
    Referral.objects.create(referrer_ref=bob, referee_ref=ada, state="joined")
    assert list(suspicions.chain(ada)) == [ada, bob]


def test_nobody_invites_themselves_in_the_table(db):
    someone = uuid4()
    with pytest.raises(IntegrityError, match="referral_not_of_oneself"), transaction.atomic():
        Referral.objects.create(referrer_ref=someone, referee_ref=someone)


# the first paid invoice


class Bank:
    """Balances at the payment service: it remembers idempotency keys for as long as it is told to."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, int, str]] = []
        self.by_key: dict[str, str] = {}
        self.cards: dict[str, str] = {}
        self.dies_after: set[str] = set()
        self.failure: Exception | None = None
        self.lists = 0
        bank = self

        class Transactions:
            def create(self, customer, params, options):
                if bank.failure:
                    raise bank.failure
                key = options["idempotency_key"]
                if key not in bank.by_key:
                    entry = (customer, params["amount"], params["metadata"]["referral_credit"])
                    bank.entries.append(entry)
                    bank.by_key[key] = f"cbtxn_{len(bank.entries)}"
                if key in bank.dies_after:
                    bank.dies_after.discard(key)
                    raise Died
                return type("Entry", (), {"id": bank.by_key[key]})

            def list(self, customer, params):
                bank.lists += 1
                rows = [
                    {"id": f"cbtxn_{number}", "metadata": {"referral_credit": credit}}
                    for number, (whose, _, credit) in enumerate(bank.entries, start=1)
                    if whose == customer
                ]
                return type("List", (), {"auto_paging_iter": lambda _: iter(map(Shown, rows))})()

        class Methods:
            def retrieve(self, method_id):
                card = type("Card", (), {"fingerprint": bank.cards[method_id]})
                return type("Method", (), {"card": card})

        customers = type("Customers", (), {"balance_transactions": Transactions()})()
        self.v1 = type("V1", (), {"customers": customers, "payment_methods": Methods()})()


class Died(BaseException):
    """The process is gone."""


class Shown:
    def __init__(self, data) -> None:
        self.data, self.id = data, data["id"]

    def __str__(self) -> str:
        import json

        return json.dumps(self.data)


@pytest.fixture
def bank(monkeypatch):
    made = Bank()
    monkeypatch.setattr(crediting, "get_client", lambda: made)
    return made


@pytest.fixture
def pair(db):
    """Ada invited Bob; both are customers."""
    ada, bob = person(), person()
    lives.customer(get_ref(id=home(ada)))
    return ada, bob, joined(ada, bob)


def credit(now=None) -> int:
    return crediting.credit_due(now=now or timezone.now())


def balances(bank) -> list[tuple[str, int]]:
    return sorted((customer, amount) for customer, amount, _ in bank.entries)


def expected(*users: User) -> list[tuple[str, int]]:
    return sorted((BillingAccount.objects.get(pk=home(user)).stripe_customer_id, -1000) for user in users)


def test_first_paid_invoice_credits_ten_dollars_to_each_side_once(pair, bank):
    ada, bob, row = pair
    pay(bob)
    row.refresh_from_db()
    assert (row.state, ReferralCredit.objects.filter(referral=row, state="pending").count()) == (
        "qualified",
        2,
    )
    assert [credit(), credit()] == [1, 0]
    row.refresh_from_db()
    assert (row.state, balances(bank)) == ("credited", expected(ada, bob))
    assert lives.mailed(home(ada), "referral_credited") == [
        ("referral_credited", {"amount_minor": 1000, "currency": "usd", "is_referrer": True})
    ]
    assert lives.mailed(home(bob), "referral_credited") == [
        ("referral_credited", {"amount_minor": 1000, "currency": "usd", "is_referrer": False})
    ]
    events = BillingEvent.objects.filter(workspace_id=home(ada), kind__startswith="referral.")
    assert list(events.order_by("created_at").values_list("kind", flat=True)) == [
        "referral.qualified",
        "referral.credited",
    ]
    pay(bob)
    credit()
    assert balances(bank) == expected(ada, bob), "the second invoice brings nothing"


def test_invoice_over_nothing_is_not_the_first_paid_one(pair, bank):
    ada, bob, row = pair
    pay(bob, amount_paid_minor=0)
    row.refresh_from_db()
    assert row.state == "joined"
    pay(bob)
    credit()
    assert balances(bank) == expected(ada, bob)


def test_workspace_that_had_paid_before_brings_nothing(pair, bank):
    ada, bob, row = pair
    Referral.objects.filter(id=row.id).update(state="signed_up")
    pay(bob)
    Referral.objects.filter(id=row.id).update(state="joined")
    pay(bob)
    assert (credit(), bank.entries) == (0, [])


def test_workspace_counts_for_one_of_its_owners(pair, bank):
    ada, bob, row = pair
    cleo = person()
    later = joined(ada, cleo)
    Membership.objects.create(workspace_id=home(bob), user=cleo, role="owner")
    pay(bob)
    row.refresh_from_db()
    later.refresh_from_db()
    assert (row.state, later.state) == ("qualified", "joined")


def test_one_person_may_invite_many(db, bank):
    ada = person()
    people = [person() for _ in range(4)]
    for someone in people:
        joined(ada, someone)
        pay(someone)
    assert credit_all(bank) == 4
    assert [amount for customer, amount in balances(bank)] == [-1000] * 8


def credit_all(bank) -> int:
    """The one who invited has no customer yet: making one is asked of the payment service."""
    for account in BillingAccount.objects.filter(stripe_customer_id=None):
        BillingAccount.objects.filter(pk=account.pk).update(stripe_customer_id=f"cus_{uuid4().hex}")
    return credit()


def test_inviter_without_a_workspace_gets_nothing_and_so_does_the_other(db, bank):
    ada, bob = factories.make_user(), person()
    row = joined(ada, bob)
    pay(bob)
    row.refresh_from_db()
    assert (row.state, row.reason, bank.entries) == ("refused", "no_workspace", [])


def test_workspace_that_pays_is_credited_before_one_that_does_not(db):
    ada = person()
    other = factories.make_workspace(ada)
    assert services.home_of(ref(ada)) == home(ada)
    lives.customer(other)
    assert services.home_of(ref(ada)) == other.id
    third = factories.make_workspace(ada)
    lives.subscribed(third)
    assert services.home_of(ref(ada)) == third.id


def test_same_card_is_refused_before_anybody_is_credited(pair, bank):
    ada, bob, row = pair
    pay(bob)
    for user, method in ((ada, "pm_a"), (bob, "pm_b")):
        BillingAccount.objects.filter(pk=home(user)).update(payment_method={"id": method})
    bank.cards = {"pm_a": "same", "pm_b": "same"}
    assert credit() == 0
    row.refresh_from_db()
    assert (row.state, row.reason, bank.entries) == ("refused", "same_card", [])


def test_another_card_is_fine(pair, bank):
    ada, bob, row = pair
    pay(bob)
    for user, method in ((ada, "pm_a"), (bob, "pm_b")):
        BillingAccount.objects.filter(pk=home(user)).update(payment_method={"id": method})
    bank.cards = {"pm_a": "one", "pm_b": "another"}
    assert credit() == 1
    assert balances(bank) == expected(ada, bob)


# dying in between


@pytest.mark.parametrize("side", ["referee", "referrer"])
@pytest.mark.parametrize("is_a_day_later", [False, True])
def test_death_between_the_call_and_its_note_neither_doubles_nor_loses(pair, bank, side, is_a_day_later):
    ada, bob, row = pair
    pay(bob)
    which = ReferralCredit.objects.get(referral=row, side=side)
    bank.dies_after = {f"referral-credit-{which.id}"}
    with pytest.raises(Died):
        credit()
    which.refresh_from_db()
    assert which.state == "pending"
    if is_a_day_later:
        bank.by_key.clear()
    assert credit() == 1
    assert balances(bank) == expected(ada, bob)


def test_without_the_look_a_day_later_it_would_be_doubled(pair, bank, monkeypatch):
    """The control: the payment service forgets an idempotency key after a day."""
    ada, bob, row = pair
    pay(bob)
    which = ReferralCredit.objects.get(referral=row, side="referee")
    bank.dies_after = {f"referral-credit-{which.id}"}
    with pytest.raises(Died):
        credit()
    bank.by_key.clear()
    monkeypatch.setattr(crediting, "_find", lambda *_: "")
    credit()
    assert len(bank.entries) == 3


def test_payment_service_that_is_away_is_asked_again_later(pair, bank):
    ada, bob, row = pair
    pay(bob)
    bank.failure = PaymentServiceUnavailable()
    now = timezone.now()
    assert credit(now) == 0
    row.refresh_from_db()
    assert (row.state, row.attempts, row.next_attempt_at) == ("qualified", 1, now + timedelta(minutes=1))
    bank.failure = None
    assert credit(now) == 0, "not due"
    assert credit(now + timedelta(minutes=1)) == 1
    assert balances(bank) == expected(ada, bob)


def committed_pair() -> tuple[User, User, Referral]:
    ada, bob = person(), person()
    lives.customer(get_ref(id=home(ada)))
    return ada, bob, joined(ada, bob)


def test_eight_tellings_of_the_payment_and_eight_tasks_at_once_credit_each_side_once(committed, bank):
    ada, bob, row = committed_pair()
    invoice = lives.invoice()
    lives.customer(get_ref(id=home(bob)))

    def tell(_: int) -> None:
        with transaction.atomic():
            locked = BillingAccount.objects.select_for_update().get(pk=home(bob))
            effects.invoice_paid(locked, invoice)

    assert factories.at_once(8, tell) == [None] * 8
    assert ReferralCredit.objects.filter(referral=row).count() == 2
    results = factories.at_once(8, lambda _: credit())
    assert all(isinstance(result, int) for result in results), results
    row.refresh_from_db()
    assert (row.state, balances(bank)) == ("credited", expected(ada, bob))
    assert (
        len(lives.mailed(home(ada), "referral_credited"))
        == len(lives.mailed(home(bob), "referral_credited"))
        == 1
    )


# the page


def test_page_counts_and_names_nobody(pair, bank):
    ada, bob, row = pair
    pay(bob)
    credit()
    cleo = person()
    Referral.objects.create(referrer_ref=ref(ada), referee_ref=ref(cleo), state="refused", reason="same_card")
    page = queries.page_of(ref(ada))
    assert page.url == links.address_of(links.code_of(ref(ada)))
    assert (page.credit_minor, page.currency) == (1000, "usd")
    assert (page.came, page.joined, page.credited, page.earned_minor) == (2, 1, 1, 1000)
    assert [(one.number, one.state, one.words, one.explanation, one.credit_minor) for one in page.people] == [
        (2, "refused", "Does not count", "The invoice was paid with your own card.", 0),
        (1, "credited", "Credited", "", 1000),
    ]
    shown = repr(page)
    for user in (bob, cleo):
        assert user.email not in shown and str(user.id) not in shown and str(ref(user)) not in shown


def test_page_costs_the_same_for_many(db, assert_queries):
    ada = person()
    inviter = ref(ada)
    links.code_of(inviter)
    for _ in range(20):
        Referral.objects.create(referrer_ref=inviter, referee_ref=uuid4())
    with assert_queries(3):
        assert queries.page_of(inviter).came == 20
