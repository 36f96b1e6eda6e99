"""What visitors asked, for the frame and for those who look after it."""

from typing import Any

from django.utils.safestring import SafeString, mark_safe

from assistants.models import Message, Run
from assistants.rendering import markdown

FAILED = "That did not work. Ask again."
STOPPED = "Stopped."


def as_html(text: str) -> SafeString:
    """No picture from elsewhere is offered: what would be one is its description."""
    return mark_safe(markdown.render(text, offers_images=False))  # noqa: S308  the sanitised rendering


def shown(message: Message) -> dict[str, Any]:
    """{id, role, text | html, state, note, run}. `state`: of an answer, running, done, stopped or failed."""
    if message.role == Message.Role.USER:
        return {"id": str(message.id), "role": "user", "text": message.text}
    run = max(message.runs.all(), key=lambda row: row.created_at, default=None)
    is_running = run is not None and not run.is_final
    state = "running" if is_running else (run.state if run is not None else Run.State.DONE)
    notes: dict[str, str] = {Run.State.FAILED: FAILED, Run.State.STOPPED: STOPPED}
    return {
        "id": str(message.id),
        "role": "assistant",
        "html": "" if is_running else as_html(message.text),
        "state": state,
        "note": notes.get(state, ""),
        "run": str(run.id) if is_running and run is not None else None,
    }
