"""Slugs: who may have one, and where a former one leads."""

import re
import secrets
import unicodedata
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from config import errors
from tenants import audit
from tenants.lifecycle import slugs as reserved
from tenants.models import RESERVED_SLUGS, SLUG, FormerSlug, Workspace
from tenants.scope import WorkspaceNotFound, WorkspaceRef, get_ref

ATTEMPTS = 5
MOST_FORMER = 20
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('slug:' || %s, 0))"


class SlugRefused(errors.DomainError):
    code = "slug_refused"
    message = "That address cannot be used."


def validate_slug(slug: str) -> None:
    """Raises SlugRefused when malformed or reserved."""
    try:
        SLUG(slug)
    except ValidationError as error:
        raise SlugRefused(str(error.message), code="slug_malformed") from error
    if slug in RESERVED_SLUGS:
        raise SlugRefused("That address is reserved. Please choose another.", code="slug_reserved")


def refuse_taken(slug: str, *, by: UUID | None = None) -> None:
    """Raises SlugRefused when another workspace than `by` has the slug or had it before, or one that was deleted."""
    has, had = Workspace.objects.filter(slug=slug), FormerSlug.objects.filter(slug=slug)
    if by is not None:
        has, had = has.exclude(id=by), had.exclude(workspace_id=by)
    if has.exists() or had.exists() or reserved.reserved_of([slug], now=timezone.now()):
        raise SlugRefused("That address is taken. Please choose another.", code="slug_taken")


def claim(*slugs: str, by: UUID | None = None) -> None:
    """Locks the slugs until the transaction ends; then the first one is free for `by`, or SlugRefused is raised.

    Without the locks a rival could have a slug of which its holder lets go at this moment.
    """
    with connection.cursor() as cursor:
        for slug in sorted(slugs):
            cursor.execute(LOCK, [slug])
    refuse_taken(slugs[0], by=by)


def free_slug(text: str) -> str:
    """A valid slug made from `text` that nobody has or had. The caller retries when another took it meanwhile."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:32].strip("-")
    if len(stem) < 3:
        stem = f"team-{stem}".strip("-")
    candidates = [stem, *(f"{stem}-{secrets.token_hex(2)}" for _ in range(ATTEMPTS))]
    taken = set(Workspace.objects.filter(slug__in=candidates).values_list("slug", flat=True)) | RESERVED_SLUGS
    taken |= reserved.reserved_of(candidates, now=timezone.now())
    taken |= set(FormerSlug.objects.filter(slug__in=candidates).values_list("slug", flat=True))
    return next(slug for slug in candidates if slug not in taken)


def find(slug: str) -> WorkspaceRef:
    """The workspace that has this slug, or had it before. One query, two for a former one. Raises WorkspaceNotFound."""
    try:
        return get_ref(slug=slug)
    except WorkspaceNotFound:
        return get_ref(former_slugs__slug=slug)


def change_slug(*, workspace_id: UUID, slug: str, actor: audit.Actor) -> None:
    """From now on the former slug leads to the new one, and nobody else gets it. Nothing when it is the same.

    Raises SlugRefused (malformed, reserved, taken, changes spent), WorkspaceNotFound.
    """
    validate_slug(slug)
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update().filter(id=workspace_id).first()
        if workspace is None:
            raise WorkspaceNotFound()
        former = workspace.slug
        if former == slug:
            return
        claim(slug, former, by=workspace_id)
        _keep_former(workspace_id, former=former, slug=slug)
        try:
            with transaction.atomic():
                Workspace.objects.filter(id=workspace_id).update(slug=slug)
        except IntegrityError as error:
            raise SlugRefused("That address is taken. Please choose another.", code="slug_taken") from error
        audit.record(
            "workspace.slug_changed",
            actor=actor,
            workspace_id=workspace_id,
            target=("workspace", workspace_id),
            # Sealed under the workspace's own key, which goes when it is erased.
            personal={"former_slug": former, "slug": slug},
            about=workspace_id,
        )


def _keep_former(workspace_id: UUID, *, former: str, slug: str) -> None:
    FormerSlug.objects.filter(slug=slug, workspace_id=workspace_id).delete()
    if FormerSlug.objects.filter(workspace_id=workspace_id).count() >= MOST_FORMER:
        raise SlugRefused(
            f"A workspace keeps {MOST_FORMER} former addresses, and this one has that many. Choose one of them.",
            code="slug_changes_spent",
        )
    FormerSlug.objects.create(slug=former, workspace_id=workspace_id)
