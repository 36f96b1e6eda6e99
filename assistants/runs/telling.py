"""The end of a run as webhooks are told of it."""

from assistants.models import Run
from tenants.scope import current_workspace
from tenants.webhooks import emission

UNASKED = frozenset({Run.Kind.TITLE, Run.Kind.MEMORY, Run.Kind.EMBEDDING})
"""What the product does on its own: nobody waits for it."""


def tell_end(run: Run) -> None:
    """In the transaction that ends it."""
    if run.kind in UNASKED:
        return
    is_failed = run.state == Run.State.FAILED
    emission.emit(
        "run.failed" if is_failed else "run.finished",
        workspace_id=current_workspace().id,
        run_id=run.id,
        kind=run.kind,
        state=run.state,
        error_code=run.error_code,
        model=run.model,
        user_id=run.owner_id,
        assistant_id=run.assistant_id,
        message_id=run.message_id,
        receipt_id=run.receipt_id,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        cost_micro=run.cost_micro,
    )
