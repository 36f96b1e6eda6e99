"""Assistants, their versions and tests as pages show them: plain values."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from accounts.links import page_url
from accounts.members import queries as members
from accounts.requests import MemberRequest
from assistants.builder import choices, content, queries, rules
from assistants.models import Assistant, AssistantVersion, Run
from assistants.rendering import markdown
from assistants.runs import words
from assistants.tools import presenters as tools
from usage import money, presenters, report
from usage.limits import queries as limits
from usage.models import SubjectKind

SHARED = {
    Assistant.Visibility.WORKSPACE: "",
    Assistant.Visibility.MEMBERS: "Chosen members",
    Assistant.Visibility.PERSON: "Only you",
}
TITLES = {
    "fallback_models": "Fallback models",
    "max_output_tokens": "Longest answer (tokens)",
    "uses_memory": "Memory",
    "visibility": "Who may use it",
    "members": "Chosen members",
    "starters": "Conversation starters",
}
ORDER = (*content.NAMES, "visibility", "members")
LONG = ("instructions", "starters")
VISIBILITIES = dict(Assistant.Visibility.choices)


def title_of(field: str) -> str:
    return TITLES.get(field) or field.replace("_", " ").capitalize()


def avatar_url(request: MemberRequest, assistant: Assistant) -> str:
    """The address changes with the picture, so that browsers may keep it."""
    if not assistant.avatar:
        return ""
    mark = assistant.avatar.rsplit("/", 1)[-1].removesuffix(".png")
    return f"{page_url(request, 'assistant-avatar', assistant_id=assistant.id)}?v={mark}"


def card(request: MemberRequest, row: Assistant, over_plan: set[UUID]) -> dict[str, Any]:
    return {
        "id": row.id,
        "is_over_plan": row.id in over_plan,
        "name": row.name,
        "initials": row.name[:1],
        "image": avatar_url(request, row),
        "description": row.description,
        "model": row.model,
        "shared": SHARED[Assistant.Visibility(row.visibility)],
        "pinned": row.pinned_number,
        "archived_at": row.archived_at,
        "url": page_url(request, "assistant-edit", assistant_id=row.id),
        "unarchive_url": page_url(request, "assistant-unarchive", assistant_id=row.id),
        "chat_url": f"{page_url(request, 'chat')}?assistant={row.id}",
    }


def links_of(request: MemberRequest, assistant: Assistant) -> dict[str, str]:
    names = (
        "edit",
        "versions",
        "compare",
        "duplicate",
        "archive",
        "unarchive",
        "unpin",
        "avatar-change",
        "limits",
    )
    return {
        name.replace("-", "_"): page_url(request, f"assistant-{name}", assistant_id=assistant.id)
        for name in names
    }


def side(request: MemberRequest, assistant: Assistant) -> dict[str, Any]:
    """What stands beside the form of a saved assistant. A constant number of queries."""
    return {
        "links": links_of(request, assistant),
        "image": avatar_url(request, assistant),
        "chat_url": f"{page_url(request, 'chat')}?assistant={assistant.id}",
        "tally": queries.tally_of(assistant),
        "limits": limits_of(request, assistant),
        "can_limit": request.member.can_manage_workspace,
        "unseen_knowledge": rules.count_unseen(request.member, assistant),
        "versions": queries.list_versions(assistant).count(),
        "can_share": rules.can_share(request.member, assistant),
    }


def limits_of(request: MemberRequest, assistant: Assistant) -> Sequence[Any]:
    only = Q(subject_kind=SubjectKind.ASSISTANT, subject_id=str(assistant.id))
    viewpoint = report.viewpoint_of(request.member, request.workspace)
    standings = limits.list_standings(viewpoint, now=timezone.now(), only=only)
    return presenters.meters(standings, zone=request.workspace.timezone, names={})


@dataclass(frozen=True)
class VersionRow:
    number: int
    created_at: datetime
    by: str
    note: str
    changed: list[str]
    is_in_use: bool
    is_latest: bool
    is_pinned: bool
    compare_url: str
    restore_url: str
    pin_url: str


def version_rows(
    request: MemberRequest, assistant: Assistant, versions: Sequence[AssistantVersion]
) -> list[VersionRow]:
    """The last first. `changed`: what it changed of the one before; the last of `versions` may be without."""
    names = members.names_by_user(request.workspace.id)
    latest = versions[0].number if versions else 0
    in_use = assistant.pinned_number or latest
    compare = page_url(request, "assistant-compare", assistant_id=assistant.id)
    rows = []
    for row, former in zip(versions, [*versions[1:], None], strict=True):
        where = {"assistant_id": assistant.id, "version_id": row.id}
        changed = content.differences(former.snapshot, row.snapshot) if former else []
        rows.append(
            VersionRow(
                number=row.number,
                created_at=row.created_at,
                by=names.get(row.created_by_id, "") if row.created_by_id else "",
                note=row.note,
                changed=[title_of(name) for name in changed],
                is_in_use=row.number == in_use,
                is_latest=row.number == latest,
                is_pinned=row.number == assistant.pinned_number,
                compare_url=f"{compare}?a={former.number}&b={row.number}" if former else "",
                restore_url=page_url(request, "assistant-restore", **where),
                pin_url=page_url(request, "assistant-pin", **where),
            )
        )
    return rows


@dataclass(frozen=True)
class Line:
    """Of a text that two versions have: mark `same`, `gone` or `new`."""

    mark: str
    text: str


def comparison(request: MemberRequest, a: AssistantVersion, b: AssistantVersion) -> list[dict[str, Any]]:
    """Each field of both, in the form's order; long texts by line."""
    changed = set(content.differences(a.snapshot, b.snapshot))
    people = members.names_by_user(request.workspace.id) if "members" in changed else {}
    documents = (
        dict(rules.attachable(request.member).values_list("id", "name")) if "knowledge" in changed else {}
    )
    names = {str(key): name for key, name in [*people.items(), *documents.items()]}
    rows = []
    for name in ORDER:
        left, right = a.snapshot.get(name), b.snapshot.get(name)
        if name not in changed and not left:
            continue
        rows.append(
            {
                "title": title_of(name),
                "is_changed": name in changed,
                "is_long": name in LONG,
                "left": _lines(left, right, "gone") if name in LONG else in_words(name, left, names),
                "right": _lines(right, left, "new") if name in LONG else in_words(name, right, names),
            }
        )
    return rows


def _lines(own: Any, other: Any, mark: str) -> list[Line]:
    """The lines of one side; those that the other does not have are marked."""
    mine, theirs = _split(own), _split(other)
    found = []
    for tag, start, end, _, _ in difflib.SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        found += [Line("same" if tag == "equal" else mark, text) for text in mine[start:end]]
    return found


def _split(value: Any) -> list[str]:
    return value if isinstance(value, list) else str(value or "").splitlines()


def in_words(field: str, value: Any, names: Mapping[str, str]) -> str:
    if field == "visibility":
        return str(VISIBILITIES.get(value, value or "—"))
    if field == "tools":
        titles = {tool.name: tool.title for tool in choices.tools()}
        return ", ".join(titles.get(each, each) for each in value or []) or "—"
    if field in ("members", "knowledge"):
        return (
            ", ".join(names.get(each, "somebody or something you cannot see") for each in value or []) or "—"
        )
    if isinstance(value, bool):
        return "On" if value else "Off"
    if isinstance(value, list):
        return ", ".join(value) or "—"
    return "—" if value in (None, "") else str(value)


def trial(request: MemberRequest, run: Run) -> dict[str, Any]:
    """One question of a test and its answer, in whatever state."""
    is_running = not run.is_final
    return {
        "id": run.id,
        "question": run.request["question"],
        "assistant_name": run.request["draft"]["name"],
        "model": run.answered_by or run.model,
        "state": "final" if run.state == Run.State.DONE else run.state,
        "text": run.text,
        "html": markdown.render(run.text) if run.text and not is_running else "",
        "context": run.context,
        "calls": tools.calls_of(request, [run] if run.tool_calls else []).get(run.id, []),
        "note": words.NOTES.get(run.finish_reason, "") if run.state == Run.State.DONE else "",
        "error": words.of(run.error_code) if run.state == Run.State.FAILED else None,
        "events_url": page_url(request, "run-events", run_id=run.id) if is_running else "",
        "url": page_url(request, "assistant-test-answer", run_id=run.id),
        "stop_url": page_url(request, "run-stop", run_id=run.id) if is_running else "",
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "cost": money.as_text(run.cost_micro),
        "receipt_url": page_url(request, "receipt", receipt_id=run.receipt_id) if run.receipt_id else "",
    }
