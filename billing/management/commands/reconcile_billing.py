from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.reconciliation import services
from tenants.scope import get_ref


class Command(BaseCommand):
    help = (
        "Compares every billing account with the payment service, repairs what differs, and says what it was."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", metavar="SLUG", help="only this one, without what nobody knows")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = [get_ref(slug=options["workspace"]).id] if options["workspace"] else None
        outcome = services.reconcile(write=self.stdout.write, workspace_ids=chosen)
        self.stdout.write(
            f"{outcome.accounts} accounts: {outcome.repaired} repaired in {outcome.repairs} places, "
            f"{outcome.adopted} customers found, {outcome.events} events processed, {outcome.failed} failed"
        )
        if not outcome.is_complete or outcome.failed:
            raise CommandError("Not everything could be compared: run it again.")
