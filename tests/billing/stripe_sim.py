"""The simulated payment service in the hands of a test."""

import json
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import stripe
from django.conf import settings

from billing.simulator.core import Core, checkout, clock, events
from billing.simulator.core.account import Policy, set_policy
from billing.simulator.core.checkout import Outcome
from billing.simulator.core.errors import Json
from billing.simulator.store import Store


class StripeSim:
    """Its clock stands still but for `advance`. Events wait in `events()` until a test takes or drops them."""

    def __init__(self, core: Core) -> None:
        self.core = core

    @property
    def store(self) -> Store:
        return self.core.store

    def reset(self) -> None:
        self.store.clear()
        with self.store.transaction() as books:
            clock.set_to(books, int(time.time()), stands=True)

    @property
    def client(self) -> stripe.StripeClient:
        from billing.simulator.transport import InProcessClient

        return stripe.StripeClient(
            settings.STRIPE_SECRET_KEY,
            http_client=InProcessClient(self.store),
            stripe_version=settings.STRIPE_API_VERSION,
        )

    # time

    @property
    def now(self) -> int:
        with self.store.transaction() as books:
            return clock.read(books)

    def stand_at(self, moment: datetime) -> None:
        """Ahead: everything due on the way happens. Back: only the clock is set."""
        wanted = int(moment.timestamp())
        if wanted >= self.now:
            self.advance_to(wanted)
            return
        with self.store.transaction() as books:
            clock.set_to(books, wanted, stands=True)

    def advance(self, **duration: float) -> int:
        """`advance(days=31, hours=2)`: everything due on the way happens, in order. How many things that were."""
        return self.core.advance(seconds=int(timedelta(**duration).total_seconds()))

    def advance_to(self, moment: int) -> int:
        return self.core.advance(to=moment)

    def set_policy(self, *, retry_days: Iterable[int] = (3, 5, 7), after_retries: str = "cancel") -> None:
        with self.core.desk() as desk:
            set_policy(desk, Policy(tuple(retry_days), after_retries))

    # people

    def complete_checkout(self, url_or_id: str, card: str = "4242424242424242", **more) -> Outcome:
        """What a person does on the Checkout page; see `checkout.complete` for what else may be typed."""
        more.setdefault("email", "payer@example.com")
        return checkout.complete(self.core, session_id_of(url_or_id), card=card, **more)

    def confirm_payment(self, invoice_url: str) -> None:
        """The bank's question about an open invoice is answered with yes, on the invoice's own page."""
        from tests import factories

        visitor = factories.browser()
        challenge = visitor.post(urlsplit(invoice_url).path, {"step": "saved"})
        visitor.post(urlsplit(challenge["Location"]).path, {"outcome": "complete"})

    def snapshot(self) -> dict[tuple[str, str], Json]:
        """Everything in the books but which requests were answered."""
        from billing.simulator.models import SimulatedObject

        return {(row.kind, row.id): row.data for row in SimulatedObject.objects.exclude(kind="idempotency")}

    # events

    def events(self, *types: str) -> list[Json]:
        """Those nobody was told of yet, oldest first; of these types only, when some are named."""
        with self.core.desk() as desk:
            return [event for event in events.undelivered(desk) if not types or event["type"] in types]

    def take_events(self) -> list[Json]:
        """The same, and they wait no longer: whoever takes them delivers them, or not."""
        taken = self.events()
        self.drop_events()
        return taken

    def drop_events(self) -> int:
        with self.core.desk() as desk:
            return events.drop(desk)

    def signed(self, event: Json, *, secret: str = "", at: int | None = None) -> tuple[bytes, str]:
        """The body and the signature header of a delivery, as Stripe sends them."""
        body = json.dumps(event).encode()
        timestamp = int(time.time()) if at is None else at
        payload = f"{timestamp}.{body.decode()}"
        mark = stripe.WebhookSignature._compute_signature(
            payload, secret or settings.STRIPE_WEBHOOK_SECRETS[0]
        )
        return body, f"t={timestamp},v1={mark}"

    def deliver(self, given: Iterable[Json] | None = None) -> int:
        """Receives and processes these events (all that wait, when none are given), as web and worker do."""
        from django.utils import timezone

        from billing.webhooks import services

        taken = self.take_events() if given is None else list(given)
        for event in taken:
            body, signature = self.signed(event)
            services.receive(body, signature, now=timezone.now())
            services.process(event["id"])
        return len(taken)


def session_id_of(url_or_id: str) -> str:
    return urlsplit(url_or_id).path.rstrip("/").rsplit("/", 1)[-1] if "/" in url_or_id else url_or_id
