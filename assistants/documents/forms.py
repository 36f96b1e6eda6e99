"""The profile of a résumé, entry by entry, with one empty entry for another."""

from typing import Any

from django import forms
from django.forms import formset_factory

from assistants.documents import profiles


class SummaryForm(forms.Form):
    summary = forms.CharField(
        label="Summary", required=False, max_length=profiles.LONG, widget=forms.Textarea(attrs={"rows": 3})
    )
    skills = forms.CharField(
        label="Skills",
        required=False,
        max_length=profiles.MAX_SKILLS * profiles.SHORT,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=f"One a line, {profiles.MAX_SKILLS} at most.",
    )

    def clean_skills(self) -> list[str]:
        skills = [line.strip() for line in self.cleaned_data["skills"].splitlines() if line.strip()]
        if len(skills) > profiles.MAX_SKILLS:
            raise forms.ValidationError(f"Keep {profiles.MAX_SKILLS} skills at most.")
        if any(len(skill) > profiles.SHORT for skill in skills):
            raise forms.ValidationError(
                f"A skill has {profiles.SHORT} characters at most. Put one on each line."
            )
        return skills


class ExperienceForm(forms.Form):
    role = forms.CharField(label="Role", required=False, max_length=profiles.SHORT)
    organisation = forms.CharField(label="Organisation", required=False, max_length=profiles.SHORT)
    period = forms.CharField(label="Period", required=False, max_length=profiles.SHORT)
    summary = forms.CharField(
        label="What you did",
        required=False,
        max_length=profiles.LONG,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class EducationForm(forms.Form):
    degree = forms.CharField(label="Degree", required=False, max_length=profiles.SHORT)
    institution = forms.CharField(label="Institution", required=False, max_length=profiles.SHORT)
    period = forms.CharField(label="Period", required=False, max_length=profiles.SHORT)


def _set_of(form: type[forms.Form]) -> Any:
    return formset_factory(form, extra=1, max_num=profiles.MAX_ENTRIES, validate_max=True)


class ProfileForm:
    """Three forms as one."""

    def __init__(self, profile: dict[str, Any], data: Any = None) -> None:
        first = {"summary": profile["summary"], "skills": "\n".join(profile["skills"])}
        self.first = SummaryForm(data, initial=first)
        self.experience = _set_of(ExperienceForm)(data, initial=profile["experience"], prefix="experience")
        self.education = _set_of(EducationForm)(data, initial=profile["education"], prefix="education")

    def is_valid(self) -> bool:
        return all([self.first.is_valid(), self.experience.is_valid(), self.education.is_valid()])

    @property
    def values(self) -> dict[str, Any]:
        """What `profiles.checked` takes. An entry whose fields were emptied is gone."""
        return {
            **self.first.cleaned_data,
            "experience": _entries(self.experience, profiles.EXPERIENCE),
            "education": _entries(self.education, profiles.EDUCATION),
        }


def _entries(forms_of: Any, fields: dict[str, int]) -> list[dict[str, str]]:
    return [{name: form.cleaned_data.get(name, "") for name in fields} for form in forms_of]
