"""What every address asks for: the table that the sweep holds against the product."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Route:
    """`offers`: method → (permission, status when it succeeds). `ids`: URL argument → which object it names.

    `shared`: the objects belong to the workspace, not to one person in it. `streams`: it may answer Deferred.
    `overseen_by`: who has this permission sees colleagues' objects here too. `{…}` in `data` names an own object.
    """

    offers: dict[str, tuple[str, int]]
    ids: dict[str, str] = field(default_factory=dict)
    data: dict[str, object] = field(default_factory=dict)
    shared: bool = False
    streams: bool = False
    overseen_by: str = ""
    query: dict[str, str] = field(default_factory=dict)


MESSAGE = {"conversation_id": "conversation", "message_id": "answer"}
QUESTION = {"conversation_id": "conversation", "message_id": "question"}
CONVERSATION = {"conversation_id": "conversation"}
ASSISTANT = {
    "name": "Swept", "description": "", "instructions": "", "model": "gpt-4o-mini", "temperature": "0.5",
    "max_output_tokens": "100",
}  # fmt: skip
KEY = {"name": "Swept", "scopes": ["view"]}
LIMIT = {"subject": "assistant:{assistant}", "meter": "messages", "window": "day", "amount": "5"}
STOP = {"target": "assistant:{assistant}", "reason": "Swept"}
RECEIPT = {"receipt_id": "receipt"}
SEES, MANAGES = {"GET": ("view", 200)}, {"GET": ("workspace:manage", 200)}
LEADS_BACK = {"POST": ("workspace:manage", 302)}

# Pages under /w/<slug>/. Their permission comes first, then whether the object is the caller's to see.
WORKSPACE = {
    "dashboard": Route({"GET": ("view", 200)}),
    "chat": Route({"GET": ("view", 200), "POST": ("chat", 303)}, data={"text": "Hello"}),
    "conversation": Route({"GET": ("view", 200)}, ids=CONVERSATION),
    "message-send": Route({"POST": ("chat", 303)}, ids=CONVERSATION, data={"text": "Hello"}),
    "message": Route({"GET": ("view", 200)}, ids=MESSAGE),
    "message-edit": Route({"POST": ("chat", 303)}, ids=QUESTION, data={"text": "Hello"}),
    "message-regenerate": Route({"POST": ("chat", 303)}, ids=MESSAGE),
    "message-retry": Route({"POST": ("chat", 303)}, ids=MESSAGE),
    "run-events": Route({"GET": ("view", 200)}, ids={"run_id": "live_run"}, streams=True),
    "run-stop": Route({"POST": ("chat", 303)}, ids={"run_id": "live_run"}),
    "assistants": Route({"GET": ("view", 200)}),
    "assistant-create": Route(
        {"GET": ("assistants:manage", 200), "POST": ("assistants:manage", 302)}, data=ASSISTANT
    ),
    "assistant-edit": Route(
        {"GET": ("assistants:manage", 200), "POST": ("assistants:manage", 302)},
        ids={"assistant_id": "assistant"}, data=ASSISTANT, shared=True,
    ),
    "keys": Route({"GET": ("keys:manage", 200)}),
    "key-create": Route({"GET": ("keys:manage", 200), "POST": ("keys:manage", 201)}, data=KEY),
    "key-revoke": Route({"GET": ("keys:manage", 200), "POST": ("keys:manage", 302)}, ids={"key_id": "key"}),
    "conversation-cost": Route(SEES, ids=CONVERSATION),
    "usage": Route(SEES),
    "usage-meters": Route(SEES),
    "usage-export": Route(SEES),
    "usage-limits": Route(MANAGES | LEADS_BACK, data=LIMIT, overseen_by="workspace:manage"),
    "usage-limit-remove": Route(LEADS_BACK, ids={"limit_id": "limit"}, shared=True),
    "usage-stops": Route(SEES | LEADS_BACK, data=STOP),
    "usage-stop-lift": Route(LEADS_BACK, ids={"stop_id": "stop"}, shared=True),
    "usage-notice-dismiss": Route(LEADS_BACK, ids={"notice_id": "notice"}, shared=True),
    "statements": Route(MANAGES),
    "statement": Route(MANAGES, ids={"month": "month"}, shared=True),
    "receipts": Route(SEES),
    "receipt": Route(SEES, ids=RECEIPT, overseen_by="workspace:manage"),
    "receipt-document": Route(SEES, ids=RECEIPT, overseen_by="workspace:manage"),
    "receipts-verdicts": Route(SEES),
    "receipts-checkpoint": Route(SEES),
    "receipts-mail": Route(LEADS_BACK),
    "receipts-log": Route(MANAGES),
    "receipts-verifier": Route(SEES),
}  # fmt: skip

# /api/v1/, with an API key or with a session that names a workspace.
API = {
    "key-list": Route({"GET": ("keys:manage", 200), "POST": ("keys:manage", 201)}, data=KEY),
    "key-detail": Route({"DELETE": ("keys:manage", 204)}, ids={"key_id": "key"}),
    "assistant-list": Route({"GET": ("view", 200)}),
    "conversation-list": Route({"GET": ("view", 200), "POST": ("chat", 201)}, data={"text": "Hello"}),
    "message-list": Route({"POST": ("chat", 201)}, ids=CONVERSATION, data={"text": "Hello"}),
    "run-detail": Route({"GET": ("view", 200)}, ids={"run_id": "run"}),
    "run-events": Route({"GET": ("view", 200)}, ids={"run_id": "live_run"}, streams=True),
    "run-stop": Route({"POST": ("chat", 204)}, ids={"run_id": "live_run"}),
    "usage-current": Route(SEES),
    "usage-history": Route(SEES),
    "usage-limits": Route(SEES),
    "user-usage": Route(SEES),
    "statement-list": Route(MANAGES),
    "statement-detail": Route(MANAGES, ids={"month": "month"}, shared=True),
    "receipt-list": Route(SEES),
    "receipt-detail": Route(SEES, ids=RECEIPT, overseen_by="workspace:manage"),
    "log-checkpoint": Route(SEES),
    "log-consistency": Route(SEES, query={"from": "{log_size}"}),
    "log-export": Route(MANAGES),
    "tecp-verify": Route(SEES),
}

# /v1/, with an API key only.
OPENAI = {
    "chat-completions": Route(
        {"POST": ("chat", 200)},
        data={"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]},
        streams=True,
    ),
    "models": Route({"GET": ("view", 200)}),
}

# No workspace: GET's status for a visitor, somebody signed in, and staff.
PUBLIC = {
    "health": (200, 200, 200),
    "ready": (200, 200, 200),
    "home": (200, 302, 200),
    "me": (302, 200, 200),
    "styleguide": (302, 404, 200),
    "api-schema": (200, 200, 200),
}

# allauth's pages: never an error of ours, never anything of a workspace.
ACCOUNT = {
    "account_login", "account_logout", "account_inactive", "account_signup", "account_reauthenticate",
    "account_email", "account_email_verification_sent", "account_change_password", "account_set_password",
    "account_reset_password", "account_confirm_login_code", "account_confirm_email",
    "account_reset_password_from_key_done", "account_reset_password_from_key", "account_reset_password_done",
}  # fmt: skip
