"""Errors of the REST API in the one shape of `config.errors`."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from config import errors


def exception_handler(raised: Exception, context: dict[str, Any]) -> Response | None:
    """Every error of the REST API in one shape. Unanticipated errors return None and bubble."""
    error = as_domain_error(raised)
    if error is None:
        return None
    set_rollback()
    headers = {}
    wait = error.data.get("retry_after_s")
    if wait is not None:
        headers["Retry-After"] = str(wait)
    return Response(
        errors.problem(error), status=error.status, headers=headers, content_type=errors.PROBLEM_TYPE
    )


def as_domain_error(raised: Exception) -> errors.DomainError | None:
    if isinstance(raised, errors.DomainError):
        return raised
    if isinstance(raised, Http404):
        return errors.NotFound()
    if isinstance(raised, PermissionDenied):
        return errors.Forbidden()
    if isinstance(raised, drf.ValidationError):
        data = {"fields": raised.get_full_details()}
        return errors.DomainError("Some fields need another value.", code="invalid", status=400, data=data)
    if isinstance(raised, drf.APIException):
        details = raised.get_codes()
        code = details if isinstance(details, str) else "error"
        return errors.DomainError(str(raised.detail), code=code, status=raised.status_code)
    return None
