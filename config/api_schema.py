"""The API's document: what holds for every operation is added here, so that no view has to say it."""

from typing import Any

from drf_spectacular.openapi import AutoSchema as Base
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter

from config import errors

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
CHANGES = frozenset({"PUT", "PATCH", "DELETE"})
LIMITED = {
    "limit": 500, "used": 498, "held": 2, "resets_at": "2027-01-01T00:00:00+00:00",
    "upgrade_url": "https://steward.example/w/acme/billing/",
}  # fmt: skip
# status → code, message, and what else the example carries.
EXAMPLES: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: ("invalid", "Some fields need another value.", {"fields": {"name": [{"code": "required"}]}}),
    401: ("not_signed_in", "Sign in or send an API key.", {}),
    402: ("quota_exceeded", "Messages today, for this workspace: 498 used, 2 held, 1 needed.", LIMITED),
    403: ("forbidden", "Your role in this workspace does not allow that.", {"needs": "chat"}),
    404: ("not_found", "It does not exist, or you cannot see it.", {}),
    409: ("conflict", "It was changed meanwhile.", {}),
    412: ("precondition_failed", "It was changed since you read it.", {}),
    413: ("too_large", "The body is too large.", {}),
    415: ("unsupported_media_type", "Send application/json.", {}),
    422: ("idempotency_mismatch", "This Idempotency-Key came with another body before.", {}),
    423: ("workspace_suspended", "This workspace is suspended.", {}),
    429: ("rate_limited", "So many requests came.", {**LIMITED, "used": 500, "held": 0, "retry_after_s": 7}),
    503: ("unavailable", "Not available for a moment.", {"retry_after_s": 7}),
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details. `code` is stable; some codes carry further members.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "fields": {"type": ["object", "array"]},
        "limit": {"type": ["integer", "null"]},
        "used": {"type": ["integer", "null"]},
        "held": {"type": ["integer", "null"]},
        "resets_at": {"type": ["string", "null"], "format": "date-time"},
        "upgrade_url": {"type": ["string", "null"]},
        "retry_after_s": {"type": "integer"},
    },
}
REPEATED = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER,
    description="With the same key the same call is carried out once within 24 hours.",
)  # fmt: skip
UNCHANGED = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The change is made to this ETag only."
)
KNOWN = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="304 when it still has this ETag."
)


class AutoSchema(Base):
    def get_override_parameters(self) -> list[Any]:
        found = list(super().get_override_parameters())
        if self.method in UNSAFE and self._is_for_members():
            found.append(REPEATED)
        if self.method in CHANGES:
            found.append(UNCHANGED)
        if self.method == "GET":
            found.append(KNOWN)
        return found

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = dict(super()._get_response_bodies(direction))
        for status in self._statuses():
            bodies.setdefault(str(status), self._problem(status))
        if self.method == "GET":
            bodies.setdefault("304", {"description": "Not changed since `If-None-Match`."})
        return bodies

    def _is_for_members(self) -> bool:
        return hasattr(self.view, "required_permissions")

    def _statuses(self) -> list[int]:
        statuses = {400, 401, 429, 503}
        if self._is_for_members() or self.get_auth():
            statuses |= {402, 403, 404, 423}
        if self.method in UNSAFE:
            statuses |= {409, 413, 415, 422}
        if self.method in CHANGES:
            statuses.add(412)
        return sorted(statuses)

    def _problem(self, status: int) -> dict[str, Any]:
        name = "ProblemDetails"
        component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=PROBLEM, object=name)
        self.registry.register_on_missing(component)
        code, detail, more = EXAMPLES[status]
        title = errors.TITLES[status]
        value = {
            **more,
            "type": "about:blank",
            "title": title,
            "status": status,
            "code": code,
            "detail": detail,
        }
        content = {"schema": component.ref, "examples": {code: {"value": value}}}
        return {"description": title, "content": {errors.PROBLEM_TYPE: content}}
