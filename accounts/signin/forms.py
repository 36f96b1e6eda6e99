"""allauth's forms, refused before they are read where a brake said so; filled as they came."""

from typing import Any

from allauth.account import forms as account
from allauth.core import context
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as webauthn
from allauth.socialaccount import forms as social
from django import forms
from django.contrib.auth import get_user_model
from django.forms.utils import ErrorDict

from accounts.signin import brakes, codes

MOST_OF_A_CODE = 20


class Braked:
    """SECURITY: comes first among the bases, so that nothing typed is compared with anything."""

    refused_field: str | None = None
    cleaned_data: dict[str, Any]

    def full_clean(self) -> None:
        refusal = brakes.refusal_of(context.request)
        if refusal is None or not self.is_bound:  # type: ignore[attr-defined]
            super().full_clean()  # type: ignore[misc]
            return
        self._errors, self.cleaned_data = ErrorDict(), {}
        self.add_error(self.refused_field, forms.ValidationError(refusal.message, code=refusal.code))  # type: ignore[attr-defined]


class LoginForm(Braked, account.LoginForm):
    pass


class SignupForm(Braked, account.SignupForm):
    def try_save(self, request: Any) -> Any:
        if self.account_already_exists:
            # As long as for an address that is new.
            get_user_model()().set_password(self.cleaned_data.get("password1"))
        return super().try_save(request)


class RequestLoginCodeForm(Braked, account.RequestLoginCodeForm):
    pass


class ConfirmLoginCodeForm(Braked, account.ConfirmLoginCodeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # From the mailed link; it is one button away from being used, and only in the browser that asked.
        self.fields["code"].initial = context.request.GET.get("code", "")[:MOST_OF_A_CODE]


class ResetPasswordForm(Braked, account.ResetPasswordForm):
    pass


class ResetPasswordKeyForm(Braked, account.ResetPasswordKeyForm):
    pass


class ReauthenticateForm(Braked, account.ReauthenticateForm):
    pass


class ChangePasswordForm(Braked, account.ChangePasswordForm):
    pass


class SocialSignupForm(Braked, social.SignupForm):
    pass


class _Once(Braked):
    """A code of the app works once, also in the half minutes around its own."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        authenticator = self.authenticator  # type: ignore[attr-defined]
        if not codes.is_first_use(authenticator, code):
            raise get_mfa_adapter().validation_error("incorrect_code")
        return code


class AuthenticateForm(_Once, mfa.AuthenticateForm):
    pass


class ReauthenticateMfaForm(_Once, mfa.ReauthenticateForm):
    pass


class ActivateTOTPForm(Braked, totp.ActivateTOTPForm):
    pass


class AuthenticateWebAuthnForm(Braked, webauthn.AuthenticateWebAuthnForm):
    refused_field = "credential"


class LoginWebAuthnForm(Braked, webauthn.LoginWebAuthnForm):
    refused_field = "credential"


class ReauthenticateWebAuthnForm(Braked, webauthn.ReauthenticateWebAuthnForm):
    refused_field = "credential"
