"""DRF's view of what the middleware found. It decides nothing by itself."""

from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import permissions as drf_permissions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request

from accounts import permissions
from accounts.requests import LocatedRequest
from config import errors

if TYPE_CHECKING:
    from rest_framework.views import APIView


class MemberAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Raises PermissionDenied when a session request carries no CSRF token."""
        found = cast(LocatedRequest, request._request)
        if found.member is None and not _is_person(request, found):
            return None
        if found.api_key is None and not found.is_by_token:
            SessionAuthentication().enforce_csrf(request)
        return found.user, found.api_key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class PersonAuthentication(BaseAuthentication):
    """For addresses of a person, in no workspace: a token, or a session that carries a CSRF token. No API key."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Raises PermissionDenied when a session request carries no CSRF token."""
        found = cast(LocatedRequest, request._request)
        if found.api_key is not None or not found.user.is_authenticated:
            return None
        if not found.is_by_token:
            SessionAuthentication().enforce_csrf(request)
        return found.user, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class PersonPermission(drf_permissions.BasePermission):
    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not hasattr(view, (request.method or "").lower()):
            raise MethodNotAllowed(request.method or "")
        if not request.user or not request.user.is_authenticated:
            raise errors.NotSignedIn("Sign in first: this belongs to a person, and an API key is none.")
        return True


class MemberPermission(drf_permissions.BasePermission):
    """Each API view names `required_permissions`: {method: Permission}. A method without a row is refused.

    Methods that it also names in `open_to_persons` serve somebody signed in outside of any workspace, too.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        table: dict[str, permissions.Permission] = view.required_permissions  # type: ignore[attr-defined]
        found, method = cast(LocatedRequest, request._request), request.method or ""
        member = found.member
        if member is None and _is_person(request, found):
            return True
        if member is not None and method not in table:
            raise MethodNotAllowed(method)
        permissions.check(member, table.get(method, permissions.Permission.VIEW))
        return True


API_KEY = {"type": "http", "scheme": "bearer", "bearerFormat": "stw_…"}
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "from /api/v1/auth/login, with the header X-Workspace",
}
SESSION = {
    "type": "apiKey",
    "in": "cookie",
    "name": "session",
    "description": "with the header X-Workspace",
}


def _is_person(request: Request, found: LocatedRequest) -> bool:
    """Somebody signed in who names no workspace, where the view is for persons."""
    view = request.parser_context.get("view")
    is_open = request.method in getattr(view, "open_to_persons", ())
    # SECURITY: a workspace that was named and not entered must not be forgotten.
    return is_open and found.user.is_authenticated and not found.headers.get("X-Workspace")


class MemberScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.MemberAuthentication"
    name = ["ApiKey", "Token", "Session"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Any one of them."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        return [API_KEY, TOKEN, SESSION]


class PersonScheme(OpenApiAuthenticationExtension):
    """What it asks for is defined by the scheme above."""

    target_class = "accounts.authentication.PersonAuthentication"
    name: list[str] = []

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        return [{"Token": []}, {"Session": []}]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        return []
