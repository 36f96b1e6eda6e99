"""Which servers may answer a run, in their order. Chosen when it starts, so that its hold covers whichever does.

docs/models.md tells people.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from assistants.llm import catalogue
from assistants.llm.catalogue import Endpoint, ModelNotOffered
from assistants.models import Run
from assistants.providers.sealing import KeyUnreadable
from assistants.runs.job import Server
from tenants.scope import workspace_scope
from usage.features.queries import FeatureNotIncluded
from usage.holds import services as holds
from usage.limits import queries as limits

CHAIN = "chain"
"""In `Run.request`: [name, provider] of each, where it is more than one model of the platform."""


def choose(workspace_id: UUID, model: str, fallbacks: Iterable[str]) -> tuple[Endpoint, ...]:
    """Raises ModelNotOffered and FeatureNotIncluded for the first. A fallback that is gone, that the plan refuses, or
    that has no price while money is limited, is left out."""
    found = [catalogue.resolve(model)]
    catalogue.require_allowed(workspace_id, found[0])
    for name in dict.fromkeys(fallbacks):
        if name == model:
            continue
        try:
            endpoint = catalogue.resolve(name)
            catalogue.require_allowed(workspace_id, endpoint)
        except (ModelNotOffered, FeatureNotIncluded):
            continue
        if endpoint.is_own or catalogue.has_price(endpoint) or not limits.limits_money(workspace_id):
            found.append(endpoint)
    return tuple(found)


def of_platform(workspace_id: UUID, model: str) -> tuple[Endpoint, ...]:
    """For what only the platform's provider makes. Raises FeatureNotIncluded."""
    found = catalogue.platform(model)
    catalogue.require_allowed(workspace_id, found)
    return (found,)


def saved(chosen: tuple[Endpoint, ...]) -> dict[str, list[list[str]]]:
    """What of `Run.request` tells a worker of them. Without a key."""
    if len(chosen) == 1 and not chosen[0].is_own:
        return {}
    return {CHAIN: [[each.name, each.provider] for each in chosen]}


def open_servers(run: Run) -> tuple[tuple[Server, ...], str]:
    """Those of a run that can still be called, with their keys, and why the first that cannot be cannot."""
    found, problem = [], ""
    for name, provider in run.request.get(CHAIN) or [[run.model, settings.PROVIDER_NAME]]:
        try:
            found.append(_open(name, provider, is_alone=CHAIN not in run.request))
        except (ModelNotOffered, KeyUnreadable) as error:
            problem = problem or error.code
    return tuple(found), problem


def _open(name: str, provider: str, *, is_alone: bool) -> Server:
    endpoint = catalogue.platform(name) if is_alone else catalogue.resolve(name)
    # What was held was held for this provider.
    if endpoint.provider != provider:
        raise ModelNotOffered(data={"model": name})
    return Server(endpoint, catalogue.open_access(endpoint))


def that_take(servers: tuple[Server, ...], run: Run, messages: list[dict[str, Any]]) -> tuple[Server, ...]:
    """Those that can answer these messages: a fallback gets pictures only where its model sees. Of the model that was
    asked for its server decides."""
    contents = [message.get("content") for message in messages]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    if all(part.get("type") != "image_url" for part in parts):
        return servers
    return tuple(each for each in servers if each.endpoint.name == run.model or each.endpoint.has_vision)


def begin_with(run: Run, attempt: int, servers: tuple[Server, ...]) -> tuple[Server, ...]:
    """The servers of an attempt that starts, without those at its beginning that a stop covers. Raises HoldLost."""
    while servers and not (_is_of(run, servers[0].endpoint) or _turn(run.id, attempt, servers[0].endpoint)):
        servers = servers[1:]
    return servers


def turn_to(*, workspace_id: UUID, run_id: UUID, attempt: int, endpoint: Endpoint) -> bool:
    """The run is answered by this server from now on: it is booked so whatever ends it, and a stop of it ends the run.

    False, changing nothing, when a stop covers it. Raises HoldLost. A transaction of its own.
    """
    with workspace_scope(workspace_id, allow_suspended=True):
        return _turn(run_id, attempt, endpoint)


def _turn(run_id: UUID, attempt: int, endpoint: Endpoint) -> bool:
    with transaction.atomic():
        rows = Run.objects.filter(id=run_id, attempt=attempt)
        rows.update(provider=endpoint.provider, served_as=endpoint.model)
        if holds.turn_to(run_id, attempt=attempt, provider=endpoint.provider, model=endpoint.name):
            return True
        transaction.set_rollback(True)
        return False


def _is_of(run: Run, endpoint: Endpoint) -> bool:
    return (booked_as(run), priced_as(run)) == (endpoint.provider, endpoint.model)


def booked_as(run: Run) -> str:
    """The provider of a run as the ledger names it."""
    return run.provider or settings.PROVIDER_NAME


def priced_as(run: Run) -> str:
    """The model that answers, or answered, as its provider names it."""
    return run.served_as or run.model
