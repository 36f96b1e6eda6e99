"""The real SDK before a transport that answers what a test laid out, and notes what it was asked, as it went out.

For what a simulated service would never answer in that order, and to see each request exactly. It keeps no state.
"""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe

Body = dict[str, Any]


class Transport(stripe.HTTPClient):
    name = "scripted"

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, list[tuple[int, Body]]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def answer(self, request: str, *bodies: Body, status: int = 200) -> None:
        """`request`: "GET subscriptions/sub_1". Several bodies are given in turn, the last one from then on."""
        self.answers[request] = [(status, body) for body in bodies]

    def decline(self, request: str, code: str, decline_code: str) -> None:
        error = {
            "type": "card_error",
            "code": code,
            "decline_code": decline_code,
            "message": "Said by the bank.",
        }
        self.answer(request, {"error": error}, status=402)

    def refuse(self, request: str, param: str, code: str = "parameter_invalid") -> None:
        error = {"type": "invalid_request_error", "code": code, "param": param, "message": "Not like that."}
        self.answer(request, {"error": error}, status=400)

    def request(self, method, url, headers, post_data=None, *, _usage=None):
        parts = urlsplit(url)
        asked = f"{method.upper()} {parts.path.removeprefix('/v1/')}"
        assert headers["Stripe-Version"] == "2026-08-26.dahlia"
        self.requests.append((asked, dict(parse_qsl(post_data or parts.query, keep_blank_values=True))))
        assert asked in self.answers, f"nobody laid out an answer to {asked}"
        answers = self.answers[asked]
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        return json.dumps(body), status, {}

    def close(self) -> None: ...

    def sent(self, request: str) -> list[dict[str, str]]:
        """What each such request carried, flat as it went over the wire."""
        return [params for asked, params in self.requests if asked == request]

    @property
    def writes(self) -> list[str]:
        return [asked for asked, _ in self.requests if not asked.startswith("GET ")]


def client(transport: Transport) -> stripe.StripeClient:
    return stripe.StripeClient(
        "sk_test_" + "0" * 24,
        stripe_version="2026-08-26.dahlia",
        max_network_retries=0,
        http_client=transport,
    )


def listing(*rows: Body) -> Body:
    return {"object": "list", "data": list(rows), "has_more": False, "url": "/v1/x"}
