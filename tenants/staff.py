"""What the staff pages (Django's admin) of all apps share: rows that only services change, and who acted."""

from typing import Any, ClassVar, cast
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ActionForm
from django.contrib.auth import get_permission_codename
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest

from config import ports
from tenants import audit, support
from tenants.models import AuditEntry, Workspace


def staff_actor(request: HttpRequest) -> audit.Actor:
    reference = ports.person_reference(user_id=cast(UUID, request.user.pk))
    return audit.Actor(kind=AuditEntry.ActorKind.STAFF, ref=reference)


class ReasonActionForm(ActionForm):
    reason = forms.CharField(
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"size": 40, "placeholder": "Reason, for the audit log"}),
    )


class FixedAdmin(admin.ModelAdmin):
    """Rows that are never edited or deleted here. Actions marked `operate` call services.

    `operate` asks for Django's `change` permission of the model, which the form itself never uses. Who opens a row of a
    workspace, or looks for a workspace by name, leaves `support.viewed` in that workspace's audit log.
    """

    show_full_result_count = False
    list_per_page = 50

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        codename = get_permission_codename("change", self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            self.note_view(request, found)
        return found

    def note_view(self, request: HttpRequest, row: Any) -> None:
        """What staff opened is told to the workspace whose it is."""
        workspace_id = self.workspace_id_of(row)
        if workspace_id is not None:
            seen = (str(self.opts.model_name), row.pk)
            support.note_view(workspace_id=workspace_id, actor=staff_actor(request), seen=seen)

    def workspace_id_of(self, row: Any) -> UUID | None:
        """Whose row it is; None for what belongs to no workspace."""
        found: UUID | None = getattr(row, "workspace_id", None)
        return found

    def reason(self, request: HttpRequest) -> str:
        """The reason typed beside the action; empty, with a message to the person, when there is none."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, "Nothing was done: give a reason beside the action.", level="error")
        return reason


class ReadOnlyAdmin(FixedAdmin):
    """Rows that are not made here either."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RecordAdmin(ReadOnlyAdmin):
    """Rows that name their workspace by id. Found by a workspace's slug, or by any of `id_fields`, exactly."""

    search_fields = ("workspace_id",)  # shows the box; get_search_results searches
    id_fields: tuple[str, ...] = ("workspace_id",)
    text_fields: tuple[str, ...] = ()
    date_hierarchy: ClassVar[str | None] = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        slug = Workspace.objects.filter(id=OuterRef("workspace_id")).values("slug")
        return super().get_queryset(request).annotate(workspace_slug=Subquery(slug))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        self._note_search(request, term)
        return (queryset.filter(self._matches(term)) if term else queryset), False

    def _note_search(self, request: HttpRequest, term: str) -> None:
        """A list of one workspace's rows is a look into it. One query where the term may name one."""
        named = Workspace.objects.filter(Q(id=term) if _is_id(term) else Q(slug=term)) if term else None
        workspace_id = named.values_list("id", flat=True).first() if named is not None else None
        if workspace_id is not None:
            seen = ("workspace", workspace_id)
            support.note_view(workspace_id=workspace_id, actor=staff_actor(request), seen=seen)

    def _matches(self, term: str) -> Q:
        try:
            names, value = self.id_fields, UUID(term)
        except ValueError:
            slug = Q(workspace_id__in=Workspace.objects.filter(slug=term).values("id"))
            return slug | _any_of(self.text_fields, term)
        return _any_of(names, value)

    @admin.display(description="workspace", empty_value="—")
    def workspace(self, row: Any) -> str | None:
        return cast(str | None, row.workspace_slug)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _any_of(names: tuple[str, ...], value: object) -> Q:
    matches = Q(pk__in=[])
    for name in names:
        matches |= Q(**{name: value})
    return matches
