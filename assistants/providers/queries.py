from uuid import UUID

from django.db.models import Count, Q, QuerySet

from accounts.permissions import Member
from assistants.models import Provider, ProviderModel
from config import errors


def list_providers() -> QuerySet[Provider]:
    """With the numbers of their models: `offered`, `listed`. One query."""
    counts = {
        "offered": Count("models", filter=Q(models__is_offered=True)),
        "listed": Count("models", filter=Q(models__is_listed=True)),
    }
    return Provider.objects.annotate(**counts).order_by("name", "id")


def access_provider(member: Member, provider_id: UUID) -> Provider:
    """Of the member's workspace, whose schema this runs in. Raises NotFound."""
    row = list_providers().filter(id=provider_id).first() if member.can_manage_workspace else None
    if row is None:
        raise errors.NotFound()
    return row


def list_models(provider: Provider) -> QuerySet[ProviderModel]:
    """What the server lists first, then what it lists no more."""
    return provider.models.order_by("-is_listed", "name")
