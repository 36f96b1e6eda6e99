"""Background work on workspaces as a whole. Thin: each calls one service."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from tenants import dns
from tenants.domains import queries as domain_queries
from tenants.domains import services as domains
from tenants.lifecycle import services as lifecycle
from tenants.lifecycle import slugs
from tenants.webhooks import delivery as webhook_delivery
from tenants.webhooks import services as webhooks


@shared_task(name="tenants.tasks.erase_workspaces", queue="default", soft_time_limit=50, time_limit=60)
def erase_workspaces() -> None:
    """One task for each workspace whose time is over: one that fails hinders no other, and comes again."""
    lifecycle.erase_due(now=timezone.now())


@shared_task(name="tenants.tasks.erase_workspace", queue="default", soft_time_limit=1500, time_limit=1560)
def erase_workspace(*, workspace_id: str, **_: object) -> None:
    lifecycle.erase(UUID(workspace_id), now=timezone.now())


@shared_task(name="tenants.tasks.tend_deletions", queue="default", soft_time_limit=600, time_limit=660)
def tend_deletions() -> None:
    """Hourly: plans of workspaces that wait for their deletion are not renewed; reserved addresses become free."""
    lifecycle.end_plans()
    slugs.forget_expired(now=timezone.now())


@shared_task(name="tenants.tasks.recheck_domains", queue="default", time_limit=60, soft_time_limit=50)
def recheck_domains(**_: Any) -> None:
    for domain_id in domain_queries.list_served_ids():
        recheck_domain.delay(domain_id=domain_id)


@shared_task(
    name="tenants.tasks.recheck_domain",
    queue="default",
    time_limit=30,
    soft_time_limit=20,
    autoretry_for=(dns.DnsUnavailable,),
    retry_backoff=30,
    max_retries=3,
)
def recheck_domain(*, domain_id: int, **_: Any) -> None:
    domains.recheck_domain(domain_id=domain_id, now=timezone.now())


@shared_task(name="tenants.tasks.deliver_webhooks", queue="default", time_limit=90, soft_time_limit=80)
def deliver_webhooks(*, endpoint_id: str, **_: object) -> None:
    webhook_delivery.deliver(UUID(endpoint_id))


@shared_task(name="tenants.tasks.sweep_webhooks", queue="default", time_limit=30, soft_time_limit=25)
def sweep_webhooks() -> None:
    """Senders for what is due and has none."""
    webhook_delivery.sweep(now=timezone.now())


@shared_task(name="tenants.tasks.forget_webhooks", queue="default", time_limit=660, soft_time_limit=600)
def forget_webhooks() -> None:
    webhooks.forget_old(now=timezone.now())
