"""The words of billing's mails: plain text, amounts and days as the workspace reads them, links from configuration."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string

from accounts.mails.writing import Written
from billing import money
from billing.mails import kinds
from tenants import links
from tenants.scope import WorkspaceRef


def write(kind: str, context: dict[str, Any], workspace: WorkspaceRef | None, *, to: list[str]) -> Written:
    """`workspace` None: for staff. One query, for the address of the page."""
    values = _readable(context, workspace.timezone if workspace else "UTC")
    values |= {
        "workspace": workspace,
        "notice": settings.PAYMENTS_NOTICE,
        "url": _url(kind, values, workspace),
    }
    subject = kinds.KINDS[kind].subject_of(values)
    whose = workspace.name if workspace else settings.PRODUCT_NAME
    body = render_to_string(f"billing/mails/{kind}.txt", values).strip() + "\n"
    # A name with a line break must not begin another header.
    subject = " ".join(f"{whose}: {subject}".split())
    return Written(subject, body, to, [str(values[name]) for name in values if name.endswith("url")])


def _readable(context: dict[str, Any], zone: str) -> dict[str, Any]:
    """`amount_minor` becomes `amount`, and what ends with `_at` a day in the workspace's zone."""
    values = dict(context)
    for name, value in context.items():
        if name.endswith("_at") and value:
            local = datetime.fromisoformat(value).astimezone(ZoneInfo(zone))
            values[name] = local.strftime("%-d %B %Y")
    if "amount_minor" in context:
        values["amount"] = money.as_text(context["amount_minor"], context["currency"])
    return values


def _url(kind: str, values: dict[str, Any], workspace: WorkspaceRef | None) -> str:
    # SECURITY: from configuration and the workspace's verified domain, never from a request's Host.
    if workspace is None:
        return settings.BASE_URL + str(values["path"])
    page = kinds.KINDS[kind].page
    if "path" in values:
        return links.absolute_workspace_url(workspace, "dashboard") + str(values["path"])
    return links.absolute_workspace_url(workspace, page)
