"""Writes of plans: a catalogue is brought into our rows and to the payment service, and subscribers are moved."""

from collections.abc import Callable

from django.conf import settings
from django.utils import timezone

from billing.catalogues import catalogue as catalogues
from billing.plans import margin, moving, publishing, versions
from billing.plans.versions import Change
from tenants import audit

Writer = Callable[[str], object]


def sync_plans(
    *,
    catalogue: str | None = None,
    write: Writer = print,
    dry_run: bool = False,
    local: bool = False,
    move_existing: bool = False,
    actor: audit.Actor = audit.SYSTEM,
) -> list[Change]:
    """Brings a catalogue (by default PLAN_CATALOGUE) into our rows, then to the payment service; says each change.

    Idempotent: a second run changes nothing and says so. `local` leaves the payment service alone, and so does a
    missing key. `dry_run` writes nothing anywhere. Our rows are written first and stay, whatever the payment service
    answers. Raises CatalogueInvalid, and what `payment_errors` raises.
    """
    spec = catalogues.load(catalogue or settings.PLAN_CATALOGUE)
    found = versions.compare(spec) if dry_run else versions.write(spec, actor=actor)
    changes = list(found.changes)
    for number, change in enumerate(changes, start=1):
        write(f"[{number}/{len(changes)}] {change}")
    for finding in margin.check(spec, at=timezone.now()):
        write(str(finding))
    if local:
        return _summed_up(spec.key, changes, write, dry_run)
    if not settings.STRIPE_SECRET_KEY:
        write("The payment service was left alone: STRIPE_SECRET_KEY is not set.")
        return _summed_up(spec.key, changes, write, dry_run)
    changes += publishing.publish(spec, found.current, write=write, is_dry=dry_run)
    if move_existing:
        changes += moving.move_subscribers(spec.key, write=write, is_dry=dry_run, actor=actor)
    return _summed_up(spec.key, changes, write, dry_run)


def _summed_up(catalogue: str, changes: list[Change], write: Writer, dry_run: bool) -> list[Change]:
    if not changes:
        write(f"{catalogue}: nothing changed.")
    else:
        write(f"{catalogue}: {len(changes)} changes{', none of them made' if dry_run else ''}.")
    return changes
