"""What a workspace has bought and what it was charged for it."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import queries as accounts_queries
from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from billing import log as billing_log
from billing.outcomes.queries import has_contracts
from billing.plans import queries as plans
from billing.presenters import account as account_presenters
from billing.presenters import invoices as invoice_presenters
from billing.presenters import log as log_presenters
from billing.subscriptions import describe, queries
from billing.views.referrals import box
from usage import presenters as usage_presenters

RECENT_INVOICES = 5
MOST_INVOICES = 120
PAGE_LENGTH = 50


@requires(Permission.BILLING_VIEW)
@require_safe
def overview(request: MemberRequest) -> HttpResponse:
    workspace, now = request.workspace, timezone.now()
    rows = queries.list_invoices(workspace.id, most=RECENT_INVOICES + 1)
    invoices = invoice_presenters.views(rows[:RECENT_INVOICES], zone=workspace.timezone)
    context = {
        "view": view_of(request),
        "invoices": invoices,
        "owed": next((invoice for invoice in invoices if invoice.pay_url), None),
        "has_more_invoices": len(rows) > RECENT_INVOICES,
        "referral": box(),
        "has_contracts": has_contracts(request.workspace.id),
        **usage_presenters.live(request.member, workspace, now=now),
    }
    return render(request, "billing/overview.html", context)


def view_of(request: MemberRequest) -> account_presenters.AccountView:
    workspace = request.workspace
    free = plans.free_plan()
    return account_presenters.present(
        describe.describe(workspace.id), free_name=free.name if free else "", zone=workspace.timezone
    )


@requires(Permission.BILLING_VIEW)
@require_safe
def invoices(request: MemberRequest) -> HttpResponse:
    rows = queries.list_invoices(request.workspace.id, most=MOST_INVOICES)
    shown = invoice_presenters.views(rows, zone=request.workspace.timezone)
    return render(request, "billing/invoices.html", {"invoices": shown, "most": MOST_INVOICES})


@requires(Permission.BILLING_VIEW)
@require_safe
def log(request: MemberRequest) -> HttpResponse:
    """`?about=` one kind of thing; `?before=` the page after that entry."""
    about, before = _about(request), _uuid(request.GET.get("before"))
    rows = billing_log.page_of_events(request.workspace.id, about=about, before=before, most=PAGE_LENGTH + 1)
    shown = rows[:PAGE_LENGTH]
    names = accounts_queries.names_of_persons([row.actor_ref for row in shown if row.actor_ref])
    context: dict[str, Any] = {
        "events": log_presenters.views(shown, names),
        "subjects": log_presenters.SUBJECTS.items(),
        "about": about,
        "next_url": f"?about={about}&before={shown[-1].id}" if len(rows) > PAGE_LENGTH else "",
        "prev_url": f"?about={about}" if before else "",
    }
    return render(request, "billing/log.html", context)


def _about(request: MemberRequest) -> str:
    asked = request.GET.get("about", "")
    return asked if asked in log_presenters.SUBJECTS else ""


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
