"""What a workspace's people may set about it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from tenants import audit, keys, pictures
from tenants.models import Workspace
from tenants.scope import WorkspaceNotFound
from tenants.settings import values

LOGO_BOX = (512, 512)
LOGO_BYTES = 1024 * 1024


class LogoTooLarge(pictures.PictureRefused):
    code = "logo_too_large"
    status = 413
    message = "A logo’s file has 1 MB at most. Save it smaller, or with fewer colours."


def change_settings(*, workspace_id: UUID, wanted: Mapping[str, Any], actor: audit.Actor) -> None:
    """Sets those of `values.CHECKS` that `wanted` names. Nothing, and no entry, when they are so already.

    A timezone counts from the next hold on: what was counted stays in the days it was counted in. Raises
    SettingRefused, WorkspaceNotFound.
    """
    kept = {field: values.CHECKS[field](value) for field, value in wanted.items()}
    with transaction.atomic():
        workspace = _lock(workspace_id)
        before = {field: getattr(workspace, field) for field in kept}
        after = {field: value for field, value in kept.items() if value != before[field]}
        if not after:
            return
        Workspace.objects.filter(id=workspace_id).update(**after)
        audit.record(
            "workspace.settings_changed",
            actor=actor,
            workspace_id=workspace_id,
            target=("workspace", workspace_id),
            before={field: before[field] for field in after if field != "name"},
            after={field: value for field, value in after.items() if field != "name"},
            **_named(workspace_id, before, after),
        )


def _named(workspace_id: UUID, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """A name is sealed under the workspace's own key, which goes when it is erased."""
    if "name" not in after:
        return {}
    return {"personal": {"former_name": before["name"], "name": after["name"]}, "about": workspace_id}


def set_logo(*, workspace_id: UUID, upload: UploadedFile, actor: audit.Actor) -> None:
    """Keeps the pixels of the picture, within 512 × 512. Raises LogoTooLarge, PictureRefused, WorkspaceNotFound."""
    if upload.size and upload.size > LOGO_BYTES:
        raise LogoTooLarge()
    png = pictures.fitted(upload, LOGO_BOX)
    with transaction.atomic():
        workspace = _lock(workspace_id)
        name = keys.file_name(workspace_id, "brand", pictures.fresh_name())
        stored = pictures.replace(workspace.logo, name, png)
        _note_logo(workspace, stored, "workspace.logo_set", actor)


def remove_logo(*, workspace_id: UUID, actor: audit.Actor) -> None:
    """Nothing when there is none. Raises WorkspaceNotFound."""
    with transaction.atomic():
        workspace = _lock(workspace_id)
        if workspace.logo:
            pictures.remove_on_commit(workspace.logo)
            _note_logo(workspace, "", "workspace.logo_removed", actor)


def _note_logo(workspace: Workspace, logo: str, action: str, actor: audit.Actor) -> None:
    had = bool(workspace.logo)
    Workspace.objects.filter(id=workspace.id).update(logo=logo)
    audit.record(
        action,
        actor=actor,
        workspace_id=workspace.id,
        target=("workspace", workspace.id),
        before={"logo": had},
        after={"logo": bool(logo)},
    )


def _lock(workspace_id: UUID) -> Workspace:
    workspace = Workspace.objects.select_for_update().filter(id=workspace_id).first()
    if workspace is None:
        raise WorkspaceNotFound()
    return workspace
