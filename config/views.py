"""Pages that belong to no app: health, readiness, error pages, the demo mailbox."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from config import errors, mailbox
from config import redis as redis_clients


def health(request: HttpRequest) -> HttpResponse:
    """The process answers. No I/O: a slow database must not make an orchestrator restart the web process."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database, its migrations and Redis are there; else 503 with what is missing."""
    missing = [name for name, probe in (("database", _database), ("redis", _redis)) if not probe()]
    if "database" not in missing and not _migrated():
        missing.append("migrations")
    body = {"status": "unavailable" if missing else "ok", "missing": missing}
    return JsonResponse(body, status=503 if missing else 200)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


_migrations_seen = False


def _migrated() -> bool:
    """Asked of the database until the answer is yes once: applied migrations stay applied."""
    global _migrations_seen  # noqa: PLW0603  a process-wide fact that never turns back
    if not _migrations_seen:
        executor = MigrationExecutor(connection)
        targets = executor.loader.graph.leaf_nodes()
        _migrations_seen = not executor.migration_plan(targets)
    return _migrations_seen


def _redis() -> bool:
    try:
        return bool(redis_clients.client().ping())
    except redis.RedisError:
        return False


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return errors.render(request, errors.NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    return errors.render(request, errors.DomainError("Please try again.", code="internal", status=500))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return errors.render(request, errors.Forbidden())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return errors.render(request, errors.DomainError("The request cannot be read.", code="bad_request"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    message = "This form is too old or came from another site. Reload the page and send it again."
    return errors.render(request, errors.DomainError(message, code="csrf_failed", status=403))


def mail_list(request: HttpRequest) -> HttpResponse:
    """Demo only (the URL does not exist otherwise): the mails that would have been sent."""
    return render(request, "dev_mail_list.html", {"mails": mailbox.list_mails(settings.MAIL_DIR)})


def mail_message(request: HttpRequest, name: str) -> HttpResponse:
    mail = mailbox.get_mail(settings.MAIL_DIR, name)
    if mail is None:
        raise errors.NotFound()
    return render(request, "dev_mail_message.html", {"mail": mail})
