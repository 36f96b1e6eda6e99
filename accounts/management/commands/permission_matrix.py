from typing import Any

from django.core.management.base import BaseCommand

from accounts.members import matrix


class Command(BaseCommand):
    help = "Prints the permission table as Markdown, for docs/accounts.md."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(matrix.as_markdown(), ending="")
