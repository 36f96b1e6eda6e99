"""Reads of invitations, for the page of the one who invites. Nobody's address or name is in them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Sum

from billing.catalogues import catalogue as catalogues
from billing.referrals import links
from billing.referrals.models import Referral, ReferralCode, ReferralCredit

State = Referral.State
WORDS = {
    State.SIGNED_UP: "Signed up, address not confirmed yet",
    State.JOINED: "Joined, no paid invoice yet",
    State.QUALIFIED: "Paid, the credit is on its way",
    State.CREDITED: "Credited",
    State.REFUSED: "Does not count",
}
SHOWN = 100


@dataclass(frozen=True)
class Invited:
    """One person who came. `number` counts them in order; `explanation` says why one does not count."""

    number: int
    state: str
    words: str
    explanation: str
    came_at: datetime
    credit_minor: int


@dataclass(frozen=True)
class ReferralPage:
    """`credit_minor`: what each side is credited; None when the catalogue has no such thing."""

    url: str
    credit_minor: int | None
    currency: str
    came: int
    joined: int
    credited: int
    earned_minor: int
    people: tuple[Invited, ...]


def is_known(code: str) -> bool:
    return ReferralCode.objects.filter(code=code).exists()


def credit_minor() -> int | None:
    """What each side gets. None: nothing, so that nobody is shown a link. No query."""
    spec = catalogues.get(settings.PLAN_CATALOGUE).referral
    return spec.credit_minor if spec else None


def currency() -> str:
    return catalogues.get(settings.PLAN_CATALOGUE).currency


def page_of(person_ref: UUID) -> ReferralPage:
    """The link, the sums and the newest of those who came. Three queries, more at the first look."""
    rows = list(Referral.objects.filter(referrer_ref=person_ref).order_by("created_at", "id"))
    mine = ReferralCredit.objects.filter(
        referral__referrer_ref=person_ref, side=ReferralCredit.Side.REFERRER, state=State.CREDITED
    )
    earned = dict(mine.values_list("referral_id").annotate(total=Sum("amount_minor")))
    people = [_invited(number, row, earned.get(row.id, 0)) for number, row in enumerate(rows, start=1)]
    return ReferralPage(
        url=links.address_of(links.code_of(person_ref)),
        credit_minor=credit_minor(),
        currency=currency(),
        came=len(rows),
        joined=sum(row.state not in (State.SIGNED_UP, State.REFUSED) for row in rows),
        credited=sum(row.state == State.CREDITED for row in rows),
        earned_minor=sum(earned.values()),
        people=tuple(reversed(people[-SHOWN:])),
    )


def _invited(number: int, row: Referral, credit: int) -> Invited:
    state = State(row.state)
    explanation = Referral.Reason(row.reason).label if state == State.REFUSED else ""
    return Invited(number, row.state, WORDS[state], str(explanation), row.created_at, credit)
