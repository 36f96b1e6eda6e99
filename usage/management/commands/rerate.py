from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.management.base import BaseCommand

from tenants import audit
from usage.rerating import services


def instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Rates a range of the past again by the price book as it stands now. The same --id goes on where it was."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--provider", default=settings.PROVIDER_NAME)
        parser.add_argument("--model", required=True)
        parser.add_argument("--from", dest="from_at", type=instant, required=True, metavar="INSTANT")
        parser.add_argument("--to", dest="to_at", type=instant, required=True, metavar="INSTANT")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--id", type=UUID, default=None)

    def handle(self, *args: Any, **options: Any) -> None:
        correction = services.begin(
            correction_id=options["id"] or uuid4(),
            provider=options["provider"],
            model=options["model"],
            from_at=options["from_at"],
            to_at=options["to_at"],
            reason=options["reason"],
            actor=audit.SYSTEM,
        )
        self.stdout.write(f"correction {correction.id}")
        for state in services.run(correction.id):
            self.stdout.write(
                f"{state.looked_at:,} settlements looked at, {state.corrected:,} corrected, "
                f"difference {state.delta_micro:,} µ"
            )
