"""What every address asks for: the table that the sweep holds against the product."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Route:
    """`offers`: method → (permission, status when it succeeds). `ids`: URL argument → which object it names.

    `shared`: the objects belong to the workspace, not to one person in it. `streams`: it may answer Deferred.
    `overseen_by`: who has this permission sees colleagues' objects here too. `{…}` in `data` names an own object.
    `works_read_only`: its unsafe methods work in a read-only workspace too.
    """

    offers: dict[str, tuple[str, int]]
    ids: dict[str, str] = field(default_factory=dict)
    data: dict[str, object] = field(default_factory=dict)
    shared: bool = False
    streams: bool = False
    overseen_by: str = ""
    query: dict[str, str] = field(default_factory=dict)
    works_read_only: bool = False


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
CONTRACT = {"contract_id": "contract"}
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
    "run-stop": Route({"POST": ("chat", 303)}, ids={"run_id": "live_run"}, works_read_only=True),
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
    "key-revoke": Route(
        {"GET": ("keys:manage", 200), "POST": ("keys:manage", 302)}, ids={"key_id": "key"}, works_read_only=True
    ),
    "conversation-cost": Route(SEES, ids=CONVERSATION),
    "usage": Route(SEES),
    "usage-meters": Route(SEES),
    "usage-export": Route(SEES),
    "usage-limits": Route(MANAGES | LEADS_BACK, data=LIMIT, overseen_by="workspace:manage"),
    "usage-limit-remove": Route(LEADS_BACK, ids={"limit_id": "limit"}, shared=True),
    "usage-stops": Route(SEES | LEADS_BACK, data=STOP, works_read_only=True),
    "usage-stop-lift": Route(LEADS_BACK, ids={"stop_id": "stop"}, shared=True),
    "usage-notice-dismiss": Route(LEADS_BACK, ids={"notice_id": "notice"}, shared=True),
    "statements": Route(MANAGES),
    "statement": Route(MANAGES, ids={"month": "month"}, shared=True),
    "receipts": Route(SEES),
    "receipt": Route(SEES, ids=RECEIPT, overseen_by="workspace:manage"),
    "receipt-document": Route(SEES, ids=RECEIPT, overseen_by="workspace:manage"),
    "receipts-verdicts": Route(SEES),
    "receipts-checkpoint": Route(SEES),
    "receipts-mail": Route(LEADS_BACK, works_read_only=True),
    "receipts-log": Route(MANAGES),
    "receipts-verifier": Route(SEES),
}  # fmt: skip

# What would reach the payment service is refused before it does; that it succeeds: tests/billing/test_pages_*.py.
SEES_BILLING, PAYS = {"GET": ("billing:view", 200)}, "billing:manage"
UNSOLD = {"plan": "enterprise", "interval": "month"}
WORKSPACE |= {
    "billing": Route(SEES_BILLING),
    "billing-invoices": Route(SEES_BILLING),
    "billing-log": Route(SEES_BILLING),
    "billing-plans": Route(SEES_BILLING | {"POST": (PAYS, 409)}, data=UNSOLD, works_read_only=True),
    "billing-checkout": Route({"POST": (PAYS, 422)}, data=UNSOLD, works_read_only=True),
    "billing-trial": Route({"POST": (PAYS, 422)}, data=UNSOLD, works_read_only=True),
    # Which checkout says its query: tests/billing/test_pages_buying.py.
    "billing-done": Route({"GET": ("billing:view", 302)}),
    "billing-portal": Route({"POST": (PAYS, 409)}, data={"flow": "cancel"}, works_read_only=True),
    "billing-cancel": Route({"GET": (PAYS, 302), "POST": (PAYS, 422)}, works_read_only=True),
    "billing-resume": Route({"POST": (PAYS, 409)}, works_read_only=True),
    "billing-change-cancel": Route({"POST": (PAYS, 409)}, works_read_only=True),
    "billing-referrals": Route(SEES),
    "billing-contracts": Route(SEES_BILLING),
    "billing-contract": Route(
        SEES_BILLING | {"POST": (PAYS, 302)},
        ids=CONTRACT,
        data={"value": "15000", "evidence": "Swept"},
        shared=True,
    ),
    "billing-contract-accept": Route({"POST": (PAYS, 302)}, ids={"contract_id": "offer"}, shared=True),
}

# /api/v1/, with an API key or with a session that names a workspace.
API = {
    "key-list": Route({"GET": ("keys:manage", 200), "POST": ("keys:manage", 201)}, data=KEY),
    "key-detail": Route({"DELETE": ("keys:manage", 204)}, ids={"key_id": "key"}, works_read_only=True),
    "assistant-list": Route({"GET": ("view", 200)}),
    "conversation-list": Route({"GET": ("view", 200), "POST": ("chat", 201)}, data={"text": "Hello"}),
    "message-list": Route({"POST": ("chat", 201)}, ids=CONVERSATION, data={"text": "Hello"}),
    "run-detail": Route({"GET": ("view", 200)}, ids={"run_id": "run"}),
    "run-events": Route({"GET": ("view", 200)}, ids={"run_id": "live_run"}, streams=True),
    "run-stop": Route({"POST": ("chat", 204)}, ids={"run_id": "live_run"}, works_read_only=True),
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
    "contract-list": Route({"GET": ("billing:view", 200)}),
    "contract-detail": Route({"GET": ("billing:view", 200)}, ids=CONTRACT, shared=True),
    "contract-accept": Route({"POST": ("billing:manage", 200)}, ids={"contract_id": "offer"}, shared=True),
    "contract-measure": Route(
        {"POST": ("billing:manage", 201)},
        ids=CONTRACT,
        data={"value": "15000", "evidence": "Swept"},
        shared=True,
    ),
}

# What would reach the payment service is refused before it does; that it succeeds: tests/billing/test_billing_api.py.
API |= {
    "billing-plans": Route(SEES),
    "billing-subscription": Route({"GET": ("billing:view", 200)}),
    "billing-invoices": Route({"GET": ("billing:view", 200)}),
    "billing-checkout": Route(
        {"POST": ("billing:manage", 422)}, data={"plan": "enterprise"}, works_read_only=True
    ),
    "billing-portal": Route({"POST": ("billing:manage", 409)}, data={"flow": "cancel"}, works_read_only=True),
    "subscribe": Route({"POST": ("billing:manage", 422)}, data={"plan": "enterprise"}, works_read_only=True),
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
    "referral": (302, 302, 302),
    "pricing": (200, 200, 200),
    "enquiry": (200, 200, 200),
}

# Deliveries of the payment service: nobody's session, every delivery signed (tests/billing/test_webhooks_refusals.py).
SIGNED = {"stripe-webhook", "api:billing-webhook"}

# Pages of the simulated payment service: made-up names lead nowhere, for anybody. All but the clock are found by a name
# that cannot be guessed; the clock is for staff, unless the installation is a demo.
SIMULATED = {
    "simulated-checkout": {"session_id": "cs_test_made_up"},
    "simulated-challenge": {"challenge_id": "pi_made_up"},
    "simulated-portal": {"session_id": "bps_made_up"},
    "simulated-portal-card": {"session_id": "bps_made_up"},
    "simulated-portal-card-default": {"session_id": "bps_made_up", "card_id": "pm_made_up"},
    "simulated-portal-card-remove": {"session_id": "bps_made_up", "card_id": "pm_made_up"},
    "simulated-portal-details": {"session_id": "bps_made_up"},
    "simulated-portal-cancel": {"session_id": "bps_made_up", "subscription_id": "sub_made_up"},
    "simulated-portal-resume": {"session_id": "bps_made_up", "subscription_id": "sub_made_up"},
    "simulated-portal-plan": {"session_id": "bps_made_up", "subscription_id": "sub_made_up"},
    "simulated-invoice": {"secret": "made_up"},
    "simulated-invoice-pdf": {"secret": "made_up"},
    "simulated-receipt": {"secret": "ch_made_up"},
}
SIMULATED_OPEN = {"simulated-clock": (404, 404, 200)}

# allauth's pages: never an error of ours, never anything of a workspace.
ACCOUNT = {
    "account_login", "account_logout", "account_inactive", "account_signup", "account_reauthenticate",
    "account_email", "account_email_verification_sent", "account_change_password", "account_set_password",
    "account_reset_password", "account_confirm_login_code", "account_confirm_email",
    "account_reset_password_from_key_done", "account_reset_password_from_key", "account_reset_password_done",
}  # fmt: skip
