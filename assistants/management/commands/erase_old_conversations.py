from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from assistants.retention import services
from tenants.scope import WorkspaceNotFound, get_ref


class Command(BaseCommand):
    help = (
        "Erases conversations that are older than their workspace keeps them, now instead of tonight. With --dry-run"
        " it only says how many."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", metavar="SLUG", help="only this one; without it every workspace")
        parser.add_argument("--dry-run", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = services.list_workspaces()
        if options["workspace"]:
            chosen = [self._find(options["workspace"])]
        verb = "would be erased" if options["dry_run"] else "erased"
        for workspace_id in chosen:
            slug = get_ref(id=workspace_id).slug
            found = services.apply(
                workspace_id, now=timezone.now(), dry_run=options["dry_run"], write=self.stdout.write
            )
            self.stdout.write(f"{slug}: {found.conversations} conversations and {found.calls} calls {verb}")
        self.stdout.write(f"{len(chosen)} workspaces looked at")

    def _find(self, slug: str) -> Any:
        try:
            return get_ref(slug=slug).id
        except WorkspaceNotFound as error:
            raise CommandError(f"There is no workspace {slug}.") from error
