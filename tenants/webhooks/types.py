"""What a workspace can be told of: each type with the fields of its `data` (docs/webhooks.md shows the same table)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class EventType:
    """`fields`: name → what it says. Ids and facts only."""

    name: str
    title: str
    fields: Mapping[str, str]


RUN = {
    "run_id": "the run",
    "kind": "what it was: `reply`, `completion` and others",
    "state": "`done`, `stopped` or `failed`",
    "error_code": "why it failed, else empty",
    "model": "the model that was asked for",
    "assistant_id": "the assistant, or null",
    "user_id": "whose it is",
    "message_id": "the message that it answers with, or null",
    "receipt_id": "its receipt, or null",
    "input_tokens": "what was read",
    "output_tokens": "what was written",
    "cost_micro": "what it cost, in millionths of a dollar",
}
LIMIT = {
    "limit_id": "the limit",
    "window_start": "the day on which its present window began",
    "used": "what was used of it",
    "amount": "the limit",
}
MEMBER = {"membership_id": "the membership", "user_id": "the person", "role": "their role"}
TEST = EventType("webhook.test", "Test", {"endpoint_id": "the endpoint that the test was asked for"})
EVENT_TYPES = (
    EventType("run.finished", "A run has finished", RUN),
    EventType("run.failed", "A run has failed", RUN),
    EventType(
        "conversation.created",
        "A conversation was begun",
        {
            "conversation_id": "the conversation",
            "user_id": "whose it is",
            "assistant_id": "its assistant, or null",
        },
    ),
    EventType("limit.warning", "A limit is close", LIMIT),
    EventType("limit.reached", "A limit is reached", LIMIT),
    EventType("member.added", "Somebody joined", MEMBER),
    EventType("member.removed", "Somebody left, or was removed", MEMBER),
    EventType("member.role_changed", "Somebody’s role changed", MEMBER | {"former_role": "the role before"}),
    EventType(
        "export.ready",
        "An export is ready",
        {"export_id": "the export", "size": "its bytes", "expires_at": "until when it can be fetched"},
    ),
)
BY_NAME = {kind.name: kind for kind in (*EVENT_TYPES, TEST)}
NAMES = tuple(kind.name for kind in EVENT_TYPES)
