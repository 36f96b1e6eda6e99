from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants import audit
from tenants.scope import get_ref
from usage.receipts import late


class Command(BaseCommand):
    help = "Writes receipts, marked as late, for settlements that have none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", metavar="SLUG", help="only this one")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["workspace"]
        for workspace_id in [get_ref(slug=slug).id] if slug else late.list_workspaces():
            count = late.issue_missing(workspace_id=workspace_id, actor=audit.SYSTEM)
            self.stdout.write(f"{workspace_id}: {count} receipts written")
