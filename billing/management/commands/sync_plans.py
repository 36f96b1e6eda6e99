from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from billing.catalogues import catalogue as catalogues
from billing.entitlements import services as entitlements
from billing.plans import services
from billing.stripe.client import PaymentServiceUnavailable
from config.errors import DomainError

ALL = "all"


class Command(BaseCommand):
    help = (
        "Writes a catalogue's plans here and at the payment service, and says what changed. Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = [*catalogues.list_names(), ALL]
        parser.add_argument("--catalogue", choices=names, help="default: PLAN_CATALOGUE")
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")
        parser.add_argument("--local", action="store_true", help="only our own rows")
        parser.add_argument(
            "--move-existing",
            action="store_true",
            help="move subscribers of older versions to the current ones",
        )
        parser.add_argument(
            "--if-reachable",
            action="store_true",
            help="a payment service that is away is said, and is no failure",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = options["catalogue"] or settings.PLAN_CATALOGUE
        for name in catalogues.list_names() if chosen == ALL else [chosen]:
            self._sync(name, options)
        if not options["dry_run"] and (given := entitlements.give_missing_plans()):
            self.stdout.write(f"{given} workspaces without a plan looked at.")

    def _sync(self, name: str, options: dict[str, Any]) -> None:
        try:
            changes = services.sync_plans(
                catalogue=name,
                write=self.stdout.write,
                dry_run=options["dry_run"],
                local=options["local"],
                move_existing=options["move_existing"],
            )
        except catalogues.CatalogueInvalid as error:
            raise CommandError(str(error)) from error
        except PaymentServiceUnavailable as error:
            away = f"{name}: our rows are written. {error.message} Then run sync_plans again."
            if not options["if_reachable"]:
                raise CommandError(away) from error
            self.stderr.write(away)
        except DomainError as error:
            raise CommandError(f"{name}: {error.message} {error.data}") from error
        else:
            failed = [change for change in changes if change.kind == "subscriber.failed"]
            if failed:
                raise CommandError(f"{name}: {len(failed)} subscribers could not be moved; see above.")
