"""Which models a run may be answered by, as it starts. Inside the workspace, without a worker."""

import pytest
from django.utils import timezone

from assistants.llm import catalogue
from assistants.llm.access import Access
from assistants.llm.catalogue import Endpoint
from assistants.models import Provider, ProviderModel, Run
from assistants.runs import chain
from assistants.runs.job import Server
from tests import factories
from usage.features.keys import Feature
from usage.features.queries import FeatureNotIncluded
from usage.holds.types import QuotaExceeded, RunsStopped
from usage.models import Hold, Stop

FIRST, SECOND, OWN = "gpt-4o-mini", "gpt-4o", "ours/some-model"
MONEY, NO_MONEY = (
    [("messages", "month", None), ("messages", "day", 100), ("cost_micro", "month", 10_000_000)],
    [("messages", "month", None), ("messages", "day", 100)],
)


@pytest.fixture
def own(in_acme) -> Provider:
    now = timezone.now()
    row = Provider.objects.create(
        name="Ours",
        slug="ours",
        kind="compatible",
        base_url="https://m.example/v1",
        created_at=now,
        updated_at=now,
    )
    ProviderModel.objects.create(provider=row, name="some-model", seen_at=now)
    return row


def names(workspace, *fallbacks: str, model: str = FIRST) -> list[str]:
    return [each.name for each in chain.choose(workspace.id, model, fallbacks)]


def ask(owner, model: str, *fallbacks: str) -> Run:
    assistant = factories.make_assistant(owner.member, "Chained")
    assistant.model, assistant.fallback_models = model, list(fallbacks)
    assistant.save(update_fields=["model", "fallback_models"])
    return factories.ask(owner.member, assistant=assistant).run


def test_chain_is_the_model_and_its_fallbacks_each_once(own, acme):
    assert names(acme, SECOND, OWN, FIRST, SECOND) == [FIRST, SECOND, OWN]


def test_run_names_its_chain_and_holds_no_key(own, owner):
    run = ask(owner, FIRST, OWN)
    assert run.request["chain"] == [[FIRST, "openai"], [OWN, "own:ours"]]
    assert (run.provider, run.served_as) == ("openai", FIRST)
    assert "chain" not in ask(owner, FIRST).request


def test_own_first_is_named_as_the_ledger_will(own, owner):
    run = ask(owner, OWN)
    assert (run.model, run.provider, run.served_as) == (OWN, "own:ours", "some-model")
    hold = Hold.objects.get(id=run.id)
    assert (hold.model, hold.request["provider"]) == (OWN, "own:ours")
    assert set(hold.request["meters"]) >= {"messages", "tokens"}
    assert "cost_micro" not in hold.request["meters"]


@pytest.mark.parametrize(
    "change", [lambda row: row.delete(), lambda row: Provider.objects.filter(id=row.id).update(is_on=False)]
)
def test_model_that_is_gone_is_refused_as_first_and_left_out_as_fallback(own, owner, acme, change):
    assert names(acme, OWN) == [FIRST, OWN]
    change(own)
    assert names(acme, OWN) == [FIRST]
    before = (Run.objects.count(), Hold.objects.count())
    with pytest.raises(catalogue.ModelNotOffered) as refused:
        ask(owner, OWN, FIRST)
    assert (refused.value.code, refused.value.data) == ("model_not_offered", {"model": OWN})
    assert (Run.objects.count(), Hold.objects.count()) == before


def test_what_the_plan_refuses_is_refused_as_first_and_left_out_as_fallback(own, owner, acme):
    factories.give_rights(acme.id, Feature.CLOUD_MODELS, Feature.CUSTOM_ASSISTANTS)
    assert names(acme, OWN) == [FIRST]
    with pytest.raises(FeatureNotIncluded) as refused:
        chain.choose(acme.id, OWN, [FIRST])
    assert refused.value.data["feature"] == "own_keys"
    Provider.objects.update(is_local=True)
    assert names(acme, OWN) == [FIRST, OWN]
    factories.give_rights(acme.id, Feature.CUSTOM_ASSISTANTS)
    with pytest.raises(FeatureNotIncluded):
        names(acme)
    assert names(acme, FIRST, model=OWN) == [OWN]


def test_model_without_a_price_is_refused_as_first_and_left_out_as_fallback_where_money_is_limited(
    own, owner, acme
):
    factories.give_limits(acme.id, *MONEY)
    assert names(acme, "no-price", OWN) == [FIRST, OWN]
    with pytest.raises(QuotaExceeded) as refused:
        ask(owner, "no-price", FIRST)
    assert refused.value.code == "model_unpriced"
    assert ask(owner, OWN).state == "queued"


def test_model_without_a_price_may_answer_where_money_is_not_limited(own, owner, acme):
    factories.give_limits(acme.id, *NO_MONEY)
    assert names(acme, "no-price") == [FIRST, "no-price"]


def test_stop_of_the_platforms_provider_leaves_own_keys_alone(own, owner):
    Stop.objects.create(scope=Stop.Scope.PROVIDER, target="openai", reason="Outage")
    with pytest.raises(RunsStopped):
        ask(owner, FIRST, OWN)
    assert ask(owner, OWN).state == "queued"


def test_stop_of_an_own_provider_refuses_its_models(own, owner):
    Stop.objects.create(scope=Stop.Scope.PROVIDER, target="own:ours", reason="Outage")
    with pytest.raises(RunsStopped):
        ask(owner, OWN)
    assert ask(owner, FIRST, OWN).state == "queued"


def test_worker_leaves_out_what_went_meanwhile(own, owner):
    run, alone = ask(owner, FIRST, OWN), ask(owner, OWN)
    servers, problem = chain.open_servers(run)
    assert ([each.endpoint.name for each in servers], problem) == ([FIRST, OWN], "")
    Provider.objects.update(key_sealed=b"unreadable")
    servers, problem = chain.open_servers(run)
    assert ([each.endpoint.name for each in servers], problem) == ([FIRST], "provider_key_unreadable")
    own.delete()
    assert chain.open_servers(alone) == ((), "model_not_offered")


def test_name_that_came_to_mean_another_provider_is_not_called(own, owner, settings):
    run = ask(owner, OWN)
    settings.CHAT_MODELS = [*settings.CHAT_MODELS, OWN]
    assert chain.open_servers(run) == ((), "model_not_offered")


def test_draft_is_tried_with_its_own_fallbacks(own, owner):
    assistant = factories.make_assistant(owner.member, "Chained", fallback_models=[SECOND])
    run = factories.try_draft(owner.member, assistant=assistant, fallback_models=[OWN])
    assert [name for name, _ in run.request["chain"]] == [FIRST, OWN]
    plain = factories.try_draft(owner.member, assistant=assistant)
    assert "chain" not in plain.request


def test_pictures_go_to_no_fallback_that_sees_none_also_when_the_first_is_gone(settings):
    run = Run(model="gone")
    blind, seeing = (
        Server(Endpoint(name, "p", name, "", has_vision=sees), Access("", ""))
        for name, sees in (("a", False), ("b", True))
    )
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]
    assert chain.that_take((blind, seeing), run, picture) == (seeing,)
    assert chain.that_take((blind, seeing), run, [{"role": "user", "content": "Hello"}]) == (blind, seeing)
    run.model = "a"
    assert chain.that_take((blind, seeing), run, picture) == (blind, seeing), "its server decides"
