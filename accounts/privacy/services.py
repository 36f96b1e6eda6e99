"""What people ask for about their data: taking it along, and having their account erased."""

from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import revocation
from accounts import services as accounts_services
from accounts.models import Membership, User
from accounts.permissions import Member
from accounts.privacy import exporting, leases, queries, refusals, subjects
from accounts.privacy.models import ErasureJob, ExportJob
from config import ports
from tenants import audit
from tenants.models import Workspace


def request_export(*, user: User) -> ExportJob:
    """A ZIP of the person's own data, made by a worker. Raises ExportRunning."""
    try:
        with transaction.atomic():
            job = ExportJob.objects.create(user=user)
            actor = accounts_services.person_actor(user)
            audit.record(
                "person.export_requested", actor=actor, workspace_id=None, target=("person", actor.ref)
            )
            transaction.on_commit(partial(_wake_export, job.id), robust=True)
    except IntegrityError as error:
        raise refusals.ExportRunning() from error
    return job


def request_workspace_export(*, member: Member) -> ExportJob:
    """Everything in the workspace, for its owner. Raises ExportRunning."""
    try:
        with transaction.atomic():
            job = ExportJob.objects.create(user_id=member.user_id, workspace_id=member.workspace_id)
            audit.record(
                "workspace.export_requested",
                actor=member.actor,
                workspace_id=member.workspace_id,
                target=("export", job.id),
            )
            transaction.on_commit(partial(_wake_export, job.id), robust=True)
    except IntegrityError as error:
        raise refusals.ExportRunning() from error
    return job


def _wake_export(job_id: UUID) -> None:
    from accounts.tasks import build_export  # noqa: PLC0415  tasks call services

    build_export.delay(job_id=str(job_id))


def request_erasure(*, user: User, typed: str, now: datetime | None = None) -> ErasureJob:
    """Closes the account at once: nobody is signed in by it any more, its memberships where others go on end, and
    workspaces of its own wait for nothing but the worker that erases everything.

    `typed`: the account's address. Raises ConfirmationWrong, OwnerMustHandOver, ErasureRunning.
    """
    if typed.strip().lower() != user.email.lower():
        raise refusals.ConfirmationWrong()
    with transaction.atomic():
        User.objects.select_for_update().get(id=user.id)
        if ErasureJob.objects.filter(user_id=user.id).exists():
            raise refusals.ErasureRunning()
        erased, left = _lock_places(user.id)
        actor = accounts_services.person_actor(user)
        kept = {**subjects.dump(subjects.of(user)), "address": user.email}
        job = ErasureJob.objects.create(user_id=user.id, subject=kept)
        audit.record("person.erasure_requested", actor=actor, workspace_id=None, target=("person", actor.ref))
        _close_account(user, actor)
        for workspace_id in left:
            _leave(workspace_id, user.id, actor)
        for workspace_id in erased:
            _close_workspace(workspace_id, user.id, actor, now or timezone.now())
        transaction.on_commit(partial(_wake_erasure, job.id), robust=True)
    return job


def _lock_places(user_id: UUID) -> tuple[list[UUID], list[UUID]]:
    """The workspaces that go with the account, and those that go on. Who owns them cannot change until the end of the
    transaction. Raises OwnerMustHandOver."""
    mine = Membership.objects.filter(user_id=user_id).values("workspace_id")
    # In one order, so that two who leave at once do not wait for each other.
    list(Membership.objects.select_for_update().filter(workspace_id__in=mine).order_by("workspace_id", "id"))
    erased, blocking, left = queries.places(user_id)
    if blocking:
        names = [place.workspace.name for place in blocking]
        raise refusals.OwnerMustHandOver(data={"workspaces": names})
    return [place.workspace.id for place in erased], [place.workspace.id for place in left]


def _close_account(user: User, actor: audit.Actor) -> None:
    from accounts.personal_data import sessions_of  # noqa: PLC0415  registered first

    User.objects.filter(id=user.id).update(is_active=False)
    for row in sessions_of(subjects.of(user)):
        revocation.announce_on_commit("session", row.session_key)
        row.delete()


def _leave(workspace_id: UUID, user_id: UUID, actor: audit.Actor) -> None:
    membership = Membership.objects.get(workspace_id=workspace_id, user_id=user_id)
    accounts_services.remove_member(membership_id=membership.id, workspace_id=workspace_id, actor=actor)


def _close_workspace(workspace_id: UUID, user_id: UUID, actor: audit.Actor, now: datetime) -> None:
    """For deletion without days to undo it: nobody is left who could."""
    Workspace.objects.filter(id=workspace_id).update(state=Workspace.State.DELETING, delete_at=now)
    membership_id = Membership.objects.values_list("id", flat=True).get(
        workspace_id=workspace_id, user_id=user_id
    )
    audit.record(
        "workspace.deletion_scheduled",
        actor=actor,
        workspace_id=workspace_id,
        target=("workspace", workspace_id),
    )
    revocation.announce_on_commit("membership", str(membership_id))
    transaction.on_commit(partial(ports.membership_ended, workspace_id=workspace_id, user_id=user_id))


def _wake_erasure(job_id: UUID) -> None:
    from accounts.tasks import erase_person  # noqa: PLC0415  tasks call services

    erase_person.delay(job_id=str(job_id))


def sweep(*, now: datetime) -> int:
    """Wakes what a dead worker left or a lost wake-up forgot, and deletes exports that are over. Returns how many."""
    exports, erasures = leases.list_due(ExportJob, now=now), leases.list_due(ErasureJob, now=now)
    for job_id in exports:
        _wake_export(job_id)
    for job_id in erasures:
        _wake_erasure(job_id)
    over = list(ExportJob.objects.filter(expires_at__lte=now).exclude(file="")[:100])
    for job in over:
        exporting.delete_file(job)
    return len(exports) + len(erasures) + len(over)
