from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand

from tenants.scope import get_ref
from usage.reconciliation import services


class Command(BaseCommand):
    help = "Closes a day (UTC): compares ledger, counters, receipts and provider, and lists what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", metavar="SLUG", help="only this one, without the provider")
        parser.add_argument("--day", type=date.fromisoformat, default=None, help="default: yesterday")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = [get_ref(slug=options["workspace"]).id] if options["workspace"] else None
        day = options["day"] or services.yesterday()
        findings = services.close(day=day, workspace_ids=chosen)
        for finding in findings:
            place = " ".join(
                filter(None, [str(finding.workspace_id or "platform"), finding.model, finding.subject])
            )
            self.stdout.write(
                f"{finding.kind}: {place}: expected {finding.expected:,}, found {finding.found:,}"
            )
        self.stdout.write(f"{day}: {len(findings)} open items")
