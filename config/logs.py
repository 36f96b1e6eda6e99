"""Structured logs: each record carries the request, workspace and run it belongs to."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from config import masking

CONTEXT_FIELDS = ("request_id", "workspace_id", "run_id")
_context: ContextVar[dict[str, str] | None] = ContextVar("log_context", default=None)


@contextmanager
def log_context(**fields: str) -> Iterator[None]:
    """Adds fields (of CONTEXT_FIELDS) to every record logged inside, in this thread or task."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def current(field: str) -> str:
    return (_context.get() or {}).get(field, "")


class ContextFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        context = _context.get() or {}
        for field in CONTEXT_FIELDS:
            if not hasattr(record, field):
                setattr(record, field, context.get(field, ""))
        return True


class MaskedText(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return masking.masked(super().format(record))


class MaskedJson(JsonFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return masking.masked(super().format(record))


def configuration(*, level: str, as_json: bool) -> dict[str, Any]:
    """The LOGGING dictionary. Prompts, keys and payloads are never logged; messages are constant, ids are extras."""
    text_format = (
        "%(levelname)s %(name)s %(message)s request=%(request_id)s workspace=%(workspace_id)s run=%(run_id)s"
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": "config.logs.ContextFilter"}},
        "formatters": {
            "text": {"()": "config.logs.MaskedText", "fmt": text_format},
            "json": {
                "()": "config.logs.MaskedJson",
                "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s %(workspace_id)s %(run_id)s",
            },
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "filters": ["context"],
                "formatter": "json" if as_json else "text",
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "httpx2": {"level": "WARNING"},
            "openai": {"level": "WARNING"},
            # One line per task says nothing that the run's own row does not.
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
        },
    }
