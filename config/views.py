"""Pages that belong to no app: health, readiness, error pages, the demo mailbox."""

import redis
from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin

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
    """Demo only (the URL does not exist otherwise): the mails that would have been sent, newest first."""
    to = request.GET.get("to", "").strip()
    mails = mailbox.list_mails(settings.MAIL_DIR, to=to)
    return render(request, "dev_mail_list.html", {"mails": mails, "to": to})


def mail_message(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "dev_mail_message.html", {"mail": _mail(name)})


# SECURITY: the one answer with inline styles. It may do nothing else, and nobody but the mailbox may frame it.
@csp_replace(  # type: ignore[arg-type]  # its type knows only views without arguments
    {
        "default-src": [NONE], "script-src": [NONE], "style-src": [UNSAFE_INLINE], "img-src": ["data:"],
        "connect-src": [NONE], "form-action": [NONE], "frame-ancestors": [SELF],
        "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
    }
)  # fmt: skip
@xframe_options_sameorigin
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(_mail(name).html)


def _mail(name: str) -> mailbox.Mail:
    mail = mailbox.get_mail(settings.MAIL_DIR, name)
    if mail is None:
        raise errors.NotFound()
    return mail
