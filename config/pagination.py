from rest_framework import pagination


class CursorPagination(pagination.CursorPagination):
    """Lists are `{results, next, previous}`, newest first, stable while rows arrive."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering = ("-created_at", "-id")
