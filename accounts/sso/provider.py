"""What both protocols hand on to allauth: an assertion that was checked, and nothing to keep of it."""

from typing import Any

from allauth.account.models import EmailAddress

from accounts.sso.assertion import Assertion


class AssertionProvider:
    """Mixed into allauth's providers. allauth's own account of the sign-in is never stored: `Identity` is."""

    def sociallogin_from_response(self, request: Any, response: Assertion) -> Any:
        login = super().sociallogin_from_response(request, response)  # type: ignore[misc]
        login.assertion = response
        return login

    def extract_uid(self, data: Assertion) -> str:
        return data.uid

    def extract_extra_data(self, data: Assertion) -> dict[str, Any]:
        return {}

    def extract_common_fields(self, data: Assertion) -> dict[str, Any]:
        return {"email": data.email, "name": data.name}

    def extract_email_addresses(self, data: Assertion) -> list[EmailAddress]:
        return [EmailAddress(email=data.email, verified=True, primary=True)]
