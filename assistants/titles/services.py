"""Titles written by the model after the first answer, in a metered run of their own."""

import logging
from uuid import UUID

from django.db import transaction

from accounts import queries as accounts_queries
from assistants.models import Conversation, Message, Run
from assistants.runs import services as runs
from config import errors
from tenants.scope import current_workspace

MOST_TOKENS = 40
READ = 1_500
LENGTH = 80
WORDS = (
    "Write a title for this conversation: three to six words, in its language, without quotes or a full stop."
)
logger = logging.getLogger(__name__)


def begin(*, answer_id: UUID) -> Run | None:
    """Asks for a title when this is the first answer of a conversation that nobody named. In the workspace.

    None when there is nothing to do, and when limits or a stop refuse it: the first title stays.
    """
    answer = Message.objects.select_related("conversation__assistant", "parent").filter(id=answer_id).first()
    if answer is None or answer.parent is None or answer.parent.parent_id is not None or not answer.text:
        return None
    conversation = answer.conversation
    member = accounts_queries.get_member(
        user_id=conversation.owner_id, workspace_id=current_workspace().id, session_key=None
    )
    if conversation.has_given_title or member is None or not member.can_chat:
        return None
    with transaction.atomic():
        Conversation.objects.select_for_update().filter(id=conversation.id).first()
        if Run.objects.filter(kind=Run.Kind.TITLE, request__conversation=str(conversation.id)).exists():
            return None
        said = f"{answer.parent.text[:READ]}\n\nThe answer begins:\n{answer.text[:READ]}"
        messages = [{"role": "system", "content": WORDS}, {"role": "user", "content": said}]
        new = runs.NewRun(
            kind=Run.Kind.TITLE,
            model=conversation.assistant.model,
            prompt=messages,
            max_output_tokens=MOST_TOKENS,
            assistant=conversation.assistant,
            request={"conversation": str(conversation.id), "messages": messages, "temperature": 0},
        )
        try:
            with transaction.atomic():
                return runs.start_run(member=member, new=new)
        except errors.DomainError as refusal:
            logger.info("no title was written: %s", refusal.code)
            return None


def apply(*, run_id: UUID) -> str:
    """Gives the conversation the title that an ended run wrote, once, unless somebody named it meanwhile."""
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(id=run_id, kind=Run.Kind.TITLE).first()
        if run is None or not run.is_final or "messages" not in run.request:
            return ""
        conversation_id, title = run.request["conversation"], cleaned(run.text)
        Run.objects.filter(id=run.id).update(request={"conversation": conversation_id}, text="")
        if run.state != Run.State.DONE or not title:
            return ""
        named = Conversation.objects.filter(id=conversation_id, has_given_title=False).update(title=title)
        return title if named else ""


def cleaned(text: str) -> str:
    """One line, without the quotes and marks that models put around it."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = " ".join(line.split()).strip("\"'“”„»«*#` ").removeprefix("Title:").strip().rstrip(".")
    return line if len(line) <= LENGTH else line[:LENGTH].rsplit(" ", 1)[0] + "…"
