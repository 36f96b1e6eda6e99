from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistants.providers import rotation
from tenants.scope import WorkspaceNotFound


class Command(BaseCommand):
    help = (
        "Seals the keys of all workspaces' own model providers with the present SECRET_KEY, after it changed. Then the"
        " former value can go from SECRET_KEY_FALLBACKS. It may be stopped at any time and run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        total = rotation.Tally()
        workspaces = rotation.list_workspaces()
        for number, (workspace_id, slug) in enumerate(workspaces, start=1):
            try:
                found = rotation.rotate_keys(workspace_id=workspace_id)
            except WorkspaceNotFound:  # erased meanwhile
                continue
            total += found
            if found != rotation.Tally():
                self.stdout.write(f"[{number}/{len(workspaces)}] {slug}: {_words(found)}")
        self.stdout.write(f"{len(workspaces)} workspaces: {_words(total)}")
        if total.unreadable:
            raise CommandError(
                f"{total.unreadable} keys open with neither SECRET_KEY nor SECRET_KEY_FALLBACKS: bring the former value"
                " back and run this again, or let the workspaces' admins enter them anew."
            )


def _words(tally: rotation.Tally) -> str:
    return f"{tally.rotated} rotated, {tally.fresh} fresh already, {tally.unreadable} unreadable"
