from typing import Any

from django.core.management.base import BaseCommand

from usage import prices


class Command(BaseCommand):
    help = "Adds the published prices that the price book does not have yet."

    def handle(self, *args: Any, **options: Any) -> None:
        added = prices.load_published()
        self.stdout.write(f"price book: {added} rows added")
