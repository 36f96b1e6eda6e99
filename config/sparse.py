"""Sparse answers: `?fields=id,title` leaves of each object only what was named. For every view of the REST API."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.http.response import HttpResponseBase
from rest_framework import generics, serializers, views
from rest_framework.request import Request
from rest_framework.response import Response

PARAMETER = {
    "name": "fields",
    "in": "query",
    "required": False,
    "style": "form",
    "explode": False,
    "schema": {"type": "array", "items": {"type": "string"}},
    "description": "Only these fields of each object, with commas between them. An unknown one is refused (400).",
}


class SparseFields:
    """For views: answers to GET keep the fields that `fields` names, of the object or of each of a list's `results`.

    What may be named is what the objects have; a list that may be empty names its `serializer_class`.
    """

    serializer_class: type[serializers.BaseSerializer] | None = None

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> Response:
        if _is_sparse(request, response):
            try:
                response.data = self.pruned(response.data, _asked(request))  # type: ignore[attr-defined]  # as _is_sparse saw
            except serializers.ValidationError as refusal:
                response = self.handle_exception(refusal)  # type: ignore[attr-defined]  # of APIView
        found: Response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        return found

    def pruned(self, body: Any, asked: list[str]) -> Any:
        """Raises ValidationError for a name that the objects do not have."""
        if not isinstance(body, Mapping):
            return body
        rows = body.get("results")
        if not isinstance(rows, list):
            _check(asked, body)
            return {name: value for name, value in body.items() if name in asked}
        known = self._known() or {name for row in rows for name in row}
        if known or rows:
            _check(asked, known)
        kept = [{name: value for name, value in row.items() if name in asked} for row in rows]
        return {**body, "results": kept}

    def _known(self) -> set[str]:
        declared = self.serializer_class
        if declared is None or not issubclass(declared, serializers.Serializer):
            return set()
        return set(declared().fields)


def _is_sparse(request: Request, response: HttpResponseBase) -> bool:
    is_plain = isinstance(response, Response) and 200 <= response.status_code < 300
    return is_plain and request.method == "GET" and "fields" in request.query_params


def _asked(request: Request) -> list[str]:
    said = ",".join(request.query_params.getlist("fields"))
    return [name for name in (part.strip() for part in said.split(",")) if name]


def _check(asked: list[str], known: Iterable[str]) -> None:
    there = set(known)
    unknown = sorted(set(asked) - there)
    if unknown or not asked:
        named = ", ".join(unknown) or "nothing"
        raise serializers.ValidationError(
            {"fields": f"Unknown: {named[:200]}. There are: {', '.join(sorted(there))}."}
        )


class APIView(SparseFields, views.APIView):
    """What every view of the REST API is made of."""


class ListAPIView(SparseFields, generics.ListAPIView):
    """A list by cursor."""


def document_fields(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """For drf-spectacular: names the parameter with every GET that heeds it."""
    for path, _regex, method, view in generator.endpoints:
        operation = result["paths"].get(path, {}).get("get")
        is_sparse = method == "GET" and issubclass(getattr(view, "cls", object), SparseFields)
        if operation is None or not is_sparse or not _is_json(operation):
            continue
        operation["parameters"] = [*operation.get("parameters", []), PARAMETER]
    return result


def _is_json(operation: Mapping[str, Any]) -> bool:
    return any("application/json" in answer.get("content", {}) for answer in operation["responses"].values())
