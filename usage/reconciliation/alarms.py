"""Open items are told to staff by mail: each once, and again when it comes back."""

import logging
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts import queries as accounts_queries
from tenants.models import Workspace
from usage.reconciliation.models import BooksItem

MOST_NAMED = 20
AGAIN_AFTER = timedelta(hours=20)
logger = logging.getLogger(__name__)


def tell_staff() -> int:
    """Mails what is open and was not told; returns how many items. Claimed by an UPDATE; a mail that fails gives them
    back, so that the next check tells them."""
    items = _claim()
    if not items:
        return 0
    logger.error("the books have new open items", extra={"items": len(items)})
    try:
        _mail(items)
    except (OSError, SMTPException):
        logger.exception("staff could not be told of open items; the next check tries again")
        BooksItem.objects.filter(pk__in=[item.pk for item in items]).update(alarmed_at=None)
        return 0
    return len(items)


def _claim() -> list[BooksItem]:
    """What goes on for days has an item of each day, and is told once a day."""
    now = timezone.now()
    standing = BooksItem.objects.filter(state=BooksItem.State.OPEN)
    with transaction.atomic():
        new = standing.select_for_update(skip_locked=True).filter(alarmed_at__isnull=True)
        items = list(new.order_by("-day", "id"))
        told = {_what(item) for item in standing.filter(alarmed_at__gt=now - AGAIN_AFTER)}
        BooksItem.objects.filter(pk__in=[item.pk for item in items]).update(alarmed_at=now)
    fresh = {_what(item): item for item in reversed(items) if _what(item) not in told}
    return list(reversed(fresh.values()))


def _what(item: BooksItem) -> tuple[object, ...]:
    return item.kind, item.workspace_id, item.model, item.subject


def _mail(items: list[BooksItem]) -> None:
    slugs = dict(
        Workspace.objects.filter(id__in={item.workspace_id for item in items}).values_list("id", "slug")
    )
    lines = [
        f"{item.day} {slugs.get(item.workspace_id, item.workspace_id) if item.workspace_id else 'platform'}: "
        f"{item.get_kind_display()} {item.model} {item.subject}: expected {item.expected:,}, found {item.found:,}"
        for item in items[:MOST_NAMED]
    ]
    context = {
        "lines": lines,
        "more": len(items) - len(lines),
        "url": f"{settings.BASE_URL}{reverse('admin:usage_booksitem_changelist')}?state__exact=open",
    }
    send_mail(
        subject=f"The books do not agree: {len(items)} new open item{'s' if len(items) > 1 else ''}",
        message=render_to_string("usage/mails/open_items.txt", context),
        from_email=None,
        recipient_list=accounts_queries.list_staff_addresses(),
    )
