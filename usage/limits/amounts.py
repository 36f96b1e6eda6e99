"""What limits amount to now, overrides considered."""

from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from usage.models import Limit, LimitOverride


def with_effective_amount(rows: QuerySet[Limit], *, now: datetime) -> QuerySet[Limit]:
    """Adds `effective` (the newest standing override, else the amount), `overridden` (that override or None) and
    `overridden_until`."""
    standing = LimitOverride.objects.filter(
        limit_id=OuterRef("pk"), lifted_at__isnull=True, expires_at__gt=now
    ).order_by("-created_at")
    overridden = Subquery(standing.values("amount")[:1])
    return rows.annotate(
        overridden=overridden,
        effective=Coalesce(overridden, "amount"),
        overridden_until=Subquery(standing.values("expires_at")[:1]),
    )
