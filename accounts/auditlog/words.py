"""What entries say, in words: one line for each action of any app (tests/accounts/test_audit_words.py holds them
together), and the groups in which people look for them."""

from collections.abc import Mapping

# noun.verb → a sentence without its subject.
ACTIONS: Mapping[str, str] = {
    # people and how they get in
    "session.entered": "Signed in to this workspace",
    "person.export_requested": "Asked for an export of their data",
    "person.erasure_requested": "Asked for the deletion of their account",
    "person.erased": "Erased a person",
    "session.started": "Signed in",
    "session.refused": "A sign-in was refused",
    "session.ended": "Ended sessions",
    "consent.given": "Accepted the legal pages",
    "person.profile_changed": "Changed the profile",
    "person.avatar_set": "Set a picture",
    "person.avatar_removed": "Removed the picture",
    "password.changed": "Changed the password",
    "password.reset": "Reset the password",
    "second_factor.added": "Set up a second factor",
    "second_factor.removed": "Removed a second factor",
    "second_factor.renewed": "Renewed recovery codes",
    "second_factor.refused": "A second factor was refused",
    "mail_address.added": "Added an e-mail address",
    "mail_address.removed": "Removed an e-mail address",
    "mail_address.made_primary": "Chose another main e-mail address",
    "connection.added": "Connected an account elsewhere",
    "connection.removed": "Disconnected an account elsewhere",
    "session.handed_over": "Went on to the workspace’s own domain",
    "session.ended_on_domain": "Signed out on the workspace’s own domain",
    "sso.domain_added": "Claimed a mail domain for single sign-on",
    "sso.domain_checked": "Checked the proof of a mail domain",
    "sso.domain_removed": "Removed a mail domain",
    "sso.connection_saved": "Changed how single sign-on works",
    "sso.connection_removed": "Removed the single sign-on connection",
    "sso.tested": "Tested single sign-on",
    "sso.enforced": "Enforced single sign-on",
    "sso.enforcing_stopped": "Stopped enforcing single sign-on",
    "sso.identity_bound": "Signed in with single sign-on for the first time",
    "sso.identity_unbound": "Unbound a person’s identity of single sign-on",
    "sso.refused": "Single sign-on refused somebody",
    "sso.break_glass_used": "Came in by the entrance for emergencies",
    "person.blocked": "Blocked a person’s sign-in",
    "person.allowed": "Allowed a person to sign in again",
    "person.staff_rights_set": "Set a person’s staff rights",
    # members
    "member.added": "Added a member",
    "member.removed": "Removed a member",
    "member.left": "Left the workspace",
    "member.role_changed": "Changed a member’s role",
    "invitation.created": "Invited somebody",
    "invitation.resent": "Sent an invitation again",
    "invitation.revoked": "Took an invitation back",
    "invitation.accepted": "Accepted an invitation",
    "invitation.declined": "Declined an invitation",
    "workspace.ownership_transferred": "Handed the workspace over",
    # tools
    "tool.allowed": "Allowed a tool",
    "tool.refused": "Refused a tool",
    "tool.choice_forgotten": "Took a standing answer about a tool back",
    # memory
    "memory.shared": "Added to the memory that all share",
    "memory.shared_edited": "Changed the memory that all share",
    "memory.shared_deleted": "Deleted from the memory that all share",
    # own providers of models
    "provider.added": "Added a model provider",
    "provider.edited": "Changed a model provider",
    "provider.switched_on": "Switched a model provider on",
    "provider.switched_off": "Switched a model provider off",
    "provider.removed": "Removed a model provider",
    "provider.tested": "Tested a model provider",
    "provider.models_chosen": "Chose which models of a provider may be used",
    "provider.key_resealed": "Sealed a model provider’s key anew",
    # webhooks
    "webhook.created": "Added a webhook",
    "webhook.changed": "Changed a webhook",
    "webhook.rotated": "Renewed the secret of a webhook",
    "webhook.deleted": "Deleted a webhook",
    "webhook.tested": "Sent a test to a webhook",
    "webhook.redelivered": "Sent a message to a webhook again",
    "webhook.disabled": "Switched a webhook off that did not take its messages",
    # keys
    "api_key.created": "Created an API key",
    "api_key.revoked": "Revoked an API key",
    "api_key.changed": "Changed an API key",
    "api_key.rotated": "Gave an API key a new secret",
    "api_key.exposed": "An API key was sent in an address",
    # the workspace
    "workspace.created": "Created the workspace",
    "workspace.resumed": "Resumed the workspace",
    "workspace.two_factors_set": "Set whether two factors are required",
    "workspace.export_requested": "Asked for an export of the workspace",
    "workspace.suspended": "Suspended the workspace",
    "workspace.archived": "Archived the workspace",
    "workspace.unarchived": "Took the workspace out of the archive",
    "workspace.deletion_scheduled": "Scheduled the workspace’s deletion",
    "workspace.deletion_undone": "Undid the workspace’s deletion",
    "workspace.erased": "Erased the workspace",
    "retention.applied": "Erased conversations that are older than the workspace keeps them",
    "workspace.billing_day_set": "Set the day on which billing periods begin",
    "workspace.slug_changed": "Changed the workspace’s address",
    "workspace.settings_changed": "Changed the workspace’s settings",
    "workspace.logo_set": "Set the workspace’s logo",
    "workspace.logo_removed": "Removed the workspace’s logo",
    "domain.added": "Added a domain",
    "domain.verified": "Verified a domain",
    "domain.removed": "Removed a domain",
    "domain.primary_set": "Chose the name that links in mails carry",
    "domain.proof_lost": "A domain lost its proof",
    "domain.proof_found": "A domain has its proof again",
    "domain.withdrawn": "A domain is not served any more: its proof is gone",
    "support.viewed": "Looked into this workspace’s records",
    # plan and money
    "plan.changed": "Changed the plan",
    "plan.cancelled": "Cancelled the plan",
    "plan.resumed": "Resumed the plan",
    "plan.change_scheduled": "Scheduled a change of plan",
    "plan.change_unconfirmed": "Began a change of plan that the bank must confirm",
    "plan.change_declined": "A change of plan was declined",
    "plan.change_withdrawn": "Withdrew a change of plan",
    "plan.custom_made": "Made a custom plan",
    "plan.custom_ended": "Ended the custom plan",
    "plans.synced": "Published plans of a catalogue",
    "trial.started": "Started a trial",
    "trial.refused": "A trial was refused",
    "checkout.opened": "Opened the checkout",
    "billing.changed": "Billing changed",
    "billing.restricted": "Made the workspace read-only: a payment is overdue",
    "deal.reserved": "Reserved a deal",
    "deal.sold": "Bought a deal",
    "deal.refund_due": "A deal is to be refunded",
    "deal.refunded": "Refunded a deal",
    "enquiry.received": "Sent an enquiry",
    "enquiry.closed": "Closed an enquiry",
    "enquiry.sold": "Sold a plan upon an enquiry",
    "referral.credited": "Credited a referral",
    "referral.refused": "A referral was refused",
    "contract.drafted": "Drafted a contract",
    "contract.offered": "Offered a contract",
    "contract.accepted": "Accepted a contract",
    "contract.activated": "Activated a contract",
    "contract.measured": "Recorded a measurement of a contract",
    "contract.milestone_reached": "Reached a milestone of a contract",
    "contract.completed": "Completed a contract",
    "contract.ended": "Ended a contract",
    "usage.flagged_settled": "Settled usage that was flagged",
    "webhook_event.replayed": "Replayed an event of the payment service",
    # limits and stops
    "limit.set": "Set a limit",
    "limit.removed": "Removed a limit",
    "limit.overridden": "Overrode a limit for a time",
    "limit.override_lifted": "Lifted an override of a limit",
    "limits.pushed": "The plan’s limits came into force",
    "rights.pushed": "The plan’s features came into force",
    "request_rates.pushed": "The plan’s request rates came into force",
    "stop.set": "Stopped model calls",
    "stop.lifted": "Lifted a stop",
    "spend_alarm.set": "Set the spend alarm",
    "spend_alarm.removed": "Removed the spend alarm",
    "spend_alarm.raised": "The spend alarm stopped model calls",
    # assistants
    "assistant.created": "Created an assistant",
    "widget.saved": "Changed an assistant’s chat on other sites",
    "widget.talk_erased": "Erased what a visitor asked in a chat on another site",
    "assistant.edited": "Edited an assistant",
    "assistant.duplicated": "Duplicated an assistant",
    "assistant.archived": "Archived an assistant",
    "assistant.archived_with_member": "Archived the private assistants of somebody who left",
    "assistant.unarchived": "Took an assistant out of the archive",
    "assistant.version_restored": "Restored a version of an assistant",
    "assistant.version_pinned": "Pinned a version of an assistant",
    "assistant.version_unpinned": "Unpinned an assistant’s version",
    "assistant.avatar_set": "Set an assistant’s picture",
    "assistant.avatar_removed": "Removed an assistant’s picture",
    "conversation.started": "Started a conversation",
    "document.uploaded": "Uploaded a document",
    "document.replaced": "Uploaded a document anew",
    "document.shared": "Shared a document with the workspace",
    "document.unshared": "Stopped sharing a document with the workspace",
    "document.read_again": "Had a document read again",
    "document.deleted": "Deleted a document",
    "resume.edited": "Edited the profile from their résumé",
    "conversation.moved": "Moved a conversation into or out of a project",
    "conversation.deleted": "Deleted a conversation",
    "conversation.restored": "Took a deleted conversation back",
    "conversation.erased": "Erased a deleted conversation",
    "conversation.purged": "Erased conversations that were deleted long ago",
    "conversation.shared": "Made a link to a copy of a conversation",
    "conversation.link_revoked": "Revoked a link to a conversation",
    "conversations.import_started": "Uploaded conversations from elsewhere",
    "project.created": "Created a project",
    "project.edited": "Edited a project",
    "project.archived": "Archived a project",
    "project.unarchived": "Took a project out of the archive",
    "project.member_added": "Added somebody to a project",
    "project.member_removed": "Took somebody out of a project",
    # records
    "audit.exported": "Exported the audit log",
    "receipts.checkpoints_mailed": "Mailed checkpoints of the logs to the owners",
    "receipts.issued_late": "Issued receipts that were missing",
    "receipts.key_rotated": "Changed the key that signs checkpoints",
    "prices.loaded": "Loaded published prices",
    "price.added": "Added a price",
    "correction.begun": "Began a correction of prices",
    "correction.finished": "Finished a correction of prices",
    "books.closed": "Closed the books of a day",
    "books_item.explained": "Explained an open item of the books",
}

# key → (what people choose, the nouns of its actions)
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sign-ins": (
        "Sign-ins and people",
        ("session", "password", "second_factor", "mail_address", "connection", "person", "consent", "sso"),
    ),
    "members": ("Members and roles", ("member", "invitation", "ownership")),
    "keys": ("API keys", ("api_key",)),
    "webhooks": ("Webhooks", ("webhook",)),
    "workspace": ("Workspace, domains and models", ("workspace", "domain", "provider")),
    "billing": (
        "Billing",
        (
            "plan", "plans", "trial", "checkout", "billing", "deal", "enquiry", "referral", "contract", "usage",
            "webhook_event",
        ),
    ),
    "limits": ("Limits and stops", ("limit", "limits", "rights", "request_rates", "stop", "spend_alarm")),
    "assistants": (
        "Assistants and conversations",
        ("assistant", "conversation", "conversations", "project", "document", "resume", "memory", "tool", "widget"),
    ),
    "exports": ("Exports and privacy", ("audit", "export", "retention")),
    "support": ("Support access", ("support",)),
    "records": ("Receipts, prices and books",
                ("receipts", "prices", "price", "correction", "books", "books_item")),
}  # fmt: skip

OBJECTS: Mapping[str, str] = {
    "api_key": "API key",
    "webhook": "Webhook",
    "resume": "résumé",
    "books_item": "item of the books",
    "membership": "member",
    "provider": "model provider",
    "billing_account": "billing account",
    "referral_credit": "referral credit",
    "signing_key": "signing key",
    "spend_alarm": "spend alarm",
    "webhook_event": "event",
}


def of_action(action: str) -> str:
    return ACTIONS.get(action) or _plain(action.replace(".", " "))


def of_object(target_type: str) -> str:
    return OBJECTS.get(target_type) or target_type.replace("_", " ")


def of_field(name: str) -> str:
    return _plain(name)


def of_value(value: object) -> str:
    if value is None or value in ("", [], {}):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(of_value(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{_plain(str(name)).lower()}: {of_value(item)}" for name, item in value.items())
    return str(value)


def group_of(action: str) -> str:
    """The key of its group; empty when none takes its noun."""
    noun = action.split(".", 1)[0]
    return next((key for key, (_, nouns) in GROUPS.items() if noun in nouns), "")


def _plain(text: str) -> str:
    return text.replace("_", " ").capitalize()
