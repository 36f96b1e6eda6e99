"""Which server answers for a model's name: the platform's, or a workspace's own provider (`slug/model`).

Everything here works inside the workspace. docs/models.md tells people.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.permissions import Member
from assistants.llm.access import Access
from assistants.models import Provider, ProviderModel
from assistants.providers import sealing
from config import errors
from tenants.scope import current_workspace
from usage import prices
from usage.features import queries as features
from usage.features.keys import Feature
from usage.holds.types import Actual
from usage.limits import queries as limits
from usage.models import Meter
from usage.prices import Rates

OWN_MARK = "own:"
"""Before a workspace's provider in the ledger, so that none can pass for the platform's."""
NEEDED_PRICES = (Meter.INPUT_TOKENS, Meter.OUTPUT_TOKENS)


class ModelNotOffered(errors.DomainError):
    """No server answers for this name any more: its provider was removed or switched off, or offers it no longer."""

    code = "model_not_offered"
    status = 409
    message = "This model is not offered any more. Choose another one for the assistant."


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers. `name`: as assistants and limits call it; `model`: as the server does.

    `provider`: as ledger and receipts name it. `listed_as`: under which name the price book lists its prices.
    """

    name: str
    provider: str
    model: str
    base_url: str
    is_own: bool = False
    is_local: bool = False
    has_vision: bool = False
    listed_as: str = ""
    provider_id: UUID | None = None
    cap_field: str = "max_completion_tokens"
    """How its server calls the most that an answer may have: other servers than OpenAI's know the older name."""

    def rates(self, *, at: datetime, variant: str = "") -> Rates:
        """What the price book says of it."""
        return prices.rates(provider=self.listed_as, model=self.model, at=at, variant=variant)


@dataclass(frozen=True)
class ModelChoice:
    """`refusal`: why it cannot be chosen now; empty when it can. `rates`: micro-units per million tokens."""

    name: str
    label: str
    provider: str
    is_priced: bool
    refusal: str = ""
    is_own: bool = False
    is_local: bool = False
    has_vision: bool = False
    rates: Rates = field(default_factory=lambda: Rates({}))


def resolve(name: str) -> Endpoint:
    """No query for a model of the platform, one for an own one. Raises ModelNotOffered."""
    if name in settings.CHAT_MODELS or "/" not in name:
        return platform(name)
    slug, _, model = name.partition("/")
    rows = ProviderModel.objects.filter(
        provider__slug=slug, provider__is_on=True, name=model, is_offered=True
    )
    row = rows.select_related("provider").first()
    if row is None:
        raise ModelNotOffered(data={"model": name})
    return own(row)


def platform(name: str) -> Endpoint:
    return Endpoint(
        name=name,
        provider=settings.PROVIDER_NAME,
        model=name,
        base_url=settings.OPENAI_BASE_URL,
        is_local=settings.PROVIDER_NAME in settings.LOCAL_PROVIDERS,
        has_vision=name in settings.VISION_MODELS,
        listed_as=settings.PROVIDER_NAME,
    )


def own(row: ProviderModel) -> Endpoint:
    """Of a model with its provider."""
    provider = row.provider
    return Endpoint(
        name=f"{provider.slug}/{row.name}",
        provider=booked_as(provider),
        model=row.name,
        base_url=provider.base_url,
        is_own=True,
        is_local=provider.is_local,
        has_vision=row.has_vision,
        listed_as=listed_as(provider),
        provider_id=provider.id,
        cap_field="max_completion_tokens" if provider.kind == Provider.Kind.OPENAI else "max_tokens",
    )


def booked_as(provider: Provider) -> str:
    return f"{OWN_MARK}{provider.slug}"


def listed_as(provider: Provider) -> str:
    return "openai" if provider.kind == Provider.Kind.OPENAI else provider.slug


def open_access(endpoint: Endpoint) -> Access:
    """With the key. Raises ModelNotOffered, and KeyUnreadable for one that no present secret opens."""
    if endpoint.provider_id is None:
        return Access(endpoint.base_url, settings.OPENAI_API_KEY)
    row = Provider.objects.filter(id=endpoint.provider_id, is_on=True).first()
    if row is None:
        raise ModelNotOffered(data={"model": endpoint.name})
    return Access(row.base_url, sealing.key_of(row, current_workspace().id), is_own=True)


def require_allowed(workspace_id: UUID, endpoint: Endpoint) -> None:
    """Raises FeatureNotIncluded: what is not local needs cloud models, and own keys where the key is their own."""
    if endpoint.is_local:
        return
    features.require(workspace_id, Feature.CLOUD_MODELS)
    if endpoint.is_own:
        features.require(workspace_id, Feature.OWN_KEYS)


def is_allowed(workspace_id: UUID, endpoint: Endpoint) -> bool:
    try:
        require_allowed(workspace_id, endpoint)
    except features.FeatureNotIncluded:
        return False
    return True


def has_price(endpoint: Endpoint) -> bool:
    return endpoint.rates(at=timezone.now()).covers(NEEDED_PRICES)


def list_cost(booked: str, model: str, actual: Actual, *, at: datetime) -> int | None:
    """What the price book says, in micro-units, of what a workspace's own key paid; None without a price, and for
    the platform's providers."""
    if not booked.startswith(OWN_MARK):
        return None
    row = Provider.objects.filter(slug=booked.removeprefix(OWN_MARK)).first()
    if row is None:
        return None
    rates = prices.rates(provider=listed_as(row), model=model, at=at)
    return rates.cost(actual) if rates.covers(NEEDED_PRICES) else None


def list_choices(member: Member | UUID, *, present: Iterable[str] = ()) -> list[ModelChoice]:
    """The platform's models, then own ones by provider, then those `present` that are offered no more.

    `member`: or the workspace's id. Queries do not grow with the models, prices apart, which are kept.
    """
    workspace_id = member if isinstance(member, UUID) else member.workspace_id
    found = [_choice(platform(name), "") for name in settings.CHAT_MODELS]
    rows = ProviderModel.objects.filter(provider__is_on=True, is_offered=True).select_related("provider")
    owned = [(row.provider.name, own(row)) for row in rows.order_by("provider__name", "name")]
    prices.warm((endpoint.listed_as, endpoint.model) for _, endpoint in owned)
    found += [_choice(endpoint, group) for group, endpoint in owned]
    limits_money = any(not row.is_priced and not row.is_own for row in found) and limits.limits_money(
        workspace_id
    )
    offered = [replace(row, refusal=_refusal(workspace_id, row, limits_money)) for row in found]
    known = {row.name for row in offered}
    gone = [name for name in dict.fromkeys(present) if name and name not in known]
    return offered + [_gone(name) for name in gone]


def _choice(endpoint: Endpoint, group: str) -> ModelChoice:
    rates = endpoint.rates(at=timezone.now())
    return ModelChoice(
        name=endpoint.name,
        label=f"{endpoint.model} ({group})" if group else endpoint.model,
        provider=group or settings.PROVIDER_NAME,
        is_priced=rates.covers(NEEDED_PRICES),
        is_own=endpoint.is_own,
        is_local=endpoint.is_local,
        has_vision=endpoint.has_vision,
        rates=rates,
    )


def _gone(name: str) -> ModelChoice:
    """One that the platform has dropped still answers if its server knows it; one of a provider that is gone cannot."""
    refusal = "This model is not offered any more." if "/" in name else ""
    return ModelChoice(name, name, settings.PROVIDER_NAME, is_priced=False, refusal=refusal)


def _refusal(workspace_id: UUID, choice: ModelChoice, limits_money: bool) -> str:
    if not choice.is_own and not choice.is_priced and limits_money:
        return "This model has no price here, and spend is limited."
    if choice.is_local:
        return ""
    if not features.has(workspace_id, Feature.CLOUD_MODELS):
        return "Your plan includes local models only."
    if choice.is_own and not features.has(workspace_id, Feature.OWN_KEYS):
        return "Your plan does not include own keys."
    return ""
