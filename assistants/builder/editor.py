"""The page on which an assistant is made, changed and tested. Whatever refuses, what was typed stands in it again."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.builder import drafts, forms, presenters, queries, templates, versions
from assistants.builder.forms import AssistantForm, AvatarForm
from assistants.models import Assistant, Run
from config import errors
from usage.limits.forms import LimitForm
from usage.models import Meter, SubjectKind, Window

TEMPLATE = "assistants/assistant_form.html"
NEW: dict[str, Any] = {
    "temperature": "0.7",
    "max_output_tokens": 2048,
    "uses_memory": True,
    "visibility": Assistant.Visibility.WORKSPACE,
}


def form_of_new(request: MemberRequest, template: str) -> AssistantForm:
    """Raises NotFound for a template that there is not."""
    chosen = templates.get(template).initial if template else {}
    initial = forms.in_form({**NEW, "model": settings.CHAT_MODELS[0], **chosen})
    return AssistantForm(initial=initial, member=request.member)


def form_of(request: MemberRequest, assistant: Assistant) -> AssistantForm:
    """With what was saved last, which a pinned version may be in front of."""
    initial = forms.initial_of(versions.latest(assistant), assistant)
    return AssistantForm(initial=initial, member=request.member, assistant=assistant)


def form_on_top_of(request: MemberRequest, assistant: Assistant, latest: int) -> AssistantForm:
    """What was typed, to be saved once more with another version seen meanwhile."""
    data = request.POST.copy()
    data["base"] = str(latest)
    form = AssistantForm(data, member=request.member, assistant=assistant)
    form.full_clean()
    return form


def known_template(form: AssistantForm) -> str:
    keys = {each.key for each in templates.all_templates()}
    return form.cleaned_data["template"] if form.cleaned_data["template"] in keys else ""


def subject_of(assistant: Assistant) -> list[tuple[str, str, str]]:
    return [(SubjectKind.ASSISTANT.value, str(assistant.id), assistant.name)]


def refused(
    request: MemberRequest, form: AssistantForm, assistant: Assistant | None, refusal: errors.DomainError
) -> HttpResponse:
    """Beside its field where it is about one, else above the form."""
    field = refusal.data.get("field")
    name = "fallback_1" if field == "fallback_models" else field
    if name in form.fields:
        form.add_error(name, refusal.message)
        return page(request, form, assistant, status=refusal.status)
    return page(request, form, assistant, status=refusal.status, problem=refusal)


def page(
    request: MemberRequest,
    form: AssistantForm,
    assistant: Assistant | None,
    *,
    status: int = 200,
    problem: errors.DomainError | None = None,
    avatar_form: AvatarForm | None = None,
    limit_form: LimitForm | None = None,
    question: str = "",
    earlier: list[Run] | None = None,
) -> HttpResponse:
    template = form["template"].value() or ""
    form.fields["name"].required = True
    context: dict[str, Any] = {
        "form": form,
        "assistant": assistant,
        # Said, because other addresses answer with this page too.
        "save_url": _save_url(request, assistant),
        "problem": problem,
        "code": problem.code if problem else "",
        "title": errors.title_of(problem) if problem else "",
        "template": next((each for each in templates.all_templates() if each.key == template), None),
        "question": question,
        "turns": [presenters.trial(request, run) for run in earlier or []],
    }
    if assistant is not None:
        context |= presenters.side(request, assistant)
        context["avatar_form"] = avatar_form or AvatarForm()
        if context["can_limit"]:
            context["limit_form"] = limit_form or _limit_form(assistant)
    return render(request, TEMPLATE, context, status=status)


def _save_url(request: MemberRequest, assistant: Assistant | None) -> str:
    if assistant is None:
        return page_url(request, "assistant-create")
    return page_url(request, "assistant-edit", assistant_id=assistant.id)


def _limit_form(assistant: Assistant) -> LimitForm:
    subject = f"{SubjectKind.ASSISTANT}:{assistant.id}"
    initial = {"subject": subject, "meter": Meter.COST_MICRO, "window": Window.MONTH}
    return LimitForm(subjects=subject_of(assistant), initial=initial)


def trials_in(request: MemberRequest) -> list[Run]:
    """The turns that stand in the test panel."""
    ids = []
    for text in request.POST.getlist("told")[-drafts.MOST_TOLD :]:
        try:
            ids.append(UUID(text))
        except ValueError:
            continue
    return queries.list_trials(request.member, ids)
