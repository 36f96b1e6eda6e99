"""What an assistant may hold and who may change whom it is for: asked by services before they write."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.members import queries as members
from accounts.permissions import Member
from assistants.builder import choices
from assistants.builder.content import MAX_FALLBACKS, MAX_STARTERS, STARTER_LENGTH, Content
from assistants.builder.refusals import SharingRefused, about
from assistants.models import Assistant, Document

Visibility = Assistant.Visibility


def check(member: Member, saved: Content, present: Collection[str]) -> None:
    """`present`: the models that the assistant has. Raises AssistantRefused."""
    check_content(saved)
    check_models(member, saved, present)


def check_content(saved: Content) -> None:
    """Raises AssistantRefused."""
    fallbacks = saved.fallback_models
    if len(fallbacks) > MAX_FALLBACKS:
        raise about("fallback_models", f"Choose {MAX_FALLBACKS} fallback models at most.")
    if len({saved.model, *fallbacks}) != len(fallbacks) + 1:
        raise about("fallback_models", "A fallback is another model than the first, each once.")
    if unknown := set(saved.tools) - {tool.name for tool in choices.tools()}:
        raise about("tools", f"There is no tool {', '.join(sorted(unknown))}.")
    if len(saved.starters) > MAX_STARTERS:
        raise about("starters", f"Write {MAX_STARTERS} starters at most.")
    if any(not each.strip() or len(each) > STARTER_LENGTH for each in saved.starters):
        raise about("starters", f"A starter has 1 to {STARTER_LENGTH} characters.")


def check_models(member: Member, saved: Content, present: Collection[str]) -> None:
    """Those `present` stay as they are; another must be on offer to this workspace. Raises AssistantRefused."""
    if {saved.model, *saved.fallback_models} <= set(present):
        return
    known = choices.refusals(choices.models(member, present), present)
    for field, names in (("model", [saved.model]), ("fallback_models", saved.fallback_models)):
        for name in names:
            if reason := known.get(name, f"The model {name} is not offered here."):
                raise about(field, reason)


def attachable(member: Member) -> QuerySet[Document]:
    """Documents that the member may give an assistant: their own, and those that the whole workspace sees anyway."""
    # SECURITY: who may ask the assistant reads passages of it; a project's files are its members' only.
    seen = Q(owner_id=member.user_id) | Q(is_shared=True)
    return Document.objects.filter(seen, project=None, kind=Document.Kind.FILE).order_by("name", "id")


def knowledge_for(member: Member, wanted: Collection[UUID], present: Collection[UUID]) -> list[UUID]:
    """What stays of `wanted`: what the member may attach, and of the rest only what is there already.

    `present` that the member cannot see is kept: a colleague gave it, and it is not theirs to remove unseen.
    """
    own = set(attachable(member).filter(id__in={*wanted, *present}).values_list("id", flat=True))
    kept = {each for each in present if each not in own}
    return sorted({each for each in wanted if each in own} | kept)


def count_unseen(member: Member, assistant: Assistant) -> int:
    """Documents that colleagues gave it and the member cannot see. One query."""
    own = attachable(member).values("id")
    return assistant.knowledge.exclude(document_id__in=own).count()


def can_share(member: Member, assistant: Assistant | None) -> bool:
    """Whether they may change who uses it. Of what nobody made any more, admins decide."""
    if assistant is None or assistant.created_by_id == member.user_id:
        return True
    return member.can_manage_workspace


def check_sharing(
    member: Member, assistant: Assistant | None, visibility: str, user_ids: set[UUID]
) -> set[UUID]:
    """The members that are to be chosen. Raises SharingRefused and AssistantRefused."""
    if not can_share(member, assistant):
        raise SharingRefused()
    maker = member.user_id if assistant is None else assistant.created_by_id
    # SECURITY: "only me" is the maker's; said by anybody else it would take the assistant away from everybody.
    if visibility == Visibility.PERSON and maker != member.user_id:
        raise about("visibility", "Only who made the assistant can keep it to themselves.")
    if visibility != Visibility.MEMBERS:
        return set()
    if strangers := user_ids - members.names_by_user(member.workspace_id).keys():
        raise about("members", f"{len(strangers)} of the chosen are not members of this workspace.")
    # Who chooses others keeps it in sight.
    chosen = user_ids | ({member.user_id} if maker != member.user_id else set())
    if not chosen - {maker}:
        raise about("members", "Choose at least one colleague, or keep it to yourself.")
    return chosen
