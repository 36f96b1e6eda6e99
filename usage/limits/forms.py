"""Forms with which a workspace limits and stops itself."""

from typing import Any
from uuid import UUID

from django import forms

from usage import words
from usage.holds import explain
from usage.limits.queries import METERS_OF_RUNS
from usage.models import Meter, Stop, SubjectKind, Window

AMOUNT_HELP = "Money such as 25 or 2.50; everything else in whole pieces, tokens or seconds."
NOT_WHOLE = "Only money can be set to a part of one."
SECONDS = (Meter.AUDIO_IN_MS, Meter.AUDIO_OUT_MS)
LARGEST = 10**12


class LimitForm(forms.Form):
    """`subjects`: (kind, id, name) of what may be limited. Its value is `kind:id`."""

    subject = forms.ChoiceField(label="For")
    meter = forms.ChoiceField(
        choices=[(meter.value, explain.METER_WORDS[meter].capitalize()) for meter in METERS_OF_RUNS]
    )
    window = forms.ChoiceField(label="Per", choices=[(w.value, words.WINDOWS[w]) for w in Window])
    amount = forms.DecimalField(min_value=0, max_value=LARGEST, decimal_places=2, help_text=AMOUNT_HELP)

    def __init__(self, *args: Any, subjects: list[tuple[str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["subject"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = _grouped(subjects)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "amount" in data and "meter" in data:
            if data["meter"] != Meter.COST_MICRO and data["amount"] % 1:
                raise forms.ValidationError({"amount": NOT_WHOLE})
            data["amount"] = int(data["amount"] * unit_of(data["meter"]))
        if "subject" in data:
            data["subject_kind"], _, data["subject_id"] = data["subject"].partition(":")
        return data


def unit_of(meter: str) -> int:
    if meter == Meter.COST_MICRO:
        return 1_000_000
    return 1000 if meter in SECONDS else 1


def _grouped(subjects: list[tuple[str, str, str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for kind, subject_id, name in subjects:
        title = words.SUBJECTS[SubjectKind(kind)]
        groups.setdefault(title, []).append((f"{kind}:{subject_id}", name))
    return list(groups.items())


class StopForm(forms.Form):
    target = forms.ChoiceField(label="Stop")
    reason = forms.CharField(
        max_length=200, help_text="Shown to everybody whose model calls are refused.", strip=True
    )

    def __init__(self, *args: Any, workspace_id: UUID, assistants: dict[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["target"]
        assert isinstance(field, forms.ChoiceField)
        whole = (f"{Stop.Scope.WORKSPACE}:{workspace_id}", "Everything in this workspace")
        some = [(f"{Stop.Scope.ASSISTANT}:{id}", f"Assistant: {name}") for id, name in assistants.items()]
        field.choices = [whole, *some]
