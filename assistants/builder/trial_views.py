"""The test panel beside the editor: asks the draft as it stands in the form, saved or not."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from assistants.builder import editor, presenters, queries, trials
from assistants.builder.forms import AssistantForm
from assistants.builder.refusals import about
from assistants.models import Assistant
from config import errors
from usage.pace.middleware import starts_runs

TURN = "assistants/_trial_turn.html"
ANSWER = "assistants/_trial_answer.html"


@requires(Permission.ASSISTANTS_MANAGE)
@starts_runs
@require_POST
def assistant_test(request: MemberRequest) -> HttpResponse:
    """htmx gets the new turn; without it the whole page comes back, with the draft as it was typed.

    `assistant`: the saved one, if there is one; `told`: the turns so far; without a `question` they are only shown.
    """
    assistant = _assistant(request)
    form = AssistantForm(request.POST, member=request.member, assistant=assistant, is_draft=True)
    earlier, question = editor.trials_in(request), request.POST.get("question", "")
    if not request.htmx and not question.strip() and earlier:
        return editor.page(request, form, assistant, earlier=earlier)
    try:
        if not form.is_valid():
            raise about("draft", f"Mend the draft first: {_first_error(form)}")
        run = trials.start_trial(
            member=request.member, assistant=assistant, draft=form.draft, question=question, earlier=earlier
        )
    except errors.DomainError as refused:
        if request.htmx:
            raise
        return editor.page(
            request,
            form,
            assistant,
            status=refused.status,
            problem=refused,
            question=question,
            earlier=earlier,
        )
    if request.htmx:
        return render(request, TURN, {"turn": presenters.trial(request, run)})
    return editor.page(request, form, assistant, earlier=[*earlier, run])


@requires(Permission.ASSISTANTS_MANAGE)
@require_safe
def assistant_test_answer(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """The answer as a fragment: what replaces the streamed text."""
    run = queries.access_trial(request.member, run_id)
    return render(request, ANSWER, {"turn": presenters.trial(request, run)})


def _assistant(request: MemberRequest) -> Assistant | None:
    text = request.POST.get("assistant", "")
    if not text:
        return None
    try:
        return queries.access_assistant(request.member, UUID(text))
    except ValueError as error:
        raise errors.NotFound() from error


def _first_error(form: AssistantForm) -> str:
    field, found = next(iter(form.errors.items()))
    label = form[field].label if field in form.fields else ""
    return f"{label}: {found[0]}" if label else str(found[0])
