"""What can be chosen for an assistant: models and tools."""

from collections.abc import Collection, Iterable
from itertools import groupby

from accounts.permissions import Member
from assistants.llm import catalogue
from assistants.llm.catalogue import ModelChoice
from assistants.tools import registry
from assistants.tools.types import Tool

Options = list[tuple[str, str]]


def tools() -> tuple[Tool, ...]:
    return tuple(registry.TOOLS.values())


def models(member: Member, present: Iterable[str] = ()) -> list[ModelChoice]:
    """Those on offer, then those `present` that are offered no more; each with why it cannot be chosen now."""
    return catalogue.list_choices(member, present=present)


def refusals(found: Iterable[ModelChoice], present: Collection[str] = ()) -> dict[str, str]:
    """Model → why it cannot be chosen; of one that the assistant has, nothing: it keeps what it has."""
    return {each.name: "" if each.name in present else each.refusal for each in found}


def grouped(found: Iterable[ModelChoice]) -> list[tuple[str, Options]]:
    """By provider, in their order, for a field: a reason stands behind the name."""
    groups = groupby(found, key=lambda each: each.provider)
    return [(provider, [(each.name, _words(each)) for each in rows]) for provider, rows in groups]


def _words(each: ModelChoice) -> str:
    return f"{each.label}: {each.refusal}" if each.refusal else each.label
