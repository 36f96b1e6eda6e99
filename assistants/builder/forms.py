"""What people type about an assistant; the shape only. Whether it can be so is the services' to say."""

from typing import Any
from uuid import UUID

from django import forms

from accounts.members import queries as members
from accounts.permissions import Member
from assistants.builder import choices, content, rules, versions
from assistants.builder.content import MAX_STARTERS, STARTER_LENGTH, Content
from assistants.models import Assistant, AssistantVersion
from tenants import pictures

Visibility = Assistant.Visibility
VISIBILITY = [
    (Visibility.WORKSPACE, "Everyone in the workspace"),
    (Visibility.MEMBERS, "Chosen members and you"),
    (Visibility.PERSON, "Only you"),
]
NO_FALLBACK = ("", "None")
MODEL_FIELDS = ("model", "fallback_1", "fallback_2")


class ModelSelect(forms.Select):
    """`refused`: names that are shown and cannot be chosen."""

    refused: frozenset[str] = frozenset()

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if value in self.refused:
            option["attrs"]["disabled"] = True
        return option


class AssistantForm(forms.Form):
    """`initial`: by field, as `initial_of` gives it. With `is_draft` it asks for what a test needs only."""

    name = forms.CharField(max_length=80)
    description = forms.CharField(
        max_length=200, required=False, help_text="One line that colleagues see when they choose."
    )
    instructions = forms.CharField(
        required=False,
        max_length=60_000,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text="How it should answer: role, tone, what to avoid. Sent with every question.",
    )
    starters = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        label="Conversation starters",
        help_text=f"One on each line, up to {MAX_STARTERS}. Buttons on the page of a new chat.",
    )
    model = forms.ChoiceField(help_text="The model that answers.", widget=ModelSelect)
    fallback_1 = forms.ChoiceField(
        required=False,
        label="If it cannot",
        help_text="Asked when the first is busy or away.",
        widget=ModelSelect,
    )
    fallback_2 = forms.ChoiceField(required=False, label="And if that cannot", widget=ModelSelect)
    temperature = forms.DecimalField(
        min_value=0,
        max_value=2,
        decimal_places=2,
        error_messages=dict.fromkeys(("min_value", "max_value"), "Choose a value from 0 to 2."),
        widget=forms.NumberInput(attrs={"min": "0", "max": "2", "step": "0.1"}),
        help_text="0 answers the same way each time; 1 varies; up to 2.",
    )
    max_output_tokens = forms.IntegerField(
        min_value=16,
        max_value=32_000,
        label="Longest answer (tokens)",
        error_messages=dict.fromkeys(("min_value", "max_value"), "Choose a value from 16 to 32,000."),
        help_text="An answer ends here at the latest. 16 to 32,000; a token is about ¾ of a word.",
    )
    tools = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label="Tools it may use"
    )
    uses_memory = forms.BooleanField(
        required=False, label="Remembers what each person tells it, for that person only"
    )
    knowledge = forms.TypedMultipleChoiceField(
        required=False,
        coerce=UUID,
        widget=forms.CheckboxSelectMultiple,
        help_text="Whoever may ask the assistant can read passages of these.",
    )
    visibility = forms.ChoiceField(
        required=False, choices=VISIBILITY, widget=forms.RadioSelect, label="Who may use it"
    )
    members = forms.TypedMultipleChoiceField(
        required=False, coerce=UUID, widget=forms.CheckboxSelectMultiple, label="Chosen members"
    )
    base = forms.IntegerField(required=False, widget=forms.HiddenInput)
    template = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        member: Member,
        assistant: Assistant | None = None,
        is_draft: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = not is_draft
        self._offer_models(member, assistant)
        self._choose("tools", [(each.name, f"{each.title}: {each.description}") for each in choices.tools()])
        documents = rules.attachable(member).values_list("id", "name")
        self._choose("knowledge", [(str(key), name) for key, name in documents])
        if not documents:
            del self.fields["knowledge"]
        if not rules.can_share(member, assistant):
            del self.fields["visibility"], self.fields["members"]
            return
        maker = assistant.created_by_id if assistant else member.user_id
        people = members.names_by_user(member.workspace_id)
        self._choose("members", [(str(key), name) for key, name in people.items() if key != maker])
        if maker != member.user_id:
            self._choose("visibility", [each for each in VISIBILITY if each[0] != Visibility.PERSON])

    def _offer_models(self, member: Member, assistant: Assistant | None) -> None:
        """By provider. What cannot be chosen stands there with its reason, and is refused by `clean` too."""
        present = versions.models_of(assistant) if assistant else []
        found = choices.models(member, present)
        self._refusals = choices.refusals(found, present)
        refused = frozenset(name for name, reason in self._refusals.items() if reason)
        if self.initial.get("model") in refused:
            self.initial["model"] = next((each.name for each in found if each.name not in refused), "")
        groups = choices.grouped(found)
        for name in MODEL_FIELDS:
            self._choose(name, groups if name == "model" else [NO_FALLBACK, *groups])
            widget = self.fields[name].widget
            assert isinstance(widget, ModelSelect)
            widget.refused = refused

    def _choose(self, name: str, offered: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = offered

    def clean_starters(self) -> list[str]:
        lines = [" ".join(line.split()) for line in self.cleaned_data["starters"].splitlines()]
        starters = [line for line in lines if line]
        if len(starters) > MAX_STARTERS:
            raise forms.ValidationError(f"Write {MAX_STARTERS} starters at most, one on each line.")
        if any(len(line) > STARTER_LENGTH for line in starters):
            raise forms.ValidationError(f"A starter has {STARTER_LENGTH} characters at most.")
        return starters

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in MODEL_FIELDS:
            if reason := self._refusals.get(data.get(name, "")):
                self.add_error(name, reason)
        asked = [data.pop(name, "") for name in ("fallback_1", "fallback_2")]
        data["fallback_models"] = [name for name in asked if name]
        if len({data.get("model"), *data["fallback_models"]}) != len(data["fallback_models"]) + 1:
            self.add_error("fallback_1", "Choose another model than the first, each once.")
        return data

    @property
    def changes(self) -> dict[str, Any]:
        """For the services: what the form has said, and nothing about what it did not show."""
        names = [name for name in (*content.NAMES, "visibility", "members") if name in self.cleaned_data]
        changes = {name: self.cleaned_data[name] for name in names}
        if not changes.get("visibility"):
            changes.pop("visibility", None)
            changes.pop("members", None)
        return changes

    @property
    def draft(self) -> Content:
        """For a test. A nameless draft has a name all the same."""
        said = {name: value for name, value in self.changes.items() if name in content.NAMES}
        return Content(**{**said, "name": said["name"] or "Draft"})


def initial_of(version: AssistantVersion, assistant: Assistant) -> dict[str, Any]:
    """What was saved last, for the form."""
    saved = content.of_snapshot(version.snapshot)
    values = {name: getattr(saved, name) for name in content.NAMES}
    return in_form(values) | {
        "visibility": assistant.visibility,
        "members": [str(row.user_id) for row in assistant.members.all()],
        "base": version.number,
    }


def in_form(values: dict[str, Any]) -> dict[str, Any]:
    """Lists as the form shows them."""
    fallbacks = [*values.get("fallback_models", []), "", ""]
    return values | {
        "starters": "\n".join(values.get("starters", [])),
        "knowledge": [str(each) for each in values.get("knowledge", [])],
        "fallback_1": fallbacks[0],
        "fallback_2": fallbacks[1],
    }


class AvatarForm(forms.Form):
    picture = forms.FileField(
        help_text="PNG, JPEG or WebP of up to 2 MB. The middle of it is kept, and nothing else from the file.",
        widget=forms.FileInput(attrs={"accept": pictures.ACCEPT}),
    )
