"""Where a link of a person leads: to sign-up."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe
from django_ratelimit.core import is_ratelimited

from billing.referrals import links, queries
from config.errors import DomainError

RATE = "30/m"


class TooManyVisits(DomainError):
    code = "rate_limited"
    status = 429
    message = "This link was followed too often from here. Try again in a minute, or sign up without it."


@require_safe
def referral(request: HttpRequest, code: str) -> HttpResponse:
    """Remembers the code, if there is such, and goes on to sign-up. Who is signed in already was not invited by it.

    An unknown code leads to sign-up too: whether one exists is nobody's to find out.
    """
    if is_ratelimited(request, group="referral", key="ip", rate=RATE, increment=True):
        raise TooManyVisits()
    response = redirect("account_signup")
    if not request.user.is_authenticated and queries.is_known(code):
        links.remember(response, code)
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response
