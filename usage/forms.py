"""Forms of the staff pages."""

from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone

from tenants.models import Workspace
from usage.models import Price, Stop
from usage.rerating.models import Correction


class PriceForm(forms.ModelForm):
    class Meta:
        model = Price
        fields = ["provider", "model", "variant", "meter", "micro_per_million", "effective_at", "source"]
        help_texts = {
            "provider": "As in PROVIDER_NAME.",
            "variant": "Of an image its size and quality, such as 1024x1024/hd; else empty.",
            "micro_per_million": "Micro-units per million tokens (150000 is 0.15 per million), images or milliseconds.",
            "effective_at": "Runs that begin from this moment on cost this much.",
            "source": "Where the price is published.",
        }

    def clean(self) -> dict[str, Any]:
        """The same row twice is a slip; another amount for the same date is a correction, and the newer row counts."""
        data = super().clean() or {}
        key = {name: data.get(name) for name in ("provider", "model", "variant", "meter", "effective_at")}
        newest = Price.objects.filter(**key).order_by("-id").first()
        said = (data.get("micro_per_million"), data.get("source"))
        if newest is not None and (newest.micro_per_million, newest.source) == said:
            raise forms.ValidationError("This price is in the book already.")
        return data


class StopForm(forms.ModelForm):
    class Meta:
        model = Stop
        fields = ["scope", "target", "reason"]
        help_texts = {
            "target": "Platform: empty. Workspace: its slug or id. Assistant: its id. Model: its name. "
            "Provider: its name, as in PROVIDER_NAME.",
            "reason": "Shown to everybody whose model calls are refused.",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        scope = data.get("scope")
        if scope is None or "target" not in data:
            return data
        data["target"] = _target(scope, data["target"].strip())
        if Stop.objects.filter(
            scope=scope, target=data["target"], authority="staff", lifted_at__isnull=True
        ).exists():
            raise forms.ValidationError("This stop is set already.")
        return data


class CorrectionForm(forms.ModelForm):
    class Meta:
        model = Correction
        fields = ["provider", "model", "from_at", "to_at", "reason"]
        help_texts = {
            "from_at": "Runs that began from this moment on, UTC.",
            "to_at": "Runs that began before this moment, UTC.",
            "reason": "For the audit log. First add the right price to the price book, with its date.",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        begins, ends = data.get("from_at"), data.get("to_at")
        if begins and ends and not begins < ends <= timezone.now():
            raise forms.ValidationError("Give a range of the past.")
        return data


def _target(scope: str, text: str) -> str:
    """As `usage.stops` compares it. Raises ValidationError."""
    if scope == Stop.Scope.PLATFORM:
        if text:
            raise forms.ValidationError({"target": "A stop of the platform has no target."})
        return ""
    if scope == Stop.Scope.WORKSPACE:
        return _workspace_id(text)
    if scope == Stop.Scope.ASSISTANT:
        return _canonical_id(text, "Give the assistant's id.")
    if not text:
        raise forms.ValidationError({"target": "Give the name of the model or provider."})
    return text


def _workspace_id(text: str) -> str:
    row = Workspace.objects.filter(slug=text).values_list("id", flat=True).first()
    return str(row) if row else _canonical_id(text, "There is no such workspace.")


def _canonical_id(text: str, message: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise forms.ValidationError({"target": message}) from error
