"""Writes to assistants. Each save is a version; the row holds what is in use (docs/assistants.md)."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.permissions import Member
from assistants.builder import content, queries, rules, versions
from assistants.builder.content import Content
from assistants.builder.refusals import AssistantArchived, EditedMeanwhile
from assistants.models import Assistant, AssistantVersion
from config import errors
from tenants import audit, keys, pictures
from tenants.scope import workspace_scope
from usage import gauges
from usage.features import queries as features
from usage.features.keys import Feature
from usage.models import Meter

FIRST_INSTRUCTIONS = (
    "You are a helpful assistant for a team. Answer clearly and briefly; say so when you are not sure. "
    "Use Markdown where it helps."
)
FIRST_STARTERS = [
    "Help me plan my week. Ask me first what is fixed.",
    "Turn my notes into a short message to the team.",
    "Compare two options in a table, and say which you would take.",
]
SHARING = ("visibility", "members")
NAME_LENGTH = 80
Visibility = Assistant.Visibility


def create_first_assistant(*, workspace_id: UUID) -> None:
    """What every workspace starts with. Runs inside the transaction that creates the workspace."""
    first = Content(
        name="Steward",
        model=settings.CHAT_MODELS[0],
        description="A general assistant for everyday questions.",
        instructions=FIRST_INSTRUCTIONS,
        starters=FIRST_STARTERS,
    )
    versions.write_first(_insert(first, slug="steward"), first, by=None)


def create_assistant(
    *,
    member: Member,
    visibility: str = Visibility.WORKSPACE,
    members: Collection[UUID] = (),
    template: str = "",
    **fields: Any,
) -> Assistant:
    """`fields`: of Content. Raises FeatureNotIncluded, AssistantRefused, QuotaExceeded when the plan holds no more."""
    features.require(member.workspace_id, Feature.CUSTOM_ASSISTANTS)
    saved = Content(**fields)
    saved = replace(saved, knowledge=rules.knowledge_for(member, saved.knowledge, ()))
    rules.check(member, saved, ())
    chosen = rules.check_sharing(member, None, visibility, set(members))
    with transaction.atomic():
        assistant = _add(member, saved, visibility, chosen, template)
        audit.record(
            "assistant.created",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("assistant", assistant.id),
        )
    return assistant


def duplicate_assistant(*, member: Member, assistant: Assistant) -> Assistant:
    """A copy of what is in use, for the member alone until they share it. Its picture is not copied.

    Raises FeatureNotIncluded, QuotaExceeded.
    """
    features.require(member.workspace_id, Feature.CUSTOM_ASSISTANTS)
    # What only its former owner may attach does not come along.
    known = rules.attachable(member).filter(id__in=versions.knowledge_of(assistant))
    name = f"Copy of {assistant.name}"[:NAME_LENGTH]
    saved = replace(content.of_row(assistant, known.values_list("id", flat=True)), name=name)
    with transaction.atomic():
        copy = _add(member, saved, Visibility.PERSON, set(), assistant.template)
        audit.record(
            "assistant.duplicated",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("assistant", copy.id),
            source=str(assistant.id),
        )
    return copy


def edit_assistant(
    *, member: Member, assistant: Assistant, changes: Mapping[str, Any], base: int | None = None
) -> None:
    """Saves a version. `changes`: field → value of Content, `visibility`, `members`; others stay as last saved.

    While a version is pinned it stays in use. The names that changed go into the audit log. `base`: the version that
    was edited; when another was saved since, EditedMeanwhile. Raises also FeatureNotIncluded, OverPlanLimit,
    AssistantRefused, SharingRefused.
    """
    features.require(member.workspace_id, Feature.CUSTOM_ASSISTANTS)
    queries.require_within_plan(member.workspace_id, assistant)
    with transaction.atomic():
        row = _editable(assistant)
        last = versions.latest(row)
        if base is not None and base != last.number:
            raise EditedMeanwhile(
                f"Version {last.number} was saved while you edited version {base}. What you wrote is still here:"
                " save it again to put it on top.",
                data={"latest": last.number},
            )
        saved = _merged(member, row, last, changes)
        visibility, chosen = _sharing(member, row, changes)
        told = versions.told(visibility, chosen)
        changed = content.differences(last.snapshot, saved.snapshot() | told)
        if not changed:
            return
        versions.share_with(row, visibility, chosen)
        versions.write(row, saved, by=member)
        if row.pinned_number is None:
            versions.put_into_use(row, saved)
        else:
            gone = set(content.of_snapshot(last.snapshot).knowledge) - set(saved.knowledge)
            versions.take_away(row, gone)
        _record(member, row, "assistant.edited", fields=changed)


def restore_version(*, member: Member, assistant: Assistant, number: int) -> AssistantVersion:
    """Saves what that version held as a new one. Who may use the assistant stays as it is.

    Raises NotFound, FeatureNotIncluded, OverPlanLimit.
    """
    features.require(member.workspace_id, Feature.CUSTOM_ASSISTANTS)
    queries.require_within_plan(member.workspace_id, assistant)
    with transaction.atomic():
        row = _editable(assistant)
        saved = _brought_back(member, row, number)
        version = versions.write(row, saved, by=member, note=f"Restored version {number}")
        if row.pinned_number is None:
            versions.put_into_use(row, saved)
        _record(member, row, "assistant.version_restored", version=number)
    return version


def pin_version(*, member: Member, assistant: Assistant, number: int) -> None:
    """This version is in use whatever is saved later, until it is unpinned.

    Raises NotFound, FeatureNotIncluded, OverPlanLimit.
    """
    features.require(member.workspace_id, Feature.CUSTOM_ASSISTANTS)
    queries.require_within_plan(member.workspace_id, assistant)
    with transaction.atomic():
        row = _editable(assistant)
        saved = _brought_back(member, row, number)
        row.pinned_number = number
        versions.put_into_use(row, saved)
        _record(member, row, "assistant.version_pinned", version=number)


def unpin_version(*, member: Member, assistant: Assistant) -> None:
    """The last save is in use again. Nothing happens where none is pinned. Raises FeatureNotIncluded, OverPlanLimit."""
    features.require(member.workspace_id, Feature.CUSTOM_ASSISTANTS)
    queries.require_within_plan(member.workspace_id, assistant)
    with transaction.atomic():
        row = _editable(assistant)
        if row.pinned_number is None:
            return
        last = versions.latest(row)
        saved = _brought_back(member, row, last.number)
        row.pinned_number = None
        versions.put_into_use(row, saved)
        _record(member, row, "assistant.version_unpinned", version=last.number)


def archive_assistant(*, member: Member, assistant: Assistant) -> None:
    """Nobody can ask it any more, and its place in the plan is free. What was said stays readable."""
    with transaction.atomic():
        row = _locked(assistant)
        if row.archived_at is not None:
            return
        row.archived_at = timezone.now()
        row.save(update_fields=["archived_at"])
        gauges.note(member.workspace_id, Meter.ASSISTANTS, present=queries.list_all().count)
        _record(member, row, "assistant.archived")


def unarchive_assistant(*, member: Member, assistant: Assistant) -> None:
    """Raises FeatureNotIncluded, and QuotaExceeded when the plan holds no more."""
    features.require(member.workspace_id, Feature.CUSTOM_ASSISTANTS)
    with transaction.atomic():
        row = _locked(assistant)
        if row.archived_at is None:
            return
        gauges.take(member.workspace_id, Meter.ASSISTANTS, present=queries.list_all().count)
        row.archived_at = None
        row.save(update_fields=["archived_at"])
        _record(member, row, "assistant.unarchived")


def archive_private_of(*, workspace_id: UUID, user_id: UUID) -> None:
    """The person left the workspace: what only they could use takes no place of the plan any more.

    Outside every workspace. Whoever comes back takes theirs out of the archive again.
    """
    with workspace_scope(workspace_id, allow_suspended=True), transaction.atomic():
        rows = queries.list_all().filter(created_by_id=user_id, visibility=Visibility.PERSON)
        ids = list(rows.select_for_update().values_list("id", flat=True))
        if not ids:
            return
        Assistant.objects.filter(id__in=ids).update(archived_at=timezone.now())
        gauges.note(workspace_id, Meter.ASSISTANTS, present=queries.list_all().count)
        audit.record(
            "assistant.archived_with_member",
            actor=audit.SYSTEM,
            workspace_id=workspace_id,
            target=("workspace", workspace_id),
            count=len(ids),
        )


def set_avatar(*, member: Member, assistant: Assistant, upload: UploadedFile) -> None:
    """Raises PictureRefused, OverPlanLimit."""
    queries.require_within_plan(member.workspace_id, assistant)
    png = pictures.square(upload)
    with transaction.atomic():
        row = _locked(assistant)
        name = keys.file_name(member.workspace_id, "assistants", pictures.fresh_name())
        row.avatar = pictures.replace(row.avatar, name, png)
        row.save(update_fields=["avatar"])
        _record(member, row, "assistant.avatar_set")


def remove_avatar(*, member: Member, assistant: Assistant) -> None:
    """Nothing happens where there is none."""
    with transaction.atomic():
        row = _locked(assistant)
        if not row.avatar:
            return
        pictures.remove_on_commit(row.avatar)
        row.avatar = ""
        row.save(update_fields=["avatar"])
        _record(member, row, "assistant.avatar_removed")


def _add(member: Member, saved: Content, visibility: str, chosen: set[UUID], template: str) -> Assistant:
    gauges.take(member.workspace_id, Meter.ASSISTANTS, present=queries.list_all().count)
    slug = _free_slug(saved.name)
    assistant = _insert(
        saved, slug=slug, template=template, created_by_id=member.user_id, visibility=visibility
    )
    versions.share_with(assistant, visibility, chosen)
    versions.put_into_use(assistant, saved)
    versions.write_first(assistant, saved, by=member)
    return assistant


def _insert(saved: Content, **fields: Any) -> Assistant:
    return Assistant.objects.create(**{name: getattr(saved, name) for name in content.COLUMNS}, **fields)


def _locked(assistant: Assistant) -> Assistant:
    """Saves come one after the other. Raises NotFound when it was erased meanwhile."""
    row = Assistant.objects.select_for_update().filter(id=assistant.id).first()
    if row is None:
        raise errors.NotFound()
    return row


def _editable(assistant: Assistant) -> Assistant:
    """Raises NotFound, AssistantArchived."""
    row = _locked(assistant)
    if row.archived_at is not None:
        raise AssistantArchived("This assistant is archived: take it out of the archive to change it.")
    return row


def _merged(member: Member, row: Assistant, last: AssistantVersion, changes: Mapping[str, Any]) -> Content:
    former = content.of_snapshot(last.snapshot)
    saved = replace(former, **{name: value for name, value in changes.items() if name not in SHARING})
    if "knowledge" in changes:
        saved = replace(saved, knowledge=rules.knowledge_for(member, saved.knowledge, former.knowledge))
    present = {row.model, *row.fallback_models, former.model, *former.fallback_models}
    rules.check(member, saved, present)
    return saved


def _sharing(member: Member, row: Assistant, changes: Mapping[str, Any]) -> tuple[str, set[UUID]]:
    """Who may use it from now on. It takes effect at once, whatever version is pinned."""
    present = set(row.members.values_list("user_id", flat=True))
    visibility = changes.get("visibility", row.visibility)
    wanted = set(changes.get("members", present)) if visibility == Visibility.MEMBERS else set()
    if (visibility, wanted) == (row.visibility, present):
        return visibility, present
    return visibility, rules.check_sharing(member, row, visibility, wanted)


def _brought_back(member: Member, row: Assistant, number: int) -> Content:
    """What a version held, with the knowledge that the member may give it now."""
    former = content.of_snapshot(queries.access_version(row, number).snapshot)
    last = content.of_snapshot(versions.latest(row).snapshot).knowledge
    own = set(rules.attachable(member).filter(id__in=former.knowledge).values_list("id", flat=True))
    # SECURITY: a document that its owner took away from the assistant does not come back by somebody else's hand.
    return replace(former, knowledge=[each for each in former.knowledge if each in own or each in last])


def _record(member: Member, assistant: Assistant, action: str, **data: Any) -> None:
    audit.record(
        action,
        actor=member.actor,
        workspace_id=member.workspace_id,
        target=("assistant", assistant.id),
        **data,
    )


def _free_slug(name: str) -> str:
    stem = slugify(name)[:60] or "assistant"
    taken = set(Assistant.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    if stem not in taken:
        return stem
    return next(f"{stem}-{n}" for n in range(2, len(taken) + 3) if f"{stem}-{n}" not in taken)
