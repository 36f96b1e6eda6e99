"""Limits of one API key, given when it is made."""

from typing import Any

from config.ports import KeyLimits, KeyLimitWords
from tenants import audit
from usage import words
from usage.features import queries as features
from usage.features.keys import Feature
from usage.holds import explain
from usage.limits import services
from usage.limits.forms import unit_of
from usage.limits.queries import METERS_OF_RUNS
from usage.limits.services import LimitRefused, LimitSpec
from usage.models import Limit, SubjectKind, Window

MAX_LIMITS = 10


def set_key_limits(*, wanted: KeyLimits, actor: audit.Actor) -> None:
    """The answer to the port `key_limits_set`. Raises FeatureNotIncluded where the plan has no API, and LimitRefused,
    also when a limited key makes another key."""
    features.require(wanted.workspace_id, Feature.API_ACCESS)
    limited = Limit.objects.filter(
        workspace_id=wanted.workspace_id,
        subject_kind=SubjectKind.API_KEY,
        subject_id=str(wanted.made_by_key_id),
    )
    # SECURITY: a key could shed its own limits by making another one.
    if wanted.made_by_key_id and limited.exists():
        raise LimitRefused("A key with limits cannot make keys.", code="key_is_limited", status=403)
    for spec in _specs(wanted):
        services.set_limit(workspace_id=wanted.workspace_id, spec=spec, source=Limit.Source.KEY, actor=actor)


def words_of_limits() -> KeyLimitWords:
    """The answer to the port `key_limit_words`."""
    return KeyLimitWords(
        meters=[(meter.value, explain.METER_WORDS[meter].capitalize()) for meter in METERS_OF_RUNS],
        windows=[(window.value, words.WINDOWS[window]) for window in Window],
        units={meter.value: unit_of(meter) for meter in METERS_OF_RUNS},
    )


def _specs(wanted: KeyLimits) -> list[LimitSpec]:
    if len(wanted.limits) > MAX_LIMITS:
        raise LimitRefused(f"A key can have {MAX_LIMITS} limits at most.", status=422)
    specs = [_spec(given, str(wanted.key_id)) for given in wanted.limits]
    if len({(spec.meter, spec.window) for spec in specs}) < len(specs):
        raise LimitRefused("Each meter and window can be limited once.", status=422)
    return specs


def _spec(given: dict[str, Any], key_id: str) -> LimitSpec:
    meter, window, amount = given["meter"], given["window"], given["amount"]
    if meter not in METERS_OF_RUNS or window not in Window.values:
        known = ", ".join(METERS_OF_RUNS)
        raise LimitRefused(
            f"Meters are {known}; windows are {', '.join(Window.values)}.", code="limit_unknown", status=422
        )
    return LimitSpec(meter, window, amount, subject_kind=SubjectKind.API_KEY, subject_id=key_id)
