"""Which addresses take secrets, by which limits; every one of them is braked before its view runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from accounts.adapter import client_address
from accounts.requests import LocatedRequest
from accounts.signin import brakes
from config import errors

AccountOf = Callable[[LocatedRequest], str | None]


@dataclass(frozen=True)
class Braked:
    """`limits`: a name in brakes.LIMITS. `in_form`: the view's form says the refusal, so that nothing typed is lost."""

    limits: str
    account: AccountOf
    in_form: bool = True


def _typed(field: str) -> AccountOf:
    return lambda request: request.POST.get(field)


def _pending(request: LocatedRequest) -> str | None:
    """Whose sign-in is under way: also of an address that nobody has."""
    login = request.session.get("account_login") or {}
    return login.get("user_pk") or login.get("email")


def _signed_in(request: LocatedRequest) -> str | None:
    return str(request.user.pk) if request.user.is_authenticated else None


def _nobody(request: LocatedRequest) -> None:
    return None


ROUTES = {
    "account_login": Braked("sign_in", _typed("login")),
    "sso-emergency": Braked("sign_in", _typed("login")),
    "account_signup": Braked("sign_up", _typed("email")),
    "account_request_login_code": Braked("code", _typed("email")),
    "account_confirm_login_code": Braked("code_entry", _pending),
    "account_reset_password": Braked("reset", _typed("email")),
    "account_reset_password_from_key": Braked("reset_link", _nobody),
    "account_confirm_email": Braked("reset_link", _nobody, in_form=False),
    "account_reauthenticate": Braked("proof", _signed_in),
    "account_change_password": Braked("proof", _signed_in),
    "mfa_authenticate": Braked("second_factor", _pending),
    "mfa_reauthenticate": Braked("second_factor", _signed_in),
    "mfa_reauthenticate_webauthn": Braked("second_factor", _signed_in),
    "mfa_activate_totp": Braked("second_factor", _signed_in),
    "mfa_login_webauthn": Braked("passkey", _nobody),
    "socialaccount_signup": Braked("sign_up", _typed("email")),
}
"""By the URL's name. A view elsewhere (the API, an invitation) calls `brakes.allow` itself."""


class BrakeMiddleware:
    """After sessions and accounts: it needs to know whose sign-in is under way."""

    def __init__(self, get_response: Callable[[LocatedRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: LocatedRequest) -> HttpResponseBase:
        response = self.get_response(request)
        refusal = brakes.refusal_of(request)
        if refusal is not None:
            response["Retry-After"] = str(refusal.data["retry_after_s"])
            if response.status_code in (200, 400):
                response.status_code = refusal.status
        return response

    def process_view(
        self, request: LocatedRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        match = request.resolver_match
        braked = ROUTES.get(match.view_name) if match and request.method == "POST" else None
        if braked is None:
            return None
        # A new code is a mail, whatever page asks for it.
        name = "code" if request.POST.get("action") == "resend" else braked.limits
        try:
            taken = brakes.allow(name, account=braked.account(request), address=client_address(request))
        except brakes.TooManyTries as refusal:
            if not braked.in_form or name != braked.limits:
                return errors.render(request, refusal)
            request.brake_refusal = refusal  # type: ignore[attr-defined]  # read by the forms
            return None
        except brakes.BrakesAway as away:
            return errors.render(request, away)
        request.brake_taken = taken  # type: ignore[attr-defined]  # given back when it was right
        return None


def give_back(request: Any) -> None:
    """The secret of this request was right."""
    taken = getattr(request, "brake_taken", None)
    if taken is not None:
        brakes.give_back(taken)
        request.brake_taken = None
