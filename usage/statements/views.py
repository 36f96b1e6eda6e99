from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from tenants.links import workspace_url
from usage.features.keys import Feature
from usage.features.marks import needs_feature
from usage.holds import explain
from usage.models import Meter
from usage.statements import queries
from usage.statements.models import Statement

LIST_COLUMNS = ("Month", "Messages", "Tokens", "Spend")
LINE_COLUMNS = ("Model", "Entry", "For", "Messages", "Tokens read", "Tokens written", "Images", "Spend")


@requires(Permission.WORKSPACE_MANAGE)
@needs_feature(Feature.STATEMENTS)
@require_safe
def statement_list(request: MemberRequest) -> HttpResponse:
    rows = [
        _row(
            [
                f"{statement.month:%B %Y}",
                explain.quantity(Meter.MESSAGES, statement.messages),
                explain.quantity(Meter.TOKENS, statement.tokens),
                explain.quantity(Meter.COST_MICRO, statement.cost_micro),
            ],
            words=1,
            href=_url(request, "statement", month=f"{statement.month:%Y-%m}"),
        )
        for statement in queries.list_statements(request.workspace.id)[:120]
    ]
    return render(
        request, "usage/statement_list.html", {"columns": _columns(LIST_COLUMNS, words=1), "rows": rows}
    )


@requires(Permission.WORKSPACE_MANAGE)
@needs_feature(Feature.STATEMENTS)
@require_safe
def statement_detail(request: MemberRequest, month: str) -> HttpResponse:
    statement = queries.access_statement(request.workspace.id, month)
    if request.GET.get("format") == "csv":
        return _download(statement)
    context = {
        "title": f"{statement.month:%B %Y}",
        "statement": statement,
        "cost": explain.quantity(Meter.COST_MICRO, statement.cost_micro),
        "columns": _columns(LINE_COLUMNS, words=3),
        "rows": [_line(line) for line in statement.lines],
        "csv_url": f"{_url(request, 'statement', month=month)}?format=csv",
    }
    return render(request, "usage/statement_detail.html", context)


def _download(statement: Statement) -> HttpResponse:
    response = HttpResponse(queries.as_csv(statement), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="statement-{statement.month:%Y-%m}.csv"'
    return response


def _line(line: dict[str, int]) -> dict[str, object]:
    numbers = [
        explain.quantity(meter, line[meter])
        for meter in (
            Meter.MESSAGES, Meter.INPUT_TOKENS, Meter.OUTPUT_TOKENS, Meter.IMAGES, Meter.COST_MICRO,
        )
    ]  # fmt: skip
    return _row([str(line["model"]), str(line["kind"]), str(line["run_kind"]), *numbers], words=3)


def _columns(labels: tuple[str, ...], *, words: int) -> list[dict[str, object]]:
    return [{"label": label, "is_number": at >= words} for at, label in enumerate(labels)]


def _row(texts: list[str], *, words: int, href: str = "") -> dict[str, object]:
    cells: list[dict[str, object]] = [
        {"text": text, "is_number": at >= words} for at, text in enumerate(texts)
    ]
    cells[0]["href"] = href
    return {"cells": cells}


def _url(request: MemberRequest, name: str, **kwargs: str) -> str:
    on_own_domain = getattr(request, "urlconf", None) == "config.domain_urls"
    return workspace_url(request.workspace, name, on_own_domain=on_own_domain, **kwargs)
