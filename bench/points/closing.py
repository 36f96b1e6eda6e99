"""``python -m bench.points.closing DAY…`` in a stack's environment: do its books close after all the kills? JSON.

The provider's report is left out: what a killed worker had asked for and nobody got is billed by the provider and
written in no ledger; that is the named difference that the nightly closing shows.
"""

import json
import sys
from datetime import date

from bench import clients


def main(days: list[str]) -> int:
    clients.set_up()
    from bench.points import injected  # noqa: PLC0415  after Django's setup
    from tenants.models import Workspace  # noqa: PLC0415
    from usage.receipts import queries as receipts  # noqa: PLC0415
    from usage.receipts import sequencer  # noqa: PLC0415
    from usage.receipts.models import LogKind  # noqa: PLC0415
    from usage.reconciliation import invariants, services  # noqa: PLC0415

    ids = list(Workspace.objects.values_list("id", flat=True))
    for workspace_id in ids:
        sequencer.sequence(workspace_id, LogKind.RECEIPTS)
    findings = [
        finding for day in days for finding in services.close(day=date.fromisoformat(day), workspace_ids=ids)
    ]
    verdicts = [receipts.verdicts(workspace_id) for workspace_id in ids]
    figures = {
        "broken_invariants": [str(row) for row in invariants.check()],
        "differences": [str(finding) for finding in findings],
        "receipts": sum(verdict.size for verdict in verdicts),
        "receipts_unsound": sum(verdict.integrity.count for verdict in verdicts),
        "receipts_incomplete": sum(verdict.completeness.count for verdict in verdicts),
        "seen_of_injected": injected.seen(),
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
