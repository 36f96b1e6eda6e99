from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistants.llm.errors import ProviderFailure
from assistants.recall import embedding, services, vectors
from assistants.recall.kinds import SOURCES
from config import errors
from tenants.models import Workspace
from tenants.scope import workspace_scope


class Command(BaseCommand):
    help = (
        "Makes the vectors that are missing: after EMBEDDING_MODEL changed, or when the provider was away. It may be"
        " stopped at any time and goes on where it was."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", metavar="SLUG", help="only this one; without it every workspace")
        parser.add_argument("--status", action="store_true", help="only say how far it is")

    def handle(self, *args: Any, **options: Any) -> None:
        used = embedding.embedder()
        if used is None:
            raise CommandError("EMBEDDING_MODEL is not set: there is nothing to make vectors with.")
        if not vectors.is_available():
            raise CommandError("This database has no pgvector. Run enable_vectors first.")
        chosen = Workspace.objects.filter(state=Workspace.State.ACTIVE).order_by("id")
        if options["workspace"]:
            chosen = chosen.filter(slug=options["workspace"])
        if options["status"]:
            for workspace in chosen:
                self._tell(workspace)
            return
        failed = sum(not self._embed(workspace) for workspace in chosen)
        if failed:
            raise CommandError(f"{failed} workspaces are not done. Run it again.")

    def _tell(self, workspace: Workspace) -> None:
        with workspace_scope(workspace.id):
            for kind in SOURCES:
                done, total = services.progress(kind=kind)
                self.stdout.write(f"{workspace.slug}: {kind} {done} of {total}")

    def _embed(self, workspace: Workspace) -> bool:
        def told(done: int, left: int) -> None:
            self.stdout.write(f"{workspace.slug}: {done} done, {left} left")

        try:
            with workspace_scope(workspace.id):
                for kind in SOURCES:
                    services.embed_missing(kind=kind, told=told)
        except (ProviderFailure, errors.DomainError) as problem:
            self.stderr.write(f"{workspace.slug}: stopped ({problem.code})")
            return False
        return True
