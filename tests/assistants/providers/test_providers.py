"""What is kept of a workspace's own providers, and what never leaves."""

import json
import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.permissions import Permission
from assistants.llm import catalogue
from assistants.models import Provider, ProviderModel
from assistants.providers import personal_data, queries, sealing, services
from assistants.providers.refusals import (
    KeyNeededAgain,
    ModelGone,
    ProviderChanged,
    ProviderRefused,
    TooManyProviders,
)
from assistants.providers.services import Wanted
from config.errors import NotFound
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from tests.assistants.providers.conftest import KEY
from usage import prices
from usage.features.keys import Feature
from usage.features.queries import FeatureNotIncluded


def add(member, name="Ours", base_url="https://models.example/v1", key=KEY, **fields) -> Provider:
    wanted = Wanted(name=name, kind="compatible", base_url=base_url, key=key, **fields)
    return services.add_provider(member=member, wanted=wanted)


def change(member, row, **fields) -> None:
    said = {"name": row.name, "kind": row.kind, "base_url": row.base_url} | fields
    services.edit_provider(member=member, provider=row, wanted=Wanted(**said))


def entries(workspace) -> list[AuditEntry]:
    found = AuditEntry.objects.filter(workspace_id=workspace.id, action__startswith="provider.")
    return list(found.order_by("id"))


def test_key_is_kept_sealed_and_its_end_is_shown(in_acme, acme, admin):
    row = Provider.objects.get(id=add(admin.member).id)
    assert KEY.encode() not in bytes(row.key_sealed)
    assert (row.key_last_four, row.slug, row.is_local) == ("wxyz", "ours", False)
    assert sealing.key_of(row, acme.id) == KEY
    assert add(admin.member, "Short", key="12345678").key_last_four == ""


def test_sealed_key_opens_in_its_own_row_only(in_acme, acme, globex, admin, cast):
    """A copy of the ciphertext: in another row, and in another workspace's."""
    row, other = add(admin.member), add(admin.member, "Other")
    sealed = bytes(row.key_sealed)
    assert sealing.key_of(Provider.objects.get(id=row.id), acme.id) == KEY
    Provider.objects.filter(id=other.id).update(key_sealed=sealed)
    with pytest.raises(sealing.KeyUnreadable):
        sealing.key_of(Provider.objects.get(id=other.id), acme.id)
    now = timezone.now()
    with workspace_scope(globex.id):
        copied = Provider.objects.create(
            id=row.id, name="Copied", slug="copied", kind="compatible", base_url=row.base_url, key_sealed=sealed,
            created_at=now, updated_at=now,
        )  # fmt: skip
        with pytest.raises(sealing.KeyUnreadable):
            sealing.key_of(copied, globex.id)
        # The control: what binds it is the workspace.
        assert sealing.key_of(copied, acme.id) == KEY


def test_kept_key_goes_to_no_other_address(in_acme, acme, admin):
    row = add(admin.member)
    with pytest.raises(KeyNeededAgain):
        change(admin.member, row, base_url="https://elsewhere.example/v1")
    with pytest.raises(KeyNeededAgain):
        change(admin.member, row, kind="openai", base_url="")
    row.refresh_from_db()
    assert row.base_url == "https://models.example/v1"
    # The controls: another spelling of the same address, the name, a key entered again, and no key at all.
    change(admin.member, row, name="Renamed", base_url="https://MODELS.example/v1/")
    change(admin.member, row, name="Renamed", base_url="https://elsewhere.example/v1", key="another-key-abcd")
    row.refresh_from_db()
    assert (row.base_url, row.key_last_four, row.slug) == ("https://elsewhere.example/v1", "abcd", "ours")
    assert sealing.key_of(row, acme.id) == "another-key-abcd"
    change(admin.member, row, base_url="https://third.example/v1", drops_key=True)
    row.refresh_from_db()
    assert (row.key_sealed, row.key_last_four) == (None, "")


def test_key_is_asked_for_again_against_what_is_there_now(in_acme, acme, admin):
    """Somebody moved the provider while this page was open: the old address would get the new key."""
    seen = add(admin.member)
    change(admin.member, seen, base_url="https://elsewhere.example/v1", key="another-key-abcd")
    with pytest.raises(KeyNeededAgain):
        change(admin.member, seen, name="Renamed")


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel", "x" * 501])
def test_key_of_other_signs_is_refused(in_acme, admin, key):
    with pytest.raises(ProviderRefused) as refused:
        add(admin.member, key=key)
    assert refused.value.data == {"field": "key"}
    assert not Provider.objects.exists()


def test_openai_has_one_address_and_needs_a_key(in_acme, admin):
    wanted = Wanted(name="OpenAI", kind="openai", base_url="https://elsewhere.example")
    with pytest.raises(ProviderRefused):
        services.add_provider(member=admin.member, wanted=wanted)
    wanted = Wanted(name="OpenAI", kind="openai", base_url="https://elsewhere.example", key=KEY)
    assert services.add_provider(member=admin.member, wanted=wanted).base_url == "https://api.openai.com/v1"


def test_names_and_number_are_bounded(in_acme, admin, settings, monkeypatch):
    settings.CHAT_MODELS = ["gpt-4o-mini", "meta/llama"]
    assert add(admin.member, "Meta").slug == "meta-2"
    assert add(admin.member, "日本").slug == "provider"
    for name in ("mETA", "  "):
        with pytest.raises(ProviderRefused):
            add(admin.member, name)
    monkeypatch.setattr(services, "MOST_PROVIDERS", 1)
    with pytest.raises(TooManyProviders):
        add(admin.member, "Another")
    assert Provider.objects.count() == 2


def test_audit_log_tells_and_holds_neither_key_nor_address(in_acme, acme, admin):
    row = add(admin.member)
    change(admin.member, row, name="Renamed")
    change(admin.member, row, name="Renamed", key="another-key-abcd")
    services.switch_provider(member=admin.member, provider=row, is_on=False)
    services.switch_provider(member=admin.member, provider=row, is_on=False)
    services.remove_provider(member=admin.member, provider=row)
    found = entries(acme)
    assert [each.action for each in found] == [
        "provider.added", "provider.edited", "provider.edited", "provider.switched_off", "provider.removed",
    ]  # fmt: skip
    assert [each.data.get("fields") for each in found[1:3]] == [["name"], ["key"]]
    text = json.dumps([each.data for each in found])
    assert not [each for each in (KEY, "wxyz", "abcd", "models.example") if each in text]


def test_plan_without_own_keys_refuses_but_lets_go(in_acme, acme, admin):
    row = add(admin.member)
    factories.give_rights(acme.id, *(set(Feature.values) - {Feature.OWN_KEYS}))
    services.switch_provider(member=admin.member, provider=row, is_on=False)
    refused = [
        lambda: add(admin.member, "Another"),
        lambda: change(admin.member, row, name="Another"),
        lambda: services.switch_provider(member=admin.member, provider=row, is_on=True),
        lambda: services.test_provider(member=admin.member, provider=row),
    ]
    for act in refused:
        with pytest.raises(FeatureNotIncluded) as error:
            act()
        assert error.value.data["feature"] == "own_keys"
    assert list(Provider.objects.values_list("name", "is_on")) == [("Ours", False)]
    services.remove_provider(member=admin.member, provider=row)
    assert not Provider.objects.exists()


def test_local_server_needs_no_feature(in_acme, acme, admin, server):
    factories.give_rights(acme.id)
    row = add(admin.member, base_url=server.url, key="")
    assert row.is_local is True
    assert services.test_provider(member=admin.member, provider=row).is_ok
    choice = next(each for each in catalogue.list_choices(admin.member) if each.is_own)
    assert (choice.name, choice.is_local, choice.refusal) == ("ours/llama3", True, "")


def test_list_is_followed_and_choices_stay(in_acme, acme, admin, server):
    row = add(admin.member, base_url=server.url)
    server.names = ["llama3", "qwen3", "nomic-embed-text"]
    services.test_provider(member=admin.member, provider=row)

    def offered() -> dict[str, bool]:
        return dict(ProviderModel.objects.values_list("name", "is_offered"))

    # What makes vectors does not chat: it begins switched off.
    assert offered() == {"llama3": True, "qwen3": True, "nomic-embed-text": False}
    keys = dict(ProviderModel.objects.values_list("name", "id"))
    services.choose_models(
        member=admin.member,
        provider=row,
        shown=set(keys.values()),
        chosen={keys["llama3"]},
        seeing={keys["qwen3"]},
    )
    assert offered() == {"llama3": True, "qwen3": False, "nomic-embed-text": False}
    server.names = ["mistral", "qwen3"]
    services.test_provider(member=admin.member, provider=row)
    assert offered() == {"llama3": False, "qwen3": False, "nomic-embed-text": False, "mistral": True}
    server.names = ["llama3", "qwen3"]
    services.test_provider(member=admin.member, provider=row)
    assert offered() == {"llama3": True, "qwen3": False, "nomic-embed-text": False, "mistral": False}
    assert ProviderModel.objects.get(name="qwen3").has_vision is True
    with pytest.raises(catalogue.ModelNotOffered):
        catalogue.resolve("ours/mistral")
    assert catalogue.resolve("ours/llama3").base_url == server.url


def test_list_that_is_another_one_each_time_does_not_grow_for_ever(in_acme, admin, server, monkeypatch):
    monkeypatch.setattr("assistants.providers.models.MOST_GONE", 3)
    row = add(admin.member, base_url=server.url)
    for number in range(4):
        server.names = [f"{number}-{each}" for each in range(2)]
        services.test_provider(member=admin.member, provider=row)
    names = set(ProviderModel.objects.values_list("name", flat=True))
    assert names == {"3-0", "3-1", "2-0", "2-1", "1-0"}


def test_failed_test_keeps_the_models_and_says_why(in_acme, acme, admin, server):
    row = add(admin.member, base_url=server.url)
    services.test_provider(member=admin.member, provider=row)
    server.status = 401
    assert services.test_provider(member=admin.member, provider=row).code == "unauthorised"
    row.refresh_from_db()
    assert row.test_code == "unauthorised" and row.tested_at is not None
    assert ProviderModel.objects.filter(is_offered=True).count() == 2
    assert [each.data.get("code") for each in entries(acme)[1:]] == ["ok", "unauthorised"]
    Provider.objects.update(key_sealed=b"x" * 40)
    row.refresh_from_db()
    asked = len(server.asked)
    assert services.test_provider(member=admin.member, provider=row).code == "key_unreadable"
    assert len(server.asked) == asked


def test_test_of_what_was_edited_meanwhile_keeps_nothing(in_acme, acme, admin, server):
    seen = add(admin.member, base_url=server.url)
    change(admin.member, seen, name="Renamed")
    with pytest.raises(ProviderChanged):
        services.test_provider(member=admin.member, provider=seen)
    assert not ProviderModel.objects.exists()


def test_models_of_another_provider_are_not_switched(in_acme, admin, server):
    row, other = add(admin.member, base_url=server.url), add(admin.member, "Other", base_url=server.url)
    services.test_provider(member=admin.member, provider=other)
    theirs = set(other.models.values_list("id", flat=True))
    with pytest.raises(ModelGone):
        services.choose_models(member=admin.member, provider=row, shown=theirs, chosen=set(), seeing=set())
    assert other.models.filter(is_offered=True).count() == 2


def test_key_stands_in_no_export_and_no_log(in_acme, acme, admin, server, caplog):
    caplog.set_level(logging.DEBUG)
    row = add(admin.member, base_url=server.url)
    server.status = 500
    services.test_provider(member=admin.member, provider=row)
    assert KEY not in caplog.text
    fields = {name for held in personal_data.HELD for name in held.fields}
    assert "key_last_four" in fields and "key_sealed" not in fields
    assert KEY not in repr(Wanted(name="", kind="", key=KEY))


def test_queries_do_not_grow_with_models(in_acme, admin, server):
    row = add(admin.member, base_url=server.url)
    counts = []
    for number in (2, 60):
        server.names = [f"model-{each}" for each in range(number)]
        services.test_provider(member=admin.member, provider=row)
        prices.forget()
        catalogue.list_choices(admin.member)
        prices.forget()
        with CaptureQueriesContext(connection) as captured:
            assert len([each for each in catalogue.list_choices(admin.member) if each.is_own]) == number
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_nobody_but_admins_reaches_a_provider(in_acme, admin, member):
    row = add(admin.member)
    assert queries.access_provider(admin.member, row.id) == row
    assert not member.member.can(Permission.WORKSPACE_MANAGE)
    with pytest.raises(NotFound):
        queries.access_provider(member.member, row.id)
