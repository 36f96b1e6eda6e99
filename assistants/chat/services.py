"""Writes to conversations. Each sends at most one question and starts at most one run, in one transaction."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4, uuid5

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.permissions import Member
from assistants.builder import queries as builder
from assistants.chat import attaching, queries
from assistants.chat.queries import Spot
from assistants.chat.refusals import (
    MAX_COMMENT,
    MAX_TEXT,
    AnswerRunning,
    CommentTooLong,
    EmptyMessage,
    MessageTooLong,
    NothingToRetry,
    ParentGone,
)
from assistants.memory import praise, wishes
from assistants.models import Assistant, Conversation, Feedback, Message, Project, Run, Widget
from assistants.prompting import builder as prompting
from assistants.prompting.types import Ask
from assistants.runs import services as runs
from config import errors
from tenants import audit
from tenants.webhooks import emission

TITLE_LENGTH = 60


@dataclass(frozen=True)
class Turn:
    conversation: Conversation
    question: Message
    answer: Message
    run: Run | None


@dataclass(frozen=True)
class Choices:
    """What is chosen when a conversation begins. `is_temporary`: it neither remembers nor is remembered."""

    project: Project | None = None
    is_temporary: bool = False
    uses_memory: bool = True
    widget: Widget | None = None


def start_conversation(
    *,
    member: Member,
    assistant: Assistant,
    text: str,
    client_id: UUID | None = None,
    choices: Choices = Choices(),  # noqa: B008  frozen
    attachments: Iterable[UUID] = (),
) -> Turn:
    """A new conversation with its first question. `attachments`: the member's own unsent files, which go with it.

    Raises EmptyMessage, MessageTooLong, RunsStopped, and what `attaching.bind` does. The same `client_id` again returns
    the first turn and starts nothing: the conversation's id is made from it.
    """
    text = checked(text)
    conversation_id = uuid5(member.user_id, str(client_id)) if client_id else uuid4()
    try:
        with transaction.atomic():
            conversation = _begin(member, assistant, text, conversation_id, choices)
            return _ask(
                member,
                conversation,
                parent_id=None,
                text=text,
                client_id=client_id,
                give=_given(member, attachments),
            )
    except IntegrityError:
        begun = Conversation.objects.filter(id=conversation_id).first()
        earlier = sent_already(begun, client_id) if begun else None
        if earlier is None:
            raise
        return earlier


def _begin(
    member: Member,
    assistant: Assistant,
    text: str,
    conversation_id: UUID,
    choices: Choices,
) -> Conversation:
    conversation = Conversation.objects.create(
        id=conversation_id,
        owner_id=member.user_id,
        assistant=assistant,
        title=_title(text),
        project=choices.project,
        is_temporary=choices.is_temporary,
        uses_memory=choices.uses_memory,
        widget=choices.widget,
        updated_at=timezone.now(),
    )
    audit.record(
        "conversation.started",
        actor=member.actor,
        workspace_id=member.workspace_id,
        target=("conversation", conversation.id),
    )
    _tell_begun(member, conversation)
    return conversation


def _tell_begun(member: Member, made: Conversation) -> None:
    emission.emit(
        "conversation.created",
        workspace_id=member.workspace_id,
        conversation_id=made.id,
        user_id=member.user_id,
        assistant_id=made.assistant_id,
    )


def send_message(
    *,
    member: Member,
    conversation: Conversation,
    text: str,
    parent_id: UUID | None,
    client_id: UUID | None = None,
    attachments: Iterable[UUID] = (),
) -> Turn:
    """A question under `parent_id` (an answer of this conversation; None begins a new root branch).

    The same `client_id` again returns the first turn and starts nothing: a browser may repeat a POST whose answer was
    lost. `attachments`: the member's own unsent files, which go with it. Raises EmptyMessage, MessageTooLong,
    AnswerRunning, NotFound, RunsStopped, and what `attaching.bind` does.
    """
    text = checked(text)
    try:
        with transaction.atomic():
            lock(conversation)
            earlier = sent_already(conversation, client_id)
            if earlier is not None:
                return earlier
            if parent_id is not None:
                _refuse_parent(conversation, parent_id)
            give = _given(member, attachments)
            return _ask(member, conversation, parent_id=parent_id, text=text, client_id=client_id, give=give)
    except IntegrityError:
        earlier = sent_already(conversation, client_id)
        if earlier is None:
            raise
        return earlier


def ask_under(
    *,
    member: Member,
    conversation: Conversation,
    spot: Spot | None,
    text: str,
    client_id: UUID | None,
    attachments: Iterable[UUID] = (),
) -> Turn:
    """For a caller that holds the conversation's lock and knows that nothing runs at `spot`, and that the
    `client_id` is new. Raises NotFound, RunsStopped, and what `attaching.bind` does."""
    if spot is not None and spot.role != Message.Role.ASSISTANT:
        raise ParentGone()
    give, parent_id = _given(member, attachments), spot.id if spot else None
    return _ask(member, conversation, parent_id=parent_id, text=text, client_id=client_id, give=give)


def edit_question(*, member: Member, question: Message, text: str) -> Turn:
    """Asks again in other words: a sibling of the question, with its files and its own answer. The old branch stays."""
    text = checked(text)
    if question.role != Message.Role.USER:
        raise errors.NotFound()
    with transaction.atomic():
        lock(question.conversation)

        def give(again: Message) -> None:
            attaching.copy(member=member, made={question.id: again})

        return _ask(member, question.conversation, parent_id=question.parent_id, text=text, give=give)


def regenerate(*, member: Member, answer: Message) -> Turn:
    """Another answer to the same question, beside the first. Raises AnswerRunning."""
    if answer.role != Message.Role.ASSISTANT or answer.parent is None:
        raise errors.NotFound()
    with transaction.atomic():
        lock(answer.conversation)
        _refuse_running([answer.id])
        return _answer(member, answer.conversation, answer.parent)


def retry(*, member: Member, answer: Message) -> Turn:
    """After a failure: the same answer again when nothing was said, else a sibling, so that no text is lost.

    Raises AnswerRunning, NothingToRetry.
    """
    if answer.role != Message.Role.ASSISTANT or answer.parent is None:
        raise errors.NotFound()
    with transaction.atomic():
        lock(answer.conversation)
        _refuse_running([answer.id])
        latest = answer.runs.order_by("-created_at").first()
        if latest is None or latest.state == Run.State.DONE:
            raise NothingToRetry()
        if latest.text:
            return _answer(member, answer.conversation, answer.parent)
        run = _start(member, answer.conversation, answer)
        return Turn(answer.conversation, answer.parent, answer, run)


def rate(*, member: Member, answer: Message, is_good: bool | None, comment: str = "") -> None:
    """A person's thumb on an answer, one each; None takes it back. Raises NotFound, CommentTooLong."""
    if answer.role != Message.Role.ASSISTANT:
        raise errors.NotFound()
    comment = comment.replace("\x00", "").strip()
    if len(comment) > MAX_COMMENT:
        raise CommentTooLong()
    with transaction.atomic():
        if is_good is None:
            Feedback.objects.filter(message=answer, person_id=member.user_id).delete()
        else:
            Feedback.objects.update_or_create(
                message=answer,
                person_id=member.user_id,
                defaults={
                    "assistant": answer.conversation.assistant,
                    "is_good": is_good,
                    "comment": comment,
                    "created_at": timezone.now(),
                },
            )
        praise.rated(member=member, answer=answer, is_good=is_good)


def fork(*, member: Member, message: Message) -> Conversation:
    """A conversation of one's own with the branch up to a message, its answers without their runs: nothing is charged
    again. Raises NotFound for an empty answer; AssistantArchived and AssistantWithdrawn where it could not go on."""
    branch = queries.branch_up_to(message)
    if not branch or (message.role == Message.Role.ASSISTANT and not message.text):
        raise errors.NotFound()
    source = message.conversation
    builder.require_usable(member, source.assistant)
    with transaction.atomic():
        made = Conversation.objects.create(
            owner_id=member.user_id,
            assistant=source.assistant,
            title=f"{source.title[: TITLE_LENGTH - 7]} (fork)",
            project=source.project,
            is_temporary=source.is_temporary,
            uses_memory=source.uses_memory,
            forked_from_id=source.id,
            # What was said before was read where it was said.
            remembered_at=timezone.now(),
            updated_at=timezone.now(),
        )
        _tell_begun(member, made)
        rows = _copied(made, branch)
        Message.objects.bulk_create(rows)
        attaching.copy(member=member, made=dict(zip([each[0] for each in branch], rows, strict=True)))
        Conversation.objects.filter(id=made.id).update(current_leaf_id=rows[-1].id)
        audit.record(
            "conversation.started",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("conversation", made.id),
        )
    return made


def _copied(made: Conversation, branch: list[tuple[UUID, str, str, datetime]]) -> list[Message]:
    """One below the other, in one insert: PostgreSQL checks the parents when the transaction ends."""
    ids = [uuid4() for _ in branch]
    return [
        Message(
            id=row_id, conversation=made, parent_id=parent_id, role=role, text=text, created_at=created_at
        )
        for row_id, parent_id, (_, role, text, created_at) in zip(ids, [None, *ids], branch, strict=False)
    ]


def show_branch(*, conversation: Conversation, leaf_id: UUID | None) -> None:
    """Remembers which branch was looked at last."""
    if conversation.current_leaf_id != leaf_id:
        Conversation.objects.filter(id=conversation.id).update(current_leaf_id=leaf_id)


def checked(text: str) -> str:
    text = text.replace("\x00", "").strip()
    if not text:
        raise EmptyMessage()
    if len(text) > MAX_TEXT:
        raise MessageTooLong()
    return text


def _title(text: str) -> str:
    line = " ".join(text.split())
    if len(line) <= TITLE_LENGTH:
        return line
    return line[:TITLE_LENGTH].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def lock(conversation: Conversation) -> None:
    """One writer per conversation at a time. Raises NotFound when it was erased meanwhile."""
    if Conversation.objects.select_for_update().filter(id=conversation.id).first() is None:
        raise errors.NotFound()


def sent_already(conversation: Conversation, client_id: UUID | None) -> Turn | None:
    if client_id is None:
        return None
    question = conversation.messages.filter(client_id=client_id).first()
    if question is None:
        return None
    answer = question.children.order_by("created_at")[0]
    return Turn(conversation, question, answer, answer.runs.order_by("-created_at").first())


def _refuse_parent(conversation: Conversation, parent_id: UUID) -> None:
    parent = conversation.messages.filter(id=parent_id, role=Message.Role.ASSISTANT).first()
    if parent is None:
        raise ParentGone()
    _refuse_running([parent_id])


def _refuse_running(answer_ids: list[UUID]) -> None:
    if Run.objects.filter(message_id__in=answer_ids, state__in=["queued", "running"]).exists():
        raise AnswerRunning()


def _ask(
    member: Member,
    conversation: Conversation,
    *,
    parent_id: UUID | None,
    text: str,
    client_id: UUID | None = None,
    give: Callable[[Message], None] | None = None,
) -> Turn:
    """`give`: what brings the question its files, before the prompt is measured."""
    question = Message.objects.create(
        conversation=conversation,
        parent_id=parent_id,
        role=Message.Role.USER,
        text=text,
        client_id=client_id,
        created_at=timezone.now(),
    )
    if give is not None:
        give(question)
    wishes.grant(member=member, text=text)
    return _answer(member, conversation, question)


def _given(member: Member, ids: Iterable[UUID]) -> Callable[[Message], None]:
    def give(question: Message) -> None:
        attaching.bind(member=member, question=question, ids=ids)

    return give


def _answer(member: Member, conversation: Conversation, question: Message) -> Turn:
    answer = Message.objects.create(
        conversation=conversation, parent=question, role=Message.Role.ASSISTANT, created_at=timezone.now()
    )
    return Turn(conversation, question, answer, _start(member, conversation, answer))


def _start(member: Member, conversation: Conversation, answer: Message) -> Run:
    assistant = conversation.assistant
    Conversation.objects.filter(id=conversation.id).update(
        current_leaf_id=answer.id, updated_at=timezone.now()
    )
    question = answer.parent.text if answer.parent is not None else ""
    draft = prompting.draft(Ask(member.user_id, assistant, conversation, answer, question))
    new = runs.NewRun(
        kind=Run.Kind.REPLY,
        model=assistant.model,
        prompt=draft.messages,
        reserved_tokens=draft.reserved_tokens,
        max_output_tokens=assistant.max_output_tokens,
        message=answer,
        assistant=assistant,
    )
    return runs.start_run(member=member, new=new)
