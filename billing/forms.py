"""Shape of what people send; what it means is decided by services."""

from dataclasses import dataclass

from django import forms

from billing.plans.models import PlanPrice
from billing.subscriptions import services

MOST_SEATS = 100_000


class EnquiryForm(forms.Form):
    name = forms.CharField(label="Your name", max_length=120)
    email = forms.EmailField(label="E-mail", max_length=254)
    company = forms.CharField(label="Company", max_length=120, required=False)
    seats = forms.IntegerField(
        label="How many people, about", min_value=1, max_value=MOST_SEATS, required=False
    )
    message = forms.CharField(
        label="What do you need?",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Limits, features, how you want to pay. No secrets, please.",
    )


class PlanForm(forms.Form):
    """What was chosen; the services know what of it there is."""

    plan = forms.CharField(max_length=40)
    interval = forms.ChoiceField(choices=PlanPrice.Interval.choices, required=False)
    seats = forms.IntegerField(min_value=1, max_value=MOST_SEATS, required=False)
    promotion_code = forms.CharField(label="Promotion code", max_length=50, required=False)
    trial = forms.BooleanField(required=False)
    deal = forms.CharField(max_length=40, required=False)
    quote = forms.CharField(max_length=1000, required=False)

    def choice(self) -> "Choice":
        data = self.cleaned_data
        return Choice(
            plan=data["plan"],
            interval=data["interval"] or PlanPrice.Interval.MONTH,
            seats=data["seats"],
            trial=data["trial"],
            promotion_code=data["promotion_code"].strip(),
            deal=data["deal"],
            quote=data["quote"],
        )


@dataclass(frozen=True)
class Choice:
    """`seats` None: as many as are here. `quote`: of the preview whose figures hold."""

    plan: str
    interval: str
    seats: int | None
    trial: bool
    promotion_code: str
    deal: str
    quote: str


class CancelForm(forms.Form):
    reason = forms.ChoiceField(
        label="Why?", choices=list(services.CANCELLATION_REASONS.items()), widget=forms.RadioSelect
    )
    comment = forms.CharField(
        label="Anything we should know?",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
