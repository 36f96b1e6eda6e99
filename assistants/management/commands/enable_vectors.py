from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection


class Command(BaseCommand):
    help = "Adds pgvector to the database, once. Needs the right to create extensions."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        except DatabaseError as error:
            raise CommandError(
                "This database cannot add pgvector: install it there, or let an administrator run"
                ' "CREATE EXTENSION vector SCHEMA public".'
            ) from error
        self.stdout.write("Vectors can be kept.")
