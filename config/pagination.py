from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import pagination
from rest_framework.request import Request
from rest_framework.serializers import Serializer, URLField
from rest_framework.utils.urls import remove_query_param, replace_query_param


class CursorPagination(pagination.CursorPagination):
    """Lists are `{results, next, previous}`, newest first, stable while rows arrive."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering = ("-created_at", "-id")


class Recent(CursorPagination):
    """By when they were changed last."""

    ordering = ("-updated_at", "-id")


class ByName(CursorPagination):
    ordering = ("name", "id")


def page(
    request: Request,
    rows: Iterable[Any],
    *,
    following: dict[str, Any] | None = None,
    preceding: dict[str, Any] | None = None,
    without: Iterable[str] = ("cursor",),
) -> dict[str, Any]:
    """The same shape for a list that is cut in another way than by columns: what the query becomes on its neighbours.

    `without`: parameters that say where this page began.
    """

    def link(values: dict[str, Any] | None) -> str | None:
        if values is None:
            return None
        url = request.build_absolute_uri()
        for name in without:
            url = remove_query_param(url, name)
        for name, value in values.items():
            url = replace_query_param(url, name, str(value))
        return url

    return {"next": link(following), "previous": link(preceding), "results": list(rows)}


def page_of(row: type[Serializer[Any]]) -> Serializer[Any]:
    """What the document says of such a page, under the name of its rows: `TagSerializer` comes in a `TagPage`."""
    fields = {
        "next": URLField(allow_null=True),
        "previous": URLField(allow_null=True),
        "results": row(many=True),
    }
    return inline_serializer(f"{row.__name__.removesuffix('Serializer')}Page", fields)
