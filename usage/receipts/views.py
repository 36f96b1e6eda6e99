"""Pages of receipts and of the log they stand in."""

from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from tenants import links
from usage.features.keys import Feature
from usage.features.marks import needs_feature
from usage.receipts import documents, downloads, keys, presenters, queries, services
from usage.receipts.models import LogKind

PAGE_LENGTH = 30
CHECKPOINTS = 5


@requires(Permission.VIEW)
@require_safe
def receipt_list(request: MemberRequest) -> HttpResponse:
    """`?before=<receipt>`: the page after that one."""
    before = request.GET.get("before")
    rows = queries.page_of_receipts(
        request.member, before=queries.read_id(before) if before else None, limit=PAGE_LENGTH + 1
    )
    checkpoints = list(queries.checkpoints(request.workspace.id, LogKind.RECEIPTS)[:CHECKPOINTS])
    newest = checkpoints[0] if checkpoints else None
    context = {
        "receipts": presenters.lines(rows[:PAGE_LENGTH]),
        "next_url": f"?before={rows[PAGE_LENGTH - 1].id}" if len(rows) > PAGE_LENGTH else "",
        "prev_url": request.path if before else "",
        "sees_all": queries.sees_all(request.member),
        "checkpoints": [
            {"size": each.size, "root": documents.b64(each.root), "at": each.created_at}
            for each in checkpoints
        ],
        "key": str(keys.verifier(newest.log, newest.signing_key)) if newest else "",
    }
    return render(request, "usage/receipt_list.html", context)


@requires(Permission.VIEW)
@require_safe
def receipt_detail(request: MemberRequest, receipt_id: UUID) -> HttpResponse:
    receipt = queries.access_receipt(request.member, receipt_id)
    document = services.document(receipt.id)
    context = {
        "receipt": receipt,
        "sections": [*presenters.sections(document["receipt"]), presenters.proof(document)],
        "checkpoint": document["checkpoint"],
    }
    return render(request, "usage/receipt_detail.html", context)


@requires(Permission.VIEW)
@needs_feature(Feature.RECEIPTS_EXPORT)
@require_safe
def receipt_document(request: MemberRequest, receipt_id: UUID) -> HttpResponse:
    receipt = queries.access_receipt(request.member, receipt_id)
    return downloads.document(services.document(receipt.id), f"receipt-{receipt.id}.json")


@requires(Permission.VIEW)
@require_safe
def verdicts(request: MemberRequest) -> HttpResponse:
    """The two verdicts, reckoned now: as a page, and as the part of the list's page that comes after it.

    `?kind=audit`: of the audit log.
    """
    kind = queries.access_log_kind(request.member, request.GET.get("kind"))
    template = "usage/_verdicts.html" if request.htmx else "usage/verdicts.html"
    context = {
        "verdicts": queries.verdicts(request.workspace.id, kind),
        "is_audit": kind == LogKind.AUDIT,
        "sees_all": queries.sees_all(request.member),
    }
    return render(request, template, context)


@requires(Permission.VIEW)
@require_safe
def log_checkpoint(request: MemberRequest) -> HttpResponse:
    kind = queries.access_log_kind(request.member, request.GET.get("kind"))
    return downloads.note(services.take_checkpoint(request.workspace.id, kind))


@requires(Permission.WORKSPACE_MANAGE)
@needs_feature(Feature.RECEIPTS_EXPORT)
@require_safe
def log_export(request: MemberRequest) -> FileResponse:
    kind = queries.access_log_kind(request.member, request.GET.get("kind"))
    return downloads.log(services.take_checkpoint(request.workspace.id, kind))


@requires(Permission.VIEW)
@require_safe
def verifier(request: MemberRequest) -> HttpResponse:
    return downloads.verifier()


@requires(Permission.WORKSPACE_MANAGE)
@needs_feature(Feature.RECEIPTS_EXPORT)
@open_while_read_only
@require_POST
def checkpoint_mail(request: MemberRequest) -> HttpResponse:
    sent = services.mail_checkpoints_now(request.workspace.id, actor=request.member.actor)
    if sent:
        messages.success(request, "The checkpoints were mailed to the owners.")
    else:
        messages.error(request, "This workspace has no owner to mail to.")
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    return redirect(links.workspace_url(request.workspace, "receipts", on_own_domain=own))
