"""Every service that changes something enters it in the audit log, once: read from the source (tests/audit_paths.py).

A service is a public function of a module `services`, or of any other module that records something. One that can
change something without an entry, or enters two things of its own, is a breach unless the tables say why.
"""

import ast
from collections.abc import Iterator

import pytest

from tests import audit_paths
from tests.audit_paths import MANY, Source
from tests.test_architecture import MODULES, Module, dotted, module

TURN = "what is said is no administration: runs, ledger and receipts tell of it"
LEASE = "the life of a hold: the ledger and the receipt are its record"
STEP = "a step of something that has its own entry at its begin or end"
SYNC = "what changed has an entry; the rest only repeats what the payment service says (billing log)"
NOTHING_NEW = "writes only where it also enters; the way without is that nothing was new"
REFERENCE = "a random reference, made at first use; says nothing"
MAIL = "a mail that is owed or sent; its cause has the entry"
BOOKS = "reckoned anew from the ledger; changes no right and no person"
LOG = "writes the log itself"
FREE_TO_GO = "a person hides a notice from themselves"
OWN_MEMORY = "what assistants remember of one person, by that person; the shared layer has its entries"
DERIVED = "made anew from what is there; runs, ledger and receipts tell of it"
VISITORS = "what one visitor of a site may ask, as its chat's settings say: those have an entry"
REPEATS = "whether a call came before; what the call does has its own entry"
TIDY = "how a person keeps their own conversations: no right changes, nothing is lost"

# Services that can change something without an entry. Each with the reason.
WITHOUT_ENTRY = {
    "tenants.webhooks.services.forget_old": "the log of webhooks is kept for 30 days",
    "tenants.webhooks.services.change": NOTHING_NEW,
    "assistants.memory.services.allow_again": OWN_MEMORY,
    "assistants.memory.services.change": OWN_MEMORY,
    "assistants.memory.services.delete": OWN_MEMORY,
    "assistants.memory.services.edit": OWN_MEMORY,
    "assistants.memory.services.forbid": OWN_MEMORY,
    "assistants.memory.services.note_use": OWN_MEMORY,
    "assistants.memory.services.pin": OWN_MEMORY,
    "assistants.memory.services.relate": OWN_MEMORY,
    "assistants.memory.services.remember": OWN_MEMORY,
    "assistants.memory.services.switch": OWN_MEMORY,
    "assistants.providers.services.choose_models": NOTHING_NEW,
    "assistants.runs.services.give_up_waiting": TURN,
    "assistants.widget.services.ask": TURN,
    "usage.limits.services.allow_visitor": VISITORS,
    "usage.limits.services.forget_visitors": VISITORS,
    "assistants.recall.services.embed_missing": DERIVED,
    "assistants.recall.services.embed_rows": DERIVED,
    "accounts.mails.services.forget_address": MAIL,
    "accounts.mails.services.forget_old": MAIL,
    "accounts.mails.services.send": MAIL,
    "accounts.mails.services.send_due": MAIL,
    "accounts.mails.services.send_once": MAIL,
    "accounts.mails.services.send_rendered": MAIL,
    "accounts.members.inviting.invite_entries": NOTHING_NEW,
    "accounts.members.services.forget_ended": "what ended a month ago goes by itself; each end has its entry",
    "accounts.members.services.invite": NOTHING_NEW,
    "accounts.signin.services.end_other_sessions": NOTHING_NEW,
    "accounts.signin.services.end_sessions": NOTHING_NEW,
    "accounts.signin.services.note_device": MAIL,
    "accounts.signin.services.tell_factor_change": MAIL,
    "accounts.services.enrol": "part of adding a member or accepting an invitation, which are entered",
    "accounts.privacy.erasing.run": STEP,
    "accounts.idempotency.services.bind_run": REPEATS,
    "accounts.idempotency.services.claim": REPEATS,
    "accounts.idempotency.services.finish": REPEATS,
    "accounts.idempotency.services.forget_old": REPEATS,
    "accounts.idempotency.services.free": REPEATS,
    "accounts.idempotency.services.wait_on": REPEATS,
    "accounts.privacy.services.sweep": "wakes what waits, and deletes files that are over",
    "accounts.keys.services.note_exposure": NOTHING_NEW,
    "accounts.keys.services.note_use": "to the minute, on calls of keys; the key's page shows it",
    "accounts.services.person_actor": REFERENCE,
    "accounts.services.person_reference": REFERENCE,
    "accounts.services.person_reference_of": REFERENCE,
    "accounts.tokens.services.sign_out": NOTHING_NEW,
    "assistants.retention.services.apply": NOTHING_NEW,
    "tenants.lifecycle.erasing.begin": "the erasure’s own entry follows when all of it is gone",
    "assistants.builder.services.create_first_assistant": "part of creating the workspace, which is entered",
    "assistants.documents.services.erase": "part of deleting a document, or of erasing somebody, which are entered",
    "assistants.documents.services.replace": NOTHING_NEW,
    "assistants.documents.services.retry": NOTHING_NEW,
    "assistants.documents.services.upload": NOTHING_NEW,
    "assistants.documents.resumes.fill": TURN,
    "assistants.documents.resumes.follow_reading": TURN,
    "assistants.documents.resumes.keep": TURN,
    "assistants.chat.services.ask_under": TURN,
    "assistants.chat.services.edit_question": TURN,
    "assistants.chat.services.rate": TURN,
    "assistants.titles.services.apply": TURN,
    "assistants.titles.services.begin": TURN,
    "assistants.chat.services.regenerate": TURN,
    "assistants.chat.services.retry": TURN,
    "assistants.chat.services.send_message": TURN,
    "assistants.chat.services.show_branch": TURN,
    "assistants.library.importing.services.run": STEP,
    "assistants.library.importing.services.wake_all_stale": STEP,
    "assistants.library.importing.services.wake_stale": STEP,
    "assistants.library.services.change": TIDY,
    "assistants.library.services.rename": TIDY,
    "assistants.library.services.set_assistant": TIDY,
    "assistants.library.services.set_archived": TIDY,
    "assistants.library.services.set_pinned": TIDY,
    "assistants.library.services.set_tags": TIDY,
    "assistants.library.services.undo": NOTHING_NEW,
    "assistants.library.sharing.revoke": NOTHING_NEW,
    "assistants.generation.services.analyse": TURN,
    "assistants.generation.services.generate": TURN,
    "assistants.openai.services.start_chat_completion": TURN,
    "assistants.openai.services.start_making": TURN,
    "assistants.runs.services.begin_run": TURN,
    "assistants.runs.services.decide_waiting": TURN,
    "assistants.runs.services.finish_run": TURN,
    "assistants.runs.services.start_run": TURN,
    "assistants.runs.services.stop_run": TURN,
    "assistants.runs.services.stop_runs_of_person": "follows from a removal or a block, which are entered",
    "billing.deals.refunds.refund_due": STEP,
    "billing.deals.services.note_session": SYNC,
    "billing.deals.services.release": "a place that was held for minutes goes back; nothing was sold",
    "billing.deals.services.release_due": "a place that was held for minutes goes back; nothing was sold",
    "billing.deals.services.reserve": "a place is held for minutes; buying it is entered",
    "billing.deals.services.sell": NOTHING_NEW,
    "billing.dunning.offer_upgrade": MAIL,
    "billing.dunning.remind_of_cards": MAIL,
    "billing.dunning.remind_of_grace": MAIL,
    "billing.dunning.remind_of_trials": MAIL,
    "billing.dunning.restrict_due": SYNC,
    "billing.entitlements.services.give_first_plan": SYNC,
    "billing.entitlements.services.give_missing_plans": SYNC,
    "billing.entitlements.services.refresh": SYNC,
    "billing.mails.services.send_once": MAIL,
    "billing.metering.carries.invoice_due": "an invoice of the payment service; the billing log tells of it",
    "billing.metering.carries.look_at_periods": BOOKS,
    "billing.plans.custom.give": SYNC,
    "billing.plans.services.sync_plans": SYNC,
    "billing.plans.versions.save": "part of making a plan, which is entered",
    "billing.plans.versions.write": NOTHING_NEW,
    "billing.reconciliation.services.reconcile": SYNC,
    "billing.referrals.crediting.credit": STEP,
    "billing.referrals.crediting.credit_due": STEP,
    "billing.referrals.services.note_confirmed": "who came by which link; a credit and a refusal are entered",
    "billing.referrals.services.note_paid": "who came by which link; a credit and a refusal are entered",
    "billing.referrals.services.note_signed_up": "who came by which link; a credit and a refusal are entered",
    "billing.seats.services.note_change": "follows from adding or removing a member, which are entered",
    "billing.seats.services.require_free": "only locks the account",
    "billing.stripe.sync.apply": SYNC,
    "billing.stripe.sync.begin_look": SYNC,
    "billing.stripe.sync.look_and_apply": SYNC,
    "billing.stripe.sync.sync_customer": SYNC,
    "billing.subscriptions.checkouts.close_open": STEP,
    "billing.subscriptions.checkouts.open_page": NOTHING_NEW,
    "billing.subscriptions.services.end_second_trial": SYNC,
    "billing.subscriptions.services.ensure_customer": "an empty customer at the payment service",
    "billing.subscriptions.services.open_portal": "an address of the payment service, for minutes",
    "billing.subscriptions.services.preview_change": "reckons a price",
    "billing.subscriptions.services.start_checkout": NOTHING_NEW,
    "billing.webhooks.services.forget_old": "events that were processed long ago",
    "billing.webhooks.services.note_refusal": "counts what was not signed",
    "billing.webhooks.services.process": SYNC,
    "billing.webhooks.services.receive": SYNC,
    "tenants.lifecycle.services.erase": "scheduling it is entered, and so is its end",
    "tenants.lifecycle.erasing.run": "scheduling it is entered, and so is its end",
    "tenants.domains.services.recheck_domain": "says when it was looked up; what changed by it is entered",
    "tenants.domains.services.verify_domain": NOTHING_NEW,
    "tenants.domains.services.check_domain": NOTHING_NEW,
    "accounts.workspaces.services.tell_owners": MAIL,
    "accounts.workspaces.services.tell_managers": MAIL,
    "usage.holds.services.claim": LEASE,
    "usage.holds.services.end_waiting": LEASE,
    "usage.holds.services.give_back": LEASE,
    "usage.holds.services.postpone_wake": LEASE,
    "usage.holds.services.renew": LEASE,
    "usage.holds.services.request_stop": LEASE,
    "usage.holds.services.settle": LEASE,
    "usage.holds.services.stop_all": "follows from a stop, which is entered",
    "usage.holds.services.turn_to": LEASE,
    "usage.holds.services.stop_workspace": "follows from a stop, which is entered",
    "usage.limits.services.dismiss_notice": FREE_TO_GO,
    "usage.prices.load_published": NOTHING_NEW,
    "usage.receipts.services.consistency_document": LOG,
    "usage.receipts.services.document": LOG,
    "usage.receipts.services.issue": LOG,
    "usage.receipts.services.mail_checkpoints": MAIL,
    "usage.receipts.services.sequence": LOG,
    "usage.receipts.services.take_checkpoint": LOG,
    "usage.receipts.services.verdicts_of": LOG,
    "usage.reconciliation.services.check_recent": BOOKS,
    "usage.rerating.services.begin": STEP,
    "usage.rerating.services.run": STEP,
    "usage.rerating.services.step": STEP,
    "usage.rollups.services.fold": BOOKS,
    "usage.rollups.services.rebuild": BOOKS,
    "usage.statements.services.mail_due": MAIL,
    "usage.statements.services.write": BOOKS,
    "usage.statements.services.write_due": BOOKS,
    "usage.stops.set_stop": NOTHING_NEW,
}
# Services that enter more than one thing of their own: each is a change that somebody may ask about.
SEVERAL_ENTRIES = {
    "accounts.privacy.services.request_erasure": "the person's wish, and the end of each workspace of theirs",
    "accounts.members.inviting.invite_entries": "one for each who is invited",
    "assistants.library.services.purge": "one for each batch",
    "assistants.providers.rotation.rotate_keys": "one for each key",
    "assistants.retention.services.apply": "with the first batch only, which the loop does not show",
    "billing.dunning.restrict_due": "one for each workspace",
    "billing.outcomes.services.measure": "a measurement, and the milestone that it reaches",
    "billing.outcomes.services.measure_as_staff": "a measurement, and the milestone that it reaches",
    "usage.spend.services.watch": "one for each workspace",
}


def full_name(found: Module) -> str:
    return found.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def source_of(modules: list[Module]) -> Source:
    source = Source()
    for found in modules:
        source.add(full_name(found), found.tree)
    return source


def holds_services(found: Module) -> bool:
    parts = full_name(found).split(".")
    is_named = parts[-1] == "services" or "services" in parts[:-1]
    calls = (node for node in ast.walk(found.tree) if isinstance(node, ast.Call))
    return is_named or any(dotted(node.func) == "audit.record" for node in calls)


def services(source: Source, modules: list[Module]) -> list[str]:
    chosen = {full_name(found) for found in modules if holds_services(found)}
    names = (name.rpartition(".") for name in source.functions)
    return sorted(f"{at}.{name}" for at, _, name in names if at in chosen and not name.startswith("_"))


def silent(modules: list[Module]) -> Iterator[str]:
    """Services with a way on which something is written and nothing entered."""
    source = source_of(modules)
    return (name for name in services(source, modules) if (True, 0) in source.ways(name))


def repetitive(modules: list[Module]) -> Iterator[str]:
    """Services with a way on which they enter two things themselves; those of other services are theirs."""
    source = source_of(modules)
    names = services(source, modules)
    entering = frozenset(name for name in names if any(count for _, count in source.ways(name)))
    alone = source.alone(entering)
    return (name for name in names if any(count == MANY for _, count in alone.ways(name)))


def test_every_service_that_changes_something_enters_it():
    found = set(silent(MODULES))
    assert sorted(found - WITHOUT_ENTRY.keys()) == [], "record the change, or say in WITHOUT_ENTRY why not"
    assert sorted(WITHOUT_ENTRY.keys() - found) == [], "these reasons are not needed any more"


def test_every_service_enters_one_thing():
    found = set(repetitive(MODULES))
    assert sorted(found - SEVERAL_ENTRIES.keys()) == []
    assert sorted(SEVERAL_ENTRIES.keys() - found) == [], "these reasons are not needed any more"


def test_services_are_found():
    names = services(source_of(MODULES), MODULES)
    assert len(names) > 150
    assert {
        "accounts.services.remove_member",
        "usage.stops.lift_stop",
        "tenants.lifecycle.services.suspend",
    } <= set(names)


SILENT = {
    "saves": "def set_name(row):\n    row.save(update_fields=['name'])",
    "creates": "def make():\n    Thing.objects.create()",
    "updates what it found": "def block():\n    rows = Thing.objects.all()\n    rows.update(on=True)",
    "updates": "def block(id):\n    Thing.objects.filter(id=id).update(on=True)",
    "deletes": "def remove(id):\n    Thing.objects.filter(id=id).delete()",
    "by SQL": "SQL = 'UPDATE thing SET x = 1'\ndef raise_all(cursor):\n    cursor.execute(SQL)",
    "in a private function": "def make():\n    _make()\ndef _make():\n    Thing.objects.create()",
    "on one way": "def change(row, told):\n    row.save()\n    if told:\n        audit.record('a.b')",
    "before a return": "def change(row):\n    row.save()\n    if row.x:\n        return\n    audit.record('a.b')",
    "entered after the commit": "def make():\n    Thing.objects.create()\n"
    "    transaction.on_commit(lambda: audit.record('a.b'))",
    "in a transaction": "def make():\n    with transaction.atomic():\n        Thing.objects.create()",
    "in a handler": "def make():\n    try:\n        f()\n    except ValueError:\n        Thing.objects.create()",
}  # fmt: skip
REPETITIVE = {
    "twice": "def f():\n    audit.record('a.b')\n    audit.record('a.c')",
    "in a loop": "def f(rows):\n    for row in rows:\n        audit.record('a.b')",
    "by a private function": "def f():\n    audit.record('a.b')\n    _tell()\ndef _tell():\n    audit.record('a.c')",
}
SOUND = {
    "reads": "def get(id):\n    return Thing.objects.get(id=id)",
    "enters": "def f():\n    with transaction.atomic():\n        Thing.objects.create()\n        audit.record('a.b')",
    "or raises": "def make(x):\n    if x:\n        Thing.objects.create()\n        raise Refused()\n    return 1",
    "on either way": "def f(x):\n    if x:\n        audit.record('a.b')\n        return\n    audit.record('a.c')",
    "updates a dictionary": "def f(values):\n    values.update({'x': 1})",
    "nothing to do": "def f(x):\n    if not x:\n        return\n    x.save()\n    audit.record('a.b')",
    "by another service": "def f():\n    audit.record('a.b')\n    g()\ndef g():\n    audit.record('a.c')",
}


def example(text: str) -> list[Module]:
    return [module(text, "usage/example/services.py")]


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_change_without_an_entry_is_found(text):
    assert list(silent(example(text))) != []


@pytest.mark.parametrize("text", REPETITIVE.values(), ids=REPETITIVE.keys())
def test_second_entry_is_found(text):
    assert list(repetitive(example(text))) != []


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND.keys())
def test_what_is_sound_is_left_alone(text):
    assert [*silent(example(text)), *repetitive(example(text))] == []


def test_change_in_another_module_is_found():
    other = module("def put():\n    Thing.objects.create()", "usage/things.py")
    caller = module("from usage import things\ndef f():\n    things.put()", "usage/example/services.py")
    assert list(silent([other, caller])) == ["usage.example.services.f"]


def test_taking_an_entry_out_of_a_real_service_is_found():
    """The control on the product itself."""
    (found,) = [each for each in MODULES if each.path == "accounts/services.py"]
    text = found.text.replace(
        'audit.record(\n            "member.added"', 'print(\n            "member.added"'
    )
    assert text != found.text
    others = [each for each in MODULES if each is not found]
    assert "accounts.services.add_member" in set(silent([*others, module(text, found.path)]))


def test_ways_that_follow_each_other():
    once, never = audit_paths.ENTRY, audit_paths.NOTHING
    assert audit_paths.then(once, once) == frozenset({(False, MANY)})
    assert audit_paths.repeated(once) == frozenset({(False, 0), (False, 1), (False, MANY)})
    assert audit_paths.then(never, audit_paths.WRITE) == audit_paths.WRITE
