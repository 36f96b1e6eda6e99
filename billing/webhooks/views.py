"""Where the payment service delivers its events: stored and answered, nothing else."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.webhooks import services
from billing.webhooks.verification import WebhookRefused
from config.errors import PROBLEM_TYPE, problem


@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> JsonResponse:
    """The signature stands for the sender: neither session nor key is asked for."""
    try:
        services.receive(_body(request), request.headers.get("Stripe-Signature", ""), now=timezone.now())
    except WebhookRefused as refusal:
        return JsonResponse(problem(refusal), status=refusal.status, content_type=PROBLEM_TYPE)
    return JsonResponse({"received": True})


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        refusal = WebhookRefused("body_too_large")
        services.note_refusal(refusal)
        raise refusal from None
