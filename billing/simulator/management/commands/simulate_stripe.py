"""The simulated payment service over HTTP, until it is told to stop."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.simulator.door import LOOPBACK, Door


class Command(BaseCommand):
    help = "Speaks Stripe's wire protocol on loopback, with the simulator behind it (docs/payments-simulator.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8083, help="0 takes a free one and prints it")

    def handle(self, *, port: int, **_: Any) -> None:
        try:
            door = Door(port)
        except OSError as error:
            raise CommandError(f"Cannot listen on {LOOPBACK}:{port}: {error.strerror or error}") from error
        for number in (signal.SIGINT, signal.SIGTERM):
            # From a thread: `shutdown` waits for the loop that this handler interrupts.
            signal.signal(number, lambda *_: threading.Thread(target=door.shutdown).start())
        self.stdout.write(f"Simulated Stripe on {door.url}")
        self.stdout.write(f"  STRIPE_API_BASE={door.url}")
        self.stdout.write(f"  STRIPE_SECRET_KEY={settings.STRIPE_SECRET_KEY}")
        self.stdout.write(f"  STRIPE_WEBHOOK_SECRET={settings.STRIPE_WEBHOOK_SECRETS[0]}")
        self.stdout.flush()
        with door:
            door.serve_forever()
