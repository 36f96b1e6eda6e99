from django import forms
from django.conf import settings

from assistants.models import Assistant


class AssistantForm(forms.ModelForm):
    model = forms.ChoiceField(help_text="The model that answers.")

    class Meta:
        model = Assistant
        fields = ["name", "description", "instructions", "model", "temperature", "max_output_tokens"]
        widgets = {"instructions": forms.Textarea(attrs={"rows": 8})}
        labels = {"max_output_tokens": "Longest answer (tokens)"}
        help_texts = {
            "description": "One line that colleagues see when they choose.",
            "instructions": "How it should answer: role, tone, what to avoid. Sent with every question.",
            "temperature": "0 answers the same way each time; 1 varies; up to 2.",
            "max_output_tokens": "An answer ends here at the latest. 16 to 32,000; a token is about ¾ of a word.",
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["temperature"].widget.attrs.update({"min": "0", "max": "2", "step": "0.1"})
        self.fields["max_output_tokens"].widget.attrs.update({"min": "16", "max": "32000"})
        present = [self.instance.model] if self.instance.model else []
        names = [*settings.CHAT_MODELS, *(name for name in present if name not in settings.CHAT_MODELS)]
        self.fields["model"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]

    def clean_temperature(self) -> object:
        value = self.cleaned_data["temperature"]
        if not 0 <= value <= 2:
            raise forms.ValidationError("Choose a value from 0 to 2.")
        return value

    def clean_max_output_tokens(self) -> int:
        value: int = self.cleaned_data["max_output_tokens"]
        if not 16 <= value <= 32_000:
            raise forms.ValidationError("Choose a value from 16 to 32,000.")
        return value
