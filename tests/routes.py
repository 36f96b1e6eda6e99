"""What every address asks for: the table that the sweep holds against the product."""

from dataclasses import dataclass, field

from tests.accounts.sso import connections


@dataclass(frozen=True)
class Route:
    """`offers`: method → (permission, status when it succeeds). `ids`: URL argument → which object it names.

    `shared`: the objects belong to the workspace, not to one person in it. `streams`: it may answer Deferred.
    `overseen_by`: who has this permission sees colleagues' objects here too. `{…}` in `data` names an own object.
    `works_read_only`: its unsafe methods (or these of them) work in a read-only workspace too. `of_person`: method →
    status for somebody signed in who names no workspace.
    """

    offers: dict[str, tuple[str, int]]
    ids: dict[str, str] = field(default_factory=dict)
    data: dict[str, object] = field(default_factory=dict)
    shared: bool = False
    streams: bool = False
    overseen_by: str = ""
    query: dict[str, str] = field(default_factory=dict)
    works_read_only: bool | frozenset[str] = False
    of_person: dict[str, int] = field(default_factory=dict)

    def is_open(self, method: str) -> bool:
        """Whether this unsafe method works in a read-only workspace."""
        works = self.works_read_only
        return works if isinstance(works, bool) else method in works


MESSAGE = {"conversation_id": "conversation", "message_id": "answer"}
QUESTION = {"conversation_id": "conversation", "message_id": "question"}
CONVERSATION = {"conversation_id": "conversation"}
FOLLOW_UP = {"follow_up_id": "follow_up"}
ASSISTANT = {
    "name": "Swept", "description": "", "instructions": "", "model": "gpt-4o-mini", "temperature": "0.5",
    "max_output_tokens": "100",
}  # fmt: skip
VERSION = {"assistant_id": "assistant", "version_id": "version"}
# Of what everybody has who may make keys at all.
KEY = {"name": "Swept", "scopes": ["keys:manage"]}
LIMIT = {"subject": "assistant:{assistant}", "meter": "messages", "window": "day", "amount": "5"}
STOP = {"target": "assistant:{assistant}", "reason": "Swept"}
RECEIPT = {"receipt_id": "receipt"}
CONTRACT = {"contract_id": "contract"}
ONE_ASSISTANT = {"assistant_id": "assistant"}
BUILDS, BUILDS_ON = {"GET": ("assistants:manage", 200)}, {"POST": ("assistants:manage", 302)}
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
    "assistant-templates": Route(BUILDS),
    "assistant-test": Route({"POST": ("assistants:manage", 200)}, data=ASSISTANT | {"question": "Hello"}),
    "assistant-test-answer": Route(BUILDS, ids={"run_id": "trial"}),
    "assistant-versions": Route(BUILDS, ids=ONE_ASSISTANT, shared=True),
    "assistant-compare": Route(BUILDS, ids=ONE_ASSISTANT, shared=True),
    "assistant-restore": Route(BUILDS_ON, ids=VERSION, shared=True),
    "assistant-pin": Route(BUILDS_ON, ids=VERSION, shared=True),
    "assistant-unpin": Route(BUILDS_ON, ids=ONE_ASSISTANT, shared=True),
    "assistant-duplicate": Route(BUILDS_ON, ids=ONE_ASSISTANT, shared=True),
    "assistant-archive": Route(BUILDS_ON, ids=ONE_ASSISTANT, shared=True),
    "assistant-unarchive": Route(BUILDS_ON, ids=ONE_ASSISTANT, shared=True),
    # With a picture: tests/assistants/builder/test_avatar.py.
    "assistant-avatar": Route({"GET": ("view", 404)}, ids=ONE_ASSISTANT, shared=True),
    "assistant-avatar-change": Route(
        {"POST": ("assistants:manage", 302)}, ids=ONE_ASSISTANT, data={"remove": "1"}, shared=True
    ),
    "assistant-limits": Route(
        LEADS_BACK, ids=ONE_ASSISTANT, data={**LIMIT, "subject": "assistant:{assistant}"}, shared=True
    ),
    "keys": Route({"GET": ("keys:manage", 200)}),
    "key-create": Route({"GET": ("keys:manage", 200), "POST": ("keys:manage", 201)}, data=KEY),
    "key-change": Route(
        {"GET": ("keys:manage", 200), "POST": ("keys:manage", 302)}, ids={"key_id": "key"}, data={"name": "Swept"},
        works_read_only=True,
    ),
    "key-rotate": Route(
        {"GET": ("keys:manage", 200), "POST": ("keys:manage", 200)}, ids={"key_id": "key"},
        data={"overlap_hours": "1"}, works_read_only=True,
    ),
    "key-revoke": Route(
        {"GET": ("keys:manage", 200), "POST": ("keys:manage", 302)}, ids={"key_id": "key"}, works_read_only=True
    ),
    "members": Route({"GET": ("view", 200)}),
    "roles": Route({"GET": ("view", 200)}),
    "members-leave": Route({"GET": ("view", 200), "POST": ("view", 302)}, works_read_only=True),
    # Both lead to a fresh proof of who does it: tests/accounts/test_members_pages.py.
    "members-transfer": Route(
        {"GET": ("workspace:own", 302), "POST": ("workspace:own", 302)}, works_read_only=True
    ),
    "members-invite": Route(
        {"GET": ("members:manage", 200), "POST": ("members:manage", 200)},
        data={"addresses": "swept@example.test", "role": "viewer"},
    ),
    "member-role": Route(
        {"GET": ("members:manage", 200), "POST": ("members:manage", 302)},
        ids={"membership_id": "membership"}, data={"role": "viewer"}, shared=True,
    ),
    "member-remove": Route(
        {"GET": ("members:manage", 200), "POST": ("members:manage", 302)},
        ids={"membership_id": "membership"}, shared=True, works_read_only=True,
    ),
    "invitation-resend": Route(
        {"POST": ("members:manage", 302)}, ids={"invitation_id": "invitation"}, shared=True
    ),
    "invitation-revoke": Route(
        {"GET": ("members:manage", 200), "POST": ("members:manage", 302)},
        ids={"invitation_id": "invitation"}, shared=True, works_read_only=True,
    ),
    "conversation-cost": Route(SEES, ids=CONVERSATION),
    "conversation-news": Route({"GET": ("view", 204)}, ids=CONVERSATION),
    "follow-up-send": Route({"POST": ("chat", 303)}, ids=FOLLOW_UP),
    "follow-up-edit": Route({"POST": ("chat", 200)}, ids=FOLLOW_UP, works_read_only=True),
    "follow-up-remove": Route({"POST": ("view", 303)}, ids=FOLLOW_UP, works_read_only=True),
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
    "audit": Route({"GET": ("audit:view", 200)}, overseen_by="audit:view"),
    "audit-export": Route({"GET": ("audit:view", 200)}, overseen_by="audit:view"),
    "audit-entry": Route({"GET": ("audit:view", 200)}, ids={"entry_id": "audit_entry"}, shared=True),
}  # fmt: skip

# Conversations kept and shared, projects. More in tests/assistants/test_library_*.py and test_projects*.py.
CHATS = {"POST": ("chat", 302)}
OWN_PROJECT = {"project_id": "project"}
WORKSPACE |= {
    "conversations": Route(SEES),
    # What was deleted is there for its owner only, and this one is not deleted.
    "conversation-undo": Route({"POST": ("view", 404)}, ids=CONVERSATION, works_read_only=True),
    "conversation-delete": Route(
        {"POST": ("view", 302)}, ids={"conversation_id": "conversation"}, works_read_only=True
    ),
    "conversation-rename": Route({"GET": ("chat", 200), **CHATS}, ids=CONVERSATION, data={"title": "Swept"}),
    "conversation-tags": Route(CHATS, ids=CONVERSATION, data={"tags": "swept"}),
    "conversation-move": Route(CHATS, ids=CONVERSATION, data={"project": "{project}"}),
    "conversation-pin": Route(CHATS, ids=CONVERSATION),
    "conversation-archive": Route(CHATS, ids=CONVERSATION),
    "conversation-share": Route(
        {"GET": ("chat", 200), "POST": ("chat", 201)}, ids=CONVERSATION, data={"days": "7"}
    ),
    "conversation-links": Route(SEES),
    "conversation-link-revoke": Route({"POST": ("view", 302)}, ids={"link_id": "link"}, works_read_only=True),
    "conversation-export": Route(SEES, ids=CONVERSATION),
    # Without a file; with one: tests/assistants/test_library_import.py.
    "conversations-import": Route({"GET": ("chat", 200), "POST": ("chat", 422)}),
    "conversations-import-progress": Route({"GET": ("chat", 200), **CHATS}, ids={"import_id": "import_id"}),
    "projects": Route(SEES),
    "project-create": Route({"GET": ("chat", 200), **CHATS}, data={"name": "Swept"}),
    "project": Route(SEES, ids=OWN_PROJECT),
    "project-edit": Route({"GET": ("chat", 200), **CHATS}, ids=OWN_PROJECT, data={"name": "Swept"}),
    "project-members": Route(SEES, ids=OWN_PROJECT),
    # Without a choice, and of oneself; with others: tests/assistants/test_projects.py.
    "project-member-add": Route({"POST": ("chat", 422)}, ids=OWN_PROJECT),
    "project-member-remove": Route(
        {"POST": ("view", 409)}, ids=OWN_PROJECT | {"user_id": "user"}, works_read_only=True
    ),
    "project-archive": Route(CHATS, ids=OWN_PROJECT),
}
OWN_DOCUMENT = {"document_id": "document"}
WORKSPACE |= {
    # Without a file; with one: tests/assistants/documents/test_pages.py.
    "documents": Route({"GET": ("view", 200), "POST": ("chat", 422)}),
    "document": Route(SEES, ids=OWN_DOCUMENT),
    "document-row": Route(SEES, ids=OWN_DOCUMENT),
    "document-file": Route(SEES, ids=OWN_DOCUMENT),
    "document-passage": Route(SEES, ids={**OWN_DOCUMENT, "passage_id": "passage"}),
    "document-replace": Route({"POST": ("chat", 422)}, ids=OWN_DOCUMENT),
    "document-share": Route(CHATS, ids=OWN_DOCUMENT, data={"is_shared": "on"}),
    "document-read": Route(CHATS, ids=OWN_DOCUMENT),
    "document-delete": Route({"GET": ("chat", 200), **CHATS}, ids=OWN_DOCUMENT, works_read_only=True),
    "resume": Route({"GET": ("view", 200), "POST": ("chat", 422)}),
    # Of somebody without a résumé.
    "resume-profile": Route({"POST": ("chat", 404)}),
    "resume-fill": Route({"POST": ("chat", 404)}),
}

WORKSPACE |= {
    "message-rate": Route(
        {"POST": ("view", 303)},
        ids=CONVERSATION | {"message_id": "answer"},
        data={"thumb": "good"},
        works_read_only=True,
    ),
    "message-fork": Route({"POST": ("chat", 303)}, ids=CONVERSATION | {"message_id": "answer"}),
}

# Files given with questions. More in tests/assistants/test_attaching*.py.
GIVEN = {"attachment_id": "attachment"}
WORKSPACE |= {
    # Without a file; with one: tests/assistants/test_attaching_pages.py.
    "attachment-upload": Route({"POST": ("chat", 422)}),
    "attachment": Route(SEES, ids=GIVEN),
    "attachment-row": Route({"GET": ("chat", 200)}, ids=GIVEN),
    "attachment-remove": Route(CHATS, ids=GIVEN, works_read_only=True),
}

# What assistants remember. More in tests/assistants/memory.
OWN_MEMORY = {"item_id": "memory"}
FORGETS = {"POST": ("view", 302)}
WORKSPACE |= {
    "memory": Route(SEES | FORGETS, data={"layer": "semantic", "text": "Swept."}),
    "memory-graph": Route(SEES),
    "memory-item": Route(SEES | FORGETS, ids=OWN_MEMORY, data={"text": "Swept anew."}),
    "memory-pin": Route(FORGETS, ids=OWN_MEMORY),
    "memory-delete": Route(FORGETS, ids=OWN_MEMORY, works_read_only=True),
    "memory-forget-day": Route(FORGETS, data={"day": "2026-01-01"}, works_read_only=True),
    # Of a document that is not shared; of one that is: tests/assistants/memory/test_keyfacts.py.
    "memory-key-facts": Route({"POST": ("workspace:manage", 409)}, ids=OWN_DOCUMENT),
    "memory-switch": Route(FORGETS, data={"on": "1"}, works_read_only=True),
    "memory-allow": Route(FORGETS, ids={"refusal_id": "refusal"}, works_read_only=True),
}

# Tools that ask. More in tests/assistants/tools.
ASKED = {"call_id": "call"}
WORKSPACE |= {
    "tool-choices": Route(SEES),
    "tool-choice-forget": Route(FORGETS, ids=ONE_ASSISTANT, data={"tool": "{tool}"}, works_read_only=True),
    "tool-approve": Route({"POST": ("chat", 303)}, ids=ASKED, data={"for": "once"}),
    "tool-refuse": Route({"POST": ("chat", 303)}, ids=ASKED, data={"for": "once"}),
}

# Only somebody who proved just now who they are gets further: tests/accounts/test_workspaces_ending.py.
OWNS = "workspace:own"
WORKSPACE |= {
    "settings-ending": Route({"GET": (OWNS, 200)}),
    "settings-ending-archive": Route({"POST": (OWNS, 302)}, works_read_only=True),
    "settings-ending-unarchive": Route({"POST": (OWNS, 409)}, works_read_only=True),
    "settings-ending-delete": Route({"GET": (OWNS, 302), "POST": (OWNS, 302)}, works_read_only=True),
    "settings-ending-undo": Route({"POST": (OWNS, 409)}, works_read_only=True),
}

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

# Trips to providers that run: tests/accounts/sso/.
MAIL_DOMAIN = {"domain_id": "mail_domain"}
OWNS, DOES_AS_OWNER = {"GET": ("workspace:own", 200)}, {"POST": ("workspace:own", 302)}
SAML = {
    "entity_id": "https://idp.test", "sso_url": "https://idp.test/sso", "certificate": connections.CERTIFICATE,
    "default_role": "member",
}  # fmt: skip
PROVES = {"GET": ("workspace:own", 302)}
WORKSPACE |= {
    "sso": Route(OWNS),
    "sso-domain-add": Route(DOES_AS_OWNER, data={"domain": "swept.test"}, works_read_only=True),
    "sso-domain-check": Route(DOES_AS_OWNER, ids=MAIL_DOMAIN, shared=True, works_read_only=True),
    "sso-domain-remove": Route(DOES_AS_OWNER, ids=MAIL_DOMAIN, shared=True, works_read_only=True),
    # Who has not proven of late that it is them is led there first; then: tests/accounts/sso/test_pages.py.
    "sso-saml": Route(PROVES | DOES_AS_OWNER, data=SAML, works_read_only=True),
    "sso-oidc": Route(PROVES | DOES_AS_OWNER, data=SAML, works_read_only=True),
    "sso-remove": Route(DOES_AS_OWNER, works_read_only=True),
    "sso-test": Route({"POST": ("workspace:own", 200)}, works_read_only=True),
    "sso-enforce": Route(PROVES | DOES_AS_OWNER, works_read_only=True),
    "sso-enforce-stop": Route(PROVES | DOES_AS_OWNER, works_read_only=True),
    "sso-unbind": Route(
        {"POST": ("workspace:own", 404)}, data={"email": "nobody@swept.test"}, works_read_only=True
    ),
}

# Own providers of models. With servers that answer: tests/assistants/providers/.
ONE_PROVIDER = {"provider_id": "provider"}
PROVIDER = {"name": "Swept", "kind": "compatible", "base_url": "https://models.example/v1"}
WORKSPACE |= {
    "model-providers": Route(MANAGES),
    # Without the key that OpenAI needs: nothing is asked.
    "model-provider-add": Route(
        MANAGES | {"POST": ("workspace:manage", 422)}, data={"name": "Swept", "kind": "openai"}
    ),
    "model-provider": Route(MANAGES, ids=ONE_PROVIDER, shared=True),
    "model-provider-edit": Route(MANAGES | LEADS_BACK, ids=ONE_PROVIDER, data=PROVIDER, shared=True),
    "model-provider-switch": Route(LEADS_BACK, ids=ONE_PROVIDER, data={"on": "0"}, shared=True),
    "model-provider-remove": Route(MANAGES | LEADS_BACK, ids=ONE_PROVIDER, shared=True, works_read_only=True),
    "model-provider-test": Route(LEADS_BACK, ids=ONE_PROVIDER, shared=True),
    "model-provider-choose": Route(LEADS_BACK, ids=ONE_PROVIDER, shared=True),
}

# Webhooks out. More in tests/accounts/test_webhook_pages.py.
WEBHOOK = {"url": "https://example.com/hook", "event_types": ["run.finished"]}
ONE_WEBHOOK = {"endpoint_id": "webhook"}
WORKSPACE |= {
    "webhooks": Route(MANAGES),
    "webhook-add": Route(MANAGES | {"POST": ("workspace:manage", 201)}, data=WEBHOOK),
    "webhook": Route(MANAGES, ids=ONE_WEBHOOK, shared=True),
    "webhook-edit": Route(MANAGES | LEADS_BACK, ids=ONE_WEBHOOK, data=WEBHOOK, shared=True),
    "webhook-rotate": Route(
        MANAGES | {"POST": ("workspace:manage", 200)}, ids=ONE_WEBHOOK, data={"overlap_hours": "1"}, shared=True,
        works_read_only=True,
    ),
    "webhook-switch": Route(LEADS_BACK, ids=ONE_WEBHOOK, data={"on": "0"}, shared=True),
    "webhook-test": Route(LEADS_BACK, ids=ONE_WEBHOOK, shared=True),
    "webhook-delete": Route(MANAGES | LEADS_BACK, ids=ONE_WEBHOOK, shared=True, works_read_only=True),
    "webhook-redeliver": Route(LEADS_BACK, ids={"delivery_id": "webhook_delivery"}, shared=True),
}  # fmt: skip

OWN_DOMAIN = {"domain_id": "domain"}
SETTINGS = {"name": "Swept", "timezone": "Europe/Berlin", "language": "de", "retention": "90"}
WORKSPACE |= {
    "settings": Route(MANAGES | LEADS_BACK, data=SETTINGS),
    "settings-slug": Route(LEADS_BACK, data={"slug": "swept-away"}),
    "settings-brand": Route(MANAGES | LEADS_BACK, data={"accent": "#aa3300"}),
    # With a picture: tests/accounts/workspaces/test_brand_pages.py.
    "settings-logo": Route({"POST": ("workspace:manage", 422)}),
    "settings-logo-remove": Route(LEADS_BACK),
    "settings-domain": Route(OWNS | DOES_AS_OWNER, data={"domain": "swept.example"}),
    "domain-primary": Route(DOES_AS_OWNER),
    # With a name server: tests/accounts/workspaces/test_domain_pages.py.
    "domain-check": Route({"POST": ("workspace:own", 503)}, ids=OWN_DOMAIN, shared=True),
    "domain-remove": Route(OWNS | DOES_AS_OWNER, ids=OWN_DOMAIN, shared=True, works_read_only=True),
}
# Without a picture; with one: tests/accounts/test_profile.py.
WORKSPACE |= {
    "member-avatar": Route({"GET": ("view", 404)}, ids={"membership_id": "membership"}, shared=True),
}

# /api/v1/, with an API key or with a session that names a workspace.
API = {
    "key-list": Route({"GET": ("keys:manage", 200), "POST": ("keys:manage", 201)}, data=KEY),
    "key-detail": Route(
        {"GET": ("keys:manage", 200), "PATCH": ("keys:manage", 200), "DELETE": ("keys:manage", 204)},
        ids={"key_id": "key"},
        data={"name": "Swept"},
        works_read_only=True,
    ),
    "key-rotate": Route(
        {"POST": ("keys:manage", 200)}, ids={"key_id": "key"}, data={"overlap_hours": 1}, works_read_only=True
    ),
    "key-revoke": Route({"POST": ("keys:manage", 204)}, ids={"key_id": "key"}, works_read_only=True),
    "webhook-list": Route(
        {"GET": ("workspace:manage", 200), "POST": ("workspace:manage", 201)},
        data={"url": "https://example.com/", "event_types": ["run.finished"]},
    ),
    "webhook-detail": Route(
        {
            "GET": ("workspace:manage", 200),
            "PATCH": ("workspace:manage", 200),
            "DELETE": ("workspace:manage", 204),
        },
        ids={"endpoint_id": "webhook"},
        data={"description": "Swept"},
        shared=True,
        works_read_only=frozenset({"DELETE"}),
    ),
    "webhook-rotate": Route(
        {"POST": ("workspace:manage", 200)},
        ids={"endpoint_id": "webhook"},
        shared=True,
        works_read_only=True,
    ),
    "webhook-test": Route({"POST": ("workspace:manage", 202)}, ids={"endpoint_id": "webhook"}, shared=True),
    "webhook-deliveries": Route(
        {"GET": ("workspace:manage", 200)}, ids={"endpoint_id": "webhook"}, shared=True
    ),
    "webhook-redeliver": Route(
        {"POST": ("workspace:manage", 202)},
        ids={"delivery_id": "webhook_delivery"},
        shared=True,
    ),
    "member-list": Route({"GET": ("view", 200)}),
    "member-detail": Route(
        {"PATCH": ("members:manage", 200), "DELETE": ("members:manage", 204)},
        ids={"membership_id": "membership"},
        data={"role": "viewer"},
        shared=True,
    ),
    "invitation-list": Route(
        {"GET": ("members:manage", 200), "POST": ("members:manage", 201)},
        data={"emails": ["swept@example.test"], "role": "viewer"},
    ),
    "invitation-detail": Route(
        {"DELETE": ("members:manage", 204)},
        ids={"invitation_id": "invitation"},
        shared=True,
        works_read_only=True,
    ),
    "invitation-resend": Route(
        {"POST": ("members:manage", 200)}, ids={"invitation_id": "invitation"}, shared=True
    ),
    "assistant-list": Route({"GET": ("view", 200), "POST": ("assistants:manage", 201)}, data=ASSISTANT),
    "assistant-detail": Route(
        BUILDS | {"PATCH": ("assistants:manage", 200), "DELETE": ("assistants:manage", 204)},
        ids=ONE_ASSISTANT,
        data={"instructions": "Swept"},
        shared=True,
    ),
    "assistant-versions": Route(BUILDS, ids=ONE_ASSISTANT, shared=True),
    "assistant-restore": Route({"POST": ("assistants:manage", 201)}, ids=VERSION, shared=True),
    "assistant-pin": Route({"POST": ("assistants:manage", 200)}, ids=VERSION, shared=True),
    "assistant-unpin": Route({"DELETE": ("assistants:manage", 204)}, ids=ONE_ASSISTANT, shared=True),
    "assistant-duplicate": Route({"POST": ("assistants:manage", 201)}, ids=ONE_ASSISTANT, shared=True),
    "assistant-unarchive": Route({"POST": ("assistants:manage", 200)}, ids=ONE_ASSISTANT, shared=True),
    "run-detail": Route({"GET": ("view", 200)}, ids={"run_id": "run"}),
    "run-events": Route({"GET": ("view", 200)}, ids={"run_id": "live_run"}, streams=True),
    "run-stop": Route({"POST": ("chat", 204)}, ids={"run_id": "live_run"}, works_read_only=True),
    "chat": Route({"POST": ("chat", 200)}, data={"message": "Hello"}, streams=True),
    "ask": Route({"POST": ("chat", 200)}, data={"question": "Hello"}, streams=True),
    "generate": Route({"POST": ("chat", 200)}, data={"description": "A greeting"}, streams=True),
    "analyze": Route({"POST": ("chat", 200)}, data={"code": "print(1)"}, streams=True),
    # Nobody has one: tests/assistants/generation/test_resume_api.py.
    "resume": Route(
        {"GET": ("view", 404), "POST": ("chat", 202), "DELETE": ("chat", 404)},
        data={"text": "I bake."},
        works_read_only=frozenset({"DELETE"}),
    ),
    "run-result": Route(SEES, ids={"run_id": "run"}),
    "usage-current": Route(SEES),
    "usage-history": Route(SEES),
    "usage-limits": Route(
        SEES | {"POST": ("workspace:manage", 201)},
        data={
            "subject": "assistant",
            "subject_id": "{assistant}",
            "meter": "messages",
            "window": "day",
            "amount": 5,
        },
    ),
    "usage-limit": Route({"DELETE": ("workspace:manage", 204)}, ids={"limit_id": "limit"}, shared=True),
    "usage-stops": Route(
        SEES | {"POST": ("workspace:manage", 201)},
        data={"assistant": "{assistant}", "reason": "Swept"},
        works_read_only=True,
    ),
    "usage-stop": Route({"DELETE": ("workspace:manage", 204)}, ids={"stop_id": "stop"}, shared=True),
    "user-usage": Route(SEES),
    "statement-list": Route(MANAGES),
    "statement-detail": Route(MANAGES, ids={"month": "month"}, shared=True),
    "receipt-list": Route(SEES),
    "receipt-detail": Route(SEES, ids=RECEIPT, overseen_by="workspace:manage"),
    "log-checkpoint": Route(SEES),
    "log-consistency": Route(SEES, query={"from": "{log_size}"}),
    "log-export": Route(MANAGES),
    "tecp-verify": Route(SEES),
    "audit-list": Route({"GET": ("audit:view", 200)}, overseen_by="audit:view"),
    "audit-export": Route({"GET": ("audit:view", 200)}, overseen_by="audit:view"),
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

API |= {
    # A key makes no workspace.
    "workspace-list": Route(
        SEES | {"POST": ("view", 403)}, data={"name": "Swept"}, of_person={"GET": 200, "POST": 201}
    ),
    "workspace-detail": Route(
        SEES | {"PATCH": ("workspace:manage", 200)},
        ids={"workspace_id": "workspace"},
        data={"name": "Swept"},
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

# Conversations. With files and with what may fail: tests/assistants/api.
STARTS, HELLO = {"POST": ("chat", 201)}, {"text": "Hello"}
DELETES = frozenset({"DELETE"})
API |= {
    "conversation-list": Route(SEES | STARTS, data=HELLO),
    "conversation-tags": Route(SEES),
    "conversation-detail": Route(
        SEES | {"PATCH": ("chat", 200), "DELETE": ("view", 204)},
        ids=CONVERSATION,
        data={"title": "Swept", "is_pinned": True},
        works_read_only=DELETES,
    ),
    # Of one that is not deleted; of one that is: tests/assistants/api/test_conversations.py.
    "conversation-restore": Route({"POST": ("view", 404)}, ids=CONVERSATION, works_read_only=True),
    "conversation-tree": Route(SEES, ids=CONVERSATION),
    "conversation-leaf": Route(
        {"PUT": ("view", 200)}, ids=CONVERSATION, data={"message": "{answer}"}, works_read_only=True
    ),
    "conversation-export": Route(SEES, ids=CONVERSATION),
    "conversation-share-links": Route({"GET": ("chat", 200)} | STARTS, ids=CONVERSATION, data={"days": 7}),
    "share-link-list": Route(SEES),
    "share-link-detail": Route({"DELETE": ("view", 204)}, ids={"link_id": "link"}, works_read_only=True),
    "message-list": Route(SEES | STARTS, ids=CONVERSATION, data=HELLO),
    "message-detail": Route(SEES, ids=MESSAGE),
    "message-edit": Route(STARTS, ids=QUESTION, data=HELLO),
    "message-regenerate": Route(STARTS, ids=MESSAGE),
    "message-retry": Route(STARTS, ids=MESSAGE),
    "message-fork": Route(STARTS, ids=MESSAGE),
    "message-feedback": Route(
        {"PUT": ("view", 200), "DELETE": ("view", 204)},
        ids=MESSAGE,
        data={"is_good": True},
        works_read_only=True,
    ),
    "follow-up-list": Route(SEES | STARTS, ids=CONVERSATION, data=HELLO),
    "follow-up-detail": Route(
        SEES | {"PATCH": ("chat", 200), "DELETE": ("view", 204)},
        ids=FOLLOW_UP,
        data=HELLO,
        works_read_only=DELETES,
    ),
    "follow-up-send": Route(STARTS, ids=FOLLOW_UP),
    # Files come as multipart; the sweep sends JSON.
    "attachment-list": Route({"GET": ("chat", 200), "POST": ("chat", 415)}),
    "attachment-detail": Route(
        SEES | {"DELETE": ("chat", 204)}, ids={"attachment_id": "attachment"}, works_read_only=DELETES
    ),
    "attachment-content": Route(SEES, ids={"attachment_id": "attachment"}),
    "import-list": Route({"GET": ("chat", 200), "POST": ("chat", 415)}),
    "import-detail": Route({"GET": ("chat", 200)}, ids={"import_id": "import_id"}),
    "import-wake": Route({"POST": ("chat", 200)}, ids={"import_id": "import_id"}),
    "run-list": Route(SEES),
}

# Projects, documents, memory. Uploads come as multipart; the sweep sends JSON.
API |= {
    "project-list": Route(SEES | STARTS, data={"name": "Swept"}),
    "project-detail": Route(
        SEES | {"PATCH": ("chat", 200), "DELETE": ("chat", 204)}, ids=OWN_PROJECT, data={"name": "Swept"}
    ),
    # Somebody who is nobody here.
    "project-people": Route(
        SEES | {"POST": ("chat", 422)},
        ids=OWN_PROJECT,
        data={"person": "8d5ab5c6-2d0f-4b7e-9c0b-0d2b7c1b6f11"},
    ),
    "project-person": Route(
        {"DELETE": ("view", 409)}, ids=OWN_PROJECT | {"user_id": "user"}, works_read_only=True
    ),
    "document-list": Route(SEES | {"POST": ("chat", 415)}),
    "document-detail": Route(
        SEES | {"PATCH": ("chat", 200), "DELETE": ("chat", 204)},
        ids=OWN_DOCUMENT,
        data={"is_shared": False},
        works_read_only=DELETES,
    ),
    "document-file": Route(SEES | {"PUT": ("chat", 415)}, ids=OWN_DOCUMENT),
    "document-read": Route({"POST": ("chat", 200)}, ids=OWN_DOCUMENT),
    "passage-list": Route(SEES, ids=OWN_DOCUMENT),
    "passage-detail": Route(SEES, ids={**OWN_DOCUMENT, "passage_id": "passage"}),
    "passage-search": Route({"GET": ("chat", 200)}, query={"q": "Swept"}),
    "document-key-facts": Route({"POST": ("workspace:manage", 409)}, ids=OWN_DOCUMENT),
    "memory-list": Route(SEES | {"POST": ("view", 201)}, data={"text": "Swept."}),
    "memory-detail": Route(
        SEES | {"PATCH": ("view", 200), "DELETE": ("view", 204)},
        ids=OWN_MEMORY,
        data={"text": "Swept anew."},
        works_read_only=DELETES,
    ),
    "memory-history": Route(SEES, ids=OWN_MEMORY),
    "memory-layers": Route(SEES),
    "memory-switch": Route(SEES | {"PUT": ("view", 200)}, data={"is_on": True}, works_read_only=True),
    "memory-forget-day": Route({"POST": ("view", 200)}, data={"day": "2026-01-01"}, works_read_only=True),
    "memory-refusals": Route(SEES),
    "memory-refusal": Route({"DELETE": ("view", 204)}, ids={"refusal_id": "refusal"}, works_read_only=True),
    "memory-relations": Route(SEES),
    "memory-entities": Route(SEES),
}

# Own providers, tools that ask, notices. More in tests/assistants/providers, tests/assistants/tools and
# tests/billing/test_notices_api.py.
FORGETS_ONE = {"DELETE": ("view", 204)}
API |= {
    "model-list": Route(BUILDS),
    "provider-list": Route(MANAGES | {"POST": ("workspace:manage", 201)}, data=PROVIDER),
    "provider-detail": Route(
        MANAGES | {"PATCH": ("workspace:manage", 200), "DELETE": ("workspace:manage", 204)},
        ids=ONE_PROVIDER,
        data={"name": "Swept"},
        shared=True,
        works_read_only=DELETES,
    ),
    "provider-key": Route(
        MANAGES | {"PUT": ("workspace:manage", 200), "DELETE": ("workspace:manage", 204)},
        ids=ONE_PROVIDER,
        data={"key": "sk-swept"},
        shared=True,
    ),
    "provider-switch": Route(
        MANAGES | {"PUT": ("workspace:manage", 200)}, ids=ONE_PROVIDER, data={"is_on": False}, shared=True
    ),
    "provider-test": Route({"POST": ("workspace:manage", 200)}, ids=ONE_PROVIDER, shared=True),
    # It has none.
    "provider-models": Route(
        MANAGES | {"PATCH": ("workspace:manage", 409)},
        ids=ONE_PROVIDER,
        data={"models": [{"id": 1, "is_chosen": True, "has_vision": False}]},
        shared=True,
    ),
    "tool-list": Route(BUILDS),
    "run-tool-calls": Route(SEES, ids={"run_id": "run"}),
    "tool-call-list": Route(SEES),
    "tool-call-detail": Route(SEES, ids=ASKED),
    "tool-call-approve": Route({"POST": ("chat", 200)}, ids=ASKED),
    "tool-call-refuse": Route({"POST": ("chat", 200)}, ids=ASKED, data={"always": True}),
    "tool-choice-list": Route(SEES),
    "tool-choice-detail": Route(
        SEES | FORGETS_ONE, ids=ONE_ASSISTANT | {"tool": "tool"}, works_read_only=DELETES
    ),
    # Without a picture; with one: tests/assistants/builder/test_extras_api.py.
    "assistant-avatar": Route(
        {"GET": ("view", 404), "PUT": ("assistants:manage", 415), "DELETE": ("assistants:manage", 204)},
        ids=ONE_ASSISTANT,
        shared=True,
    ),
    "assistant-feedback": Route(BUILDS, ids=ONE_ASSISTANT, shared=True),
    "assistant-version": Route(BUILDS, ids=VERSION, shared=True),
    "assistant-templates": Route(BUILDS),
    "assistant-trials": Route(
        {"POST": ("assistants:manage", 201)}, data={"draft": {"model": "gpt-4o-mini"}, "question": "Hello"}
    ),
    "notice-list": Route(SEES),
    "notice-detail": Route({"DELETE": ("workspace:manage", 204)}, ids={"notice_id": "notice"}, shared=True),
    "members-leave": Route({"POST": ("view", 204)}, works_read_only=True),
    "workspace-logo": Route(
        {"GET": ("view", 404), "PUT": ("workspace:manage", 415), "DELETE": ("workspace:manage", 204)},
        ids={"workspace_id": "workspace"},
        shared=True,
    ),
    "export-list": Route(OWNS | {"POST": ("workspace:own", 202)}, works_read_only=True),
    "export-detail": Route(OWNS, ids={"export_id": "export"}, shared=True),
    "resume-profile": Route(
        {"GET": ("view", 404), "PUT": ("chat", 404), "DELETE": ("chat", 404)}, works_read_only=DELETES
    ),
    "resume-fill": Route({"POST": ("chat", 404)}),
}

# /v1/, with an API key only.
OPENAI = {
    "chat-completions": Route(
        {"POST": ("chat", 200)},
        data={"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]},
        streams=True,
    ),
    "embeddings": Route(
        {"POST": ("chat", 200)}, data={"model": "text-embedding-3-small", "input": "Hello"}, streams=True
    ),
    "images": Route({"POST": ("chat", 200)}, data={"prompt": "A fox", "n": 1}, streams=True),
    "speech": Route(
        {"POST": ("chat", 200)},
        data={"model": "gpt-4o-mini-tts", "input": "Hello", "voice": "alloy"},
        streams=True,
    ),
    "transcriptions": Route(
        {"POST": ("chat", 200)}, data={"model": "whisper-1", "file": b"sound"}, streams=True
    ),
    "models": Route({"GET": ("view", 200)}),
    "model": Route({"GET": ("view", 200)}, ids={"name": "model"}, shared=True),
}

# /api/v1/ without a workspace, each marked `open_api` with its reason: method → status for a visitor, a session, an API
# key. What they do for whom: tests/accounts/test_tokens.py.
OPEN_API: dict[str, dict[str, tuple[int, int, int]]] = {
    "auth-login": {"POST": (400, 400, 400)},
    "auth-refresh": {"POST": (400, 400, 400)},
    "auth-logout": {"POST": (401, 401, 401)},
    "auth-me": {"GET": (401, 200, 401)},
}

# No workspace: GET's status for a visitor, somebody signed in, and staff.
PUBLIC = {
    "health": (200, 200, 200),
    "ready": (200, 200, 200),
    "home": (200, 302, 200),
    "me": (302, 200, 200),
    # One that leads somewhere: tests/assistants/test_openai_making.py.
    "made-picture": (404, 404, 404),
    # Others' links, real ones and what they answer: tests/accounts/test_invitation_page.py.
    "invitation": (404, 404, 404),
    "own-invitation": (302, 405, 405),
    "styleguide": (302, 404, 200),
    "api-schema": (200, 200, 200),
    "api-docs": (200, 200, 200),
    "referral": (302, 302, 302),
    "pricing": (200, 200, 200),
    "enquiry": (200, 200, 200),
    "legal": (200, 200, 200),
    "consent": (302, 302, 302),
    "profile": (302, 200, 200),
    "avatar": (302, 404, 404),
    "avatar-change": (302, 405, 405),
    "cookies": (200, 200, 200),
    "sso-start": (200, 200, 200),
    "sso-emergency": (200, 302, 302),
    "sso-door": (404, 404, 404),
    "workspace-create": (302, 200, 200),
    "workspace-slug": (302, 200, 200),
    "handoff": (400, 400, 400),
    # Real links and what they show: tests/assistants/test_library_sharing.py.
    "shared": (404, 404, 404),
    "brand-logo": (404, 404, 404),
    "brand-stylesheet": (200, 200, 200),
    "domains-allowed": (404, 404, 404),
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
# Single sign-on of workspaces: made-up connections lead nowhere.
ACCOUNT |= {
    "saml_login",
    "saml_acs",
    "saml_finish_acs",
    "saml_metadata",
    "openid_connect_login",
    "openid_connect_callback",
}

# Taking data along. Who has not just proven who they are is asked to: what follows: tests/accounts/test_privacy_*.py.
WORKSPACE |= {
    "settings-export": Route(OWNS | DOES_AS_OWNER, works_read_only=True),
    "settings-export-download": Route(
        {"GET": ("workspace:own", 302)}, ids={"export_id": "export"}, shared=True
    ),
}
PUBLIC |= {
    "privacy": (302, 200, 200),
    "privacy-export": (302, 405, 405),
    "privacy-export-download": (302, 404, 404),
    "privacy-delete": (302, 302, 302),
    "privacy-deleted": (200, 200, 200),
}

# Signing in.
WORKSPACE |= {
    # Who has no second factor is refused. That it changes something: tests/accounts/test_signin_policy.py.
    "settings-security": Route(
        MANAGES | {"POST": ("workspace:manage", 409)}, data={"required": "on"}, works_read_only=True
    ),
}
PUBLIC |= {
    "security": (302, 200, 200),
    "sessions": (302, 200, 200),
    # Only by POST: tests/accounts/test_signin_sessions.py.
    "sessions-end-others": (302, 405, 405),
    "session-end": (302, 405, 405),
    "sign-in-link": (302, 302, 302),
}
ACCOUNT |= {
    "account_request_login_code", "usersessions_list", "mfa_index", "mfa_authenticate", "mfa_reauthenticate",
    "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes", "mfa_list_webauthn", "mfa_add_webauthn", "mfa_reauthenticate_webauthn",
    "mfa_remove_webauthn", "mfa_edit_webauthn", "mfa_login_webauthn", "socialaccount_login_cancelled",
    "socialaccount_login_error", "socialaccount_signup", "socialaccount_connections",
}  # fmt: skip
# Doors of other services: without keys in the environment there is nothing behind them.
ACCOUNT |= {
    "google_login", "google_callback", "google_login_by_token", "github_login", "github_callback",
    "microsoft_login", "microsoft_callback",
}  # fmt: skip

# Chats on other sites. What visitors do there, and who is let in: tests/assistants/widget.
WIDGET = {
    "is_on": "on", "sites": "https://www.example.com", "title": "Swept", "colour": "#0b6650",
    "messages_per_day": "5", "visitor_messages_per_day": "2",
}  # fmt: skip
ONE_TALK = ONE_ASSISTANT | {"conversation_id": "visitor_talk"}
WORKSPACE |= {
    "assistant-widget": Route(MANAGES | LEADS_BACK, ids=ONE_ASSISTANT, data=WIDGET, shared=True),
    "widget-talks": Route(MANAGES, ids=ONE_ASSISTANT, shared=True),
    "widget-talk": Route(MANAGES, ids=ONE_TALK, shared=True),
    "widget-talk-erase": Route(MANAGES | LEADS_BACK, ids=ONE_TALK, shared=True, works_read_only=True),
}
API |= {
    "visitor-talks": Route({"GET": ("workspace:manage", 200)}, ids=ONE_ASSISTANT, shared=True),
    "visitor-talk": Route(
        {"GET": ("workspace:manage", 200), "DELETE": ("workspace:manage", 204)},
        ids=ONE_TALK,
        shared=True,
        works_read_only=frozenset({"DELETE"}),
    ),
}
PUBLIC |= {
    "embed-loader": (404, 404, 404),
    "embed-frame": (404, 404, 404),
    "embed-visitor": (405, 405, 405),
    "embed-messages": (404, 404, 404),
    "embed-answer": (404, 404, 404),
    "embed-events": (404, 404, 404),
    "embed-stop": (405, 405, 405),
}
PUBLIC_STREAMS = {"embed-events"}
"""Of those without a session or key: tests/assistants/widget/test_visitors.py."""
