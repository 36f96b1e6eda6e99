from collections.abc import Mapping

from django import forms


class DeletionForm(forms.Form):
    """The shape only: whether it is the name, the service says."""

    name = forms.CharField(
        label="Name of the workspace",
        max_length=200,
        error_messages={"required": "Type the name of this workspace."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: Mapping[str, object] | None = None, *, workspace_name: str) -> None:
        super().__init__(data)
        self.fields["name"].help_text = f"Type “{workspace_name}”."
