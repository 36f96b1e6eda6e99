"""DRF's view of what the middleware found. It decides nothing by itself."""

from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import permissions as drf_permissions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request

from accounts import permissions
from accounts.requests import LocatedRequest

if TYPE_CHECKING:
    from rest_framework.views import APIView


class MemberAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Raises PermissionDenied when a session request carries no CSRF token."""
        found = cast(LocatedRequest, request._request)
        member = found.member
        if member is None:
            return None
        if member.api_key_id is None:
            SessionAuthentication().enforce_csrf(request)
        return found.user, found.api_key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class MemberPermission(drf_permissions.BasePermission):
    """Each API view names `required_permissions`: {method: Permission}. A method without a row is refused."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        table: dict[str, permissions.Permission] = view.required_permissions  # type: ignore[attr-defined]
        member, method = cast(LocatedRequest, request._request).member, request.method or ""
        if member is not None and method not in table:
            raise MethodNotAllowed(method)
        permissions.check(member, table.get(method, permissions.Permission.VIEW))
        return True


class MemberScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.MemberAuthentication"
    name = ["ApiKey", "Session"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "stw_…"},
            {
                "type": "apiKey",
                "in": "cookie",
                "name": "session",
                "description": "with the header X-Workspace",
            },
        ]
