"""The link of a person, who came by it, and what that earned."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from billing import money
from billing.presenters.dates import day
from billing.referrals import queries
from billing.referrals.queries import Invited

TONES = {"joined": "info", "qualified": "warning", "credited": "success"}


@requires(Permission.VIEW)
@require_safe
def referrals(request: MemberRequest) -> HttpResponse:
    page, credit = queries.page_of(request.member.person_ref), box()
    zone = request.workspace.timezone
    context = {
        "referral": {"url": page.url, **credit} if credit else None,
        "stats": [
            ("Came", f"{page.came:,}", "signed up by your link"),
            ("Joined", f"{page.joined:,}", "confirmed their address"),
            ("Credited", f"{page.credited:,}", "paid a first invoice"),
            ("Earned", money.as_text(page.earned_minor, page.currency), "taken off invoices"),
        ],
        "people": [_person(row, page.currency, zone) for row in page.people],
    }
    return render(request, "billing/referrals.html", context)


def box() -> dict[str, str] | None:
    """None where the catalogue credits nothing, so that nobody is shown a link. No query."""
    amount = queries.credit_minor()
    return {"credit": money.short(amount, queries.currency())} if amount else None


def _person(row: Invited, currency: str, zone: str) -> dict[str, str]:
    return {
        "name": f"Person {row.number}",
        "came": day(row.came_at, zone),
        "words": row.words,
        "tone": TONES.get(row.state, ""),
        "explanation": row.explanation,
        "credit": money.as_text(row.credit_minor, currency) if row.credit_minor else "",
    }
