from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import audit
from usage.receipts import services
from usage.receipts.models import SigningKey


class Command(BaseCommand):
    help = "Puts a new key in force that signs checkpoints, and writes the change into every log."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--compromised",
            action="store_true",
            help="the former key may be in other hands: verifiers warn about its checkpoints",
        )

    def handle(self, *args: Any, compromised: bool, **options: Any) -> None:
        reason = SigningKey.Reason.COMPROMISED if compromised else SigningKey.Reason.ROUTINE
        failed = services.rotate_key(reason=reason, actor=audit.SYSTEM)
        if failed:
            names = ", ".join(log.origin for log in failed)
            raise CommandError(f"The new key is in force, but these logs could not take it up yet: {names}")
        self.stdout.write("The new key is in force in every log.")
