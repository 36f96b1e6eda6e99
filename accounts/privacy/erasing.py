"""The job that erases a person: steps that can each be done again, so that a killed worker's successor goes on.

What is asked of the network stands outside every transaction. The last step takes the person's row, the mapping of
their reference and the key of what was sealed about them: from then on nothing that stays names them (docs/erasure.md).
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.mails import services as mails
from accounts.models import Membership, User
from accounts.privacy import files, leases, subjects
from accounts.privacy.models import ErasureJob, Job
from config import errors, personal, ports
from config.personal import NotYet, Subject
from tenants import audit, sealing
from tenants.lifecycle import services as lifecycle
from tenants.models import Workspace
from tenants.scope import workspace_scope

AGAIN = timedelta(seconds=15)
logger = logging.getLogger(__name__)
Step = Callable[[ErasureJob, Subject], None]


def run(job_id: UUID) -> bool:
    """Erases the person, unless somebody else is at it. True when this call finished it.

    What cannot be done yet (an answer still runs, the payment service is away) is tried again by the sweep.
    """
    job = leases.claim(ErasureJob, job_id)
    if job is None:
        return False
    subject = subjects.load(job.subject)
    try:
        for number, step in enumerate(STEPS, start=1):
            step(job, subject)
            leases.renew(job, progress=number * 100 // (len(STEPS) + 1))
        _finish(job, subject)
    except (NotYet, errors.DomainError) as reason:
        logger.warning(
            "an erasure waits", extra={"job_id": str(job_id), "code": getattr(reason, "code", "running")}
        )
        leases.give_back(job, until=timezone.now() + AGAIN)
        return False
    except leases.LeaseLost:
        logger.warning("an erasure was taken over by another worker", extra={"job_id": str(job_id)})
        return False
    return True


def _erase_own_workspaces(job: ErasureJob, subject: Subject) -> None:
    """Those in which nobody else is. Raises NotYet while one still is."""
    for workspace_id in _own_workspaces(subject):
        if not lifecycle.erase(workspace_id, now=timezone.now()):
            raise NotYet
        leases.renew(job)


def _own_workspaces(subject: Subject) -> list[UUID]:
    rows = Membership.objects.filter(user_id=subject.user_id, workspace__state=Workspace.State.DELETING)
    return list(rows.values_list("workspace_id", flat=True))


def _erase_in_workspaces(job: ErasureJob, subject: Subject) -> None:
    """In every workspace, since what somebody said stays when they leave."""
    for workspace_id in list(Workspace.objects.order_by("id").values_list("id", flat=True)):
        with workspace_scope(workspace_id, allow_suspended=True):
            personal.erase_person(subject, in_schema=True)
        leases.renew(job)


def _erase_at_payment_service(job: ErasureJob, subject: Subject) -> None:
    ports.payments_forget_person(subject=subject)


def _erase_rows(job: ErasureJob, subject: Subject) -> None:
    personal.erase_person(subject)


def _erase_files(job: ErasureJob, subject: Subject) -> None:
    files.delete_below(f"people/{subject.user_id}")


STEPS: tuple[Step, ...] = (
    _erase_own_workspaces,
    _erase_in_workspaces,
    _erase_at_payment_service,
    _erase_rows,
    _erase_files,
)


def _finish(job: ErasureJob, subject: Subject) -> None:
    """All that names the person goes in one transaction; the mail that says so is owed in it, to an address that is
    forgotten when it is sent."""
    with transaction.atomic():
        address = job.subject["address"]
        leases.write(job, state=Job.State.DONE, progress=100, subject={}, finished_at=timezone.now())
        User.objects.filter(id=subject.user_id).delete()
        if subject.ref is not None:
            sealing.destroy([subject.ref])
        audit.record("person.erased", actor=audit.SYSTEM, workspace_id=None)
        mails.send_once(f"erased:{job.id}", kind="account_deletion_done", to=[address], context={})
