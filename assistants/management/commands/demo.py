import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from assistants import demo


class Command(BaseCommand):
    help = "Makes the demo data once (--seed), or prints who can sign in (--json)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", action="store_true")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo needs DEMO=1: its passwords are public.")
        made = demo.seed()
        if options["json"]:
            self.stdout.write(json.dumps(demo.describe(), indent=2))
        else:
            self.stdout.write("demo data made" if made else "demo data is there")
