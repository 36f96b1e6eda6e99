from django import forms

from assistants.models import Project
from assistants.projects import services


class ProjectForm(forms.ModelForm):
    instructions = forms.CharField(
        required=False,
        max_length=services.MAX_INSTRUCTIONS,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="What every answer in this project should know or keep to. Sent with each question, beside the"
        " assistant’s own instructions.",
    )

    class Meta:
        model = Project
        fields = ["name", "description", "instructions"]
        help_texts = {"description": "One line that its members see when they choose."}


class MemberForm(forms.Form):
    person = forms.ChoiceField(label="Add somebody", choices=())

    def __init__(self, *args: object, choices: list[tuple[str, str]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["person"].choices = choices  # type: ignore[attr-defined]
