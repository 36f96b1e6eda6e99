"""The filters of the audit log, shape only."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from accounts.auditlog import presenters, words
from accounts.auditlog.queries import Wanted

FIRST, LAST = date(2000, 1, 1), date(9998, 12, 31)


class FilterForm(forms.Form):
    """`people`: names by reference. All fields empty: everything."""

    person = forms.CharField(required=False)
    group = forms.ChoiceField(required=False, label="About")
    first = forms.DateField(
        required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(
        required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    target = forms.RegexField(
        r"^[\w.:-]+$",
        required=False,
        max_length=106,
        label="Object",
        error_messages={"invalid": "Give an object’s id, or a kind of objects such as assistant."},
        widget=forms.TextInput(attrs={"placeholder": "An id, or a kind", "autocomplete": "off"}),
    )

    def __init__(self, data: QueryDict, *, people: dict[UUID, str]) -> None:
        super().__init__(data)
        everybody = [("", "Everybody"), *((str(ref), name) for ref, name in people.items())]
        everybody += [(kind.value, name) for kind, name in presenters.OTHERS.items()]
        asked = data.get("person", "")
        if asked not in dict(everybody) and _is_id(asked):  # somebody who left
            everybody.append((asked, "Somebody who is not a member"))
        self.fields["person"] = forms.ChoiceField(required=False, label="Who", choices=everybody)
        self.fields["group"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            ("", "Everything"),
            *((key, title) for key, (title, _) in words.GROUPS.items()),
        ]
        self.order_fields(["person", "group", "first", "last", "target"])

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = found.get("first"), found.get("last")
        for name, day in (("first", first), ("last", last)):
            if day and not FIRST <= day <= LAST:
                self.add_error(name, forms.ValidationError("Choose a day of our time.", code="date_too_far"))
        if first and last and last < first:
            self.add_error(
                "last", forms.ValidationError("The end is before the beginning.", code="dates_swapped")
            )
        return found

    def wanted(self, timezone: str) -> Wanted:
        """Days begin at midnight in that zone. Of a valid form."""
        found, zone = self.cleaned_data, ZoneInfo(timezone)
        person = found["person"]
        is_kind = person in [kind.value for kind in presenters.OTHERS]
        return Wanted(
            person=UUID(person) if person and not is_kind else None,
            kind=person if is_kind else "",
            group=found["group"],
            since=_midnight(found["first"], zone),
            until=_midnight(found["last"] + timedelta(days=1), zone) if found["last"] else None,
            target=found["target"],
        )

    def kept(self) -> dict[str, str]:
        """What is set, as a query would say it."""
        return {name: str(value) for name, value in self.cleaned_data.items() if value}


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(), zone) if day else None


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
