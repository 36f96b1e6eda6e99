"""A chain of models: who answers, and who is booked."""

import json
from uuid import uuid4

import pytest

from assistants.models import ToolCall
from assistants.runs import chain, estimate, sweep
from assistants.runs import services as runs
from tenants import audit
from tenants.scope import enter
from tests import factories
from tests.assistants.books import WORDS, assert_charged, assert_ended, assert_not_charged
from tests.assistants.conftest import Stage
from tests.assistants.providers.chains import FIRST, REFUSED_KEY, SECOND, Bench
from tests.usage.runs import counter
from usage import stops
from usage.holds import services as holds
from usage.holds.queries import _is_covered
from usage.holds.types import Actual, Amount, HoldLost
from usage.models import Hold, Receipt, Stop
from usage.prices import Rates

PICTURE = "data:image/png;base64,iVBORw0KGgo="
RATES = {FIRST: (150_000, 600_000), SECOND: (2_500_000, 10_000_000)}


@pytest.fixture
def bench(provider, engine, settings) -> Bench:
    settings.PROVIDERS_ALLOW_PRIVATE_HOSTS = True
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    return Bench(Stage(workspace, factories.member_of(workspace, user), provider, engine))


def cost(model: str, entry) -> int:
    into, out = RATES[model]
    return -(-(entry.input_tokens * into + entry.output_tokens * out) // 1_000_000)


def failing(times: int, fault: str = "500", **more) -> str:
    extra = "".join(f" {name}={value}" for name, value in more.items())
    return f"Count\n/sim text={WORDS}\n/sim fault={fault} times={times} key={uuid4().hex}{extra}"


def models(played) -> list[tuple[str, str]]:
    return [(row["model"], row["state"]) for row in played.requests]


def body_of(played) -> dict:
    return json.loads(Receipt.objects.get(hold_id=played.run.id).body)


def test_second_answers_when_the_first_stays_away_and_is_what_is_billed(bench):
    played = bench.play(bench.assistant(FIRST, SECOND), failing(3))
    assert_ended(played, "done")
    assert models(played) == [(FIRST, "error")] * 3 + [(SECOND, "completed")]
    (entry,) = played.entries
    assert (entry.provider, entry.model, entry.messages, entry.output_tokens) == ("openai", SECOND, 1, 10)
    assert entry.cost_micro == cost(SECOND, entry) == played.run.cost_micro
    run = played.run
    assert (run.model, run.provider, run.served_as) == (FIRST, "openai", SECOND)
    assert run.answered_by == SECOND
    body = body_of(played)
    assert body["model"] == {"asked": FIRST, "answered": SECOND, "provider": "openai"}
    assert (body["cost"]["priced_as"], body["cost"]["micro"]) == (SECOND, entry.cost_micro)


def test_first_that_answers_in_time_is_what_is_billed(bench):
    played = bench.play(bench.assistant(FIRST, SECOND), failing(2))
    assert models(played) == [(FIRST, "error")] * 2 + [(FIRST, "completed")]
    assert_charged(played, output_tokens=10, is_estimated=False)
    assert body_of(played)["cost"]["priced_as"] == FIRST


def test_hold_covers_the_dearest_and_the_books_balance(bench):
    alone = bench.ask(bench.assistant(FIRST))
    chained = bench.ask(bench.assistant(FIRST, SECOND))
    turned = bench.ask(bench.assistant(SECOND, FIRST))
    for run, model in ((alone, FIRST), (chained, SECOND), (turned, SECOND)):
        into, out = RATES[model]
        meters = Hold.objects.get(id=run.id).request["meters"]
        assert meters["cost_micro"] == [run.input_tokens * into, out]
    for run in (alone, chained, turned):
        with enter(bench.stage.workspace):
            runs.stop_run(workspace_id=bench.stage.workspace.id, run=run)
    played = bench.play(bench.assistant(FIRST, SECOND), failing(3))
    found = counter(bench.stage.workspace.id, "cost_micro")
    assert (found.used, found.held) == (played.entries[0].cost_micro, 0)


def test_what_the_second_costs_would_be_cut_by_a_hold_of_the_first_alone(bench):
    """The control: without the dearest in the hold, settling books less than was used."""
    run = bench.ask(bench.assistant(FIRST))
    hold = Hold.objects.get(id=run.id)
    hold.output_cap = 10
    terms = holds.Terms(hold)
    used = Actual("openai", SECOND, input_tokens=run.input_tokens, output_tokens=10)
    assert terms.at_most("cost_micro", cost(SECOND, used)) == cost(FIRST, used) < cost(SECOND, used)


def test_nothing_is_asked_of_another_after_the_first_token(bench):
    text = f"Count\n/sim text={WORDS}\n/sim fault=cut after=4 times=1 key={uuid4().hex}"
    played = bench.play(bench.assistant(FIRST, SECOND), text)
    assert_ended(played, "failed", "provider_cut")
    assert models(played) == [(FIRST, "cut")]
    assert played.run.text.startswith("one two")
    assert played.entries[0].model == FIRST


def test_cut_before_the_first_token_leads_to_the_second(bench):
    text = f"Count\n/sim text={WORDS}\n/sim fault=cut after=0 times=3 key={uuid4().hex}"
    played = bench.play(bench.assistant(FIRST, SECOND), text)
    assert [model for model, _ in models(played)] == [FIRST] * 3 + [SECOND]
    assert_ended(played, "done")


def test_second_that_is_cut_is_what_is_told_and_billed(bench):
    assistant = bench.assistant(bench.own(key=REFUSED_KEY), FIRST, SECOND)
    text = f"Count\n/sim text={WORDS}\n/sim fault=cut after=4 times=1 key={uuid4().hex}"
    played = bench.play(assistant, text)
    assert_ended(played, "failed", "provider_cut")
    (entry,) = played.entries
    assert (entry.provider, entry.model, entry.cost_micro) == ("openai", FIRST, cost(FIRST, entry))
    assert SECOND not in dict(models(played))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("400", "provider_refused_request"),
        ("401", "provider_key_refused"),
        ("404", "provider_model_missing"),
    ],
)
def test_error_that_another_try_does_not_help_is_the_end_at_the_platforms(bench, fault, code):
    played = bench.play(bench.assistant(FIRST, SECOND), f"Count\n/sim fault={fault}")
    assert_ended(played, "failed", code)
    assert_not_charged(played, code)
    assert models(played) == [(FIRST, "error")]


def test_long_wait_that_the_first_asks_for_is_not_waited(bench):
    played = bench.play(bench.assistant(FIRST, SECOND), failing(1, "429", retry_after=30))
    assert models(played) == [(FIRST, "error"), (SECOND, "completed")]
    assert_ended(played, "done")
    assert played.run.retry_at is None


def test_when_none_answers_the_first_ones_failure_is_told_and_nothing_is_charged(bench):
    third = bench.own(key=REFUSED_KEY)
    played = bench.play(bench.assistant(FIRST, SECOND, third), "Count\n/sim fault=500")
    assert_ended(played, "failed", "provider_unavailable")
    assert_not_charged(played, "provider_unavailable")
    found = counter(bench.stage.workspace.id, "cost_micro")
    assert (found.used, found.held) == (0, 0)


def test_fallback_that_sees_no_pictures_is_not_asked_about_them(bench):
    """What is asked of a model stands in the call: here by the protocol, with a picture."""
    for model, sent, asked in (
        (FIRST, "image_url", [FIRST] * 3 + [SECOND]),
        ("sim-small", "image_url", [FIRST] * 3),
        ("sim-small", "text", [FIRST] * 3 + ["sim-small"]),
    ):
        seen = SECOND if model == FIRST else bench.own(f"blind-{sent.replace('_', '-')}", model=model)
        part = {"type": "image_url", "image_url": {"url": PICTURE}} if sent == "image_url" else None
        played = bench.play_call(bench.assistant(FIRST, seen), failing(3), part)
        assert [row["model"] for row in played.requests] == asked


# own keys


def test_own_key_that_is_refused_leads_to_the_platform_which_is_billed(bench):
    own = bench.own(key=REFUSED_KEY)
    played = bench.play(bench.assistant(own, FIRST), f"Count\n/sim text={WORDS}")
    assert_ended(played, "done")
    assert [state for _, state in models(played)][-1:] == ["completed"]
    assert_charged(played, output_tokens=10, is_estimated=False)
    assert (played.run.model, played.run.provider, played.run.served_as) == (own, "openai", FIRST)
    assert body_of(played)["model"] == {"asked": own, "answered": FIRST, "provider": "openai"}


def test_own_key_counts_messages_and_tokens_and_no_money(bench):
    own = bench.own(kind="openai")
    played = bench.play(bench.assistant(own), f"Count\n/sim text={WORDS}")
    assert_ended(played, "done")
    (entry,) = played.entries
    assert (entry.provider, entry.model, entry.cost_micro) == ("own:ours", FIRST, 0)
    assert (entry.messages, entry.output_tokens) == (1, 10)
    assert "cost_micro" not in played.hold.request["meters"]
    assert played.run.list_cost_micro == cost(FIRST, entry) > 0
    assert (played.run.cost_micro, played.run.served_as) == (0, FIRST)
    body = body_of(played)
    assert (body["model"]["provider"], body["cost"]["micro"]) == ("own:ours", 0)
    used = counter(bench.stage.workspace.id, "messages").used
    assert used == 1


def test_unlisted_model_of_an_own_server_has_no_list_cost(bench):
    own = bench.own(model="sim-small")
    played = bench.play(bench.assistant(own), f"Count\n/sim text={WORDS}")
    assert_ended(played, "done")
    assert (played.run.list_cost_micro, played.run.cost_micro) == (None, 0)


def test_platforms_answer_has_no_list_cost(bench):
    played = bench.play(bench.assistant(FIRST), f"Count\n/sim text={WORDS}")
    assert (played.run.list_cost_micro, played.run.cost_micro > 0) == (None, True)


def test_own_second_answers_without_cost_under_the_firsts_hold(bench):
    played = bench.play(bench.assistant(FIRST, bench.own()), failing(3))
    assert_ended(played, "done")
    (entry,) = played.entries
    assert (entry.provider, entry.cost_micro, entry.output_tokens) == ("own:ours", 0, 10)
    found = counter(bench.stage.workspace.id, "cost_micro")
    assert (found.used, found.held) == (0, 0)


def test_own_server_that_goes_on_far_beyond_its_cap_is_cut_off(bench, monkeypatch):
    monkeypatch.setattr("assistants.runs.allowance.FAR_BEYOND", 0)
    monkeypatch.setattr("assistants.runs.allowance.SOME", 4)
    text = f"Count\n/sim text={WORDS}"
    played = bench.play(bench.assistant(bench.own(), max_output_tokens=100), text)
    assert (played.run.state, played.run.finish_reason) == ("done", "length")
    assert len(played.run.text.split()) < 10
    platform = bench.play(bench.assistant(FIRST, max_output_tokens=100), text)
    assert platform.run.text == WORDS


def test_own_server_on_a_private_host_is_not_called(bench, settings):
    settings.PROVIDERS_ALLOW_PRIVATE_HOSTS = False
    # By another name: a connection that was made while it was allowed would serve.
    address = bench.stage.provider.address.replace("127.0.0.1", "localhost")
    played = bench.play(bench.assistant(bench.own(base_url=f"{address}/v1")), "Count")
    assert_ended(played, "failed", "provider_host_refused")
    assert_not_charged(played, "provider_host_refused")
    assert played.requests == []


# several calls of one answer


def test_further_calls_of_an_answer_stay_with_who_began_it(bench):
    assistant = bench.assistant(FIRST, SECOND, tools=["calculator"])
    text = failing(3) + '\n/sim tool=calculator args={"expression": "6 * 7"}'
    played = bench.play(assistant, text)
    assert_ended(played, "done")
    assert [model for model, _ in models(played)] == [FIRST] * 3 + [SECOND] * 2
    (entry,) = played.entries
    assert (entry.model, entry.cost_micro) == (SECOND, cost(SECOND, entry))
    with enter(bench.stage.workspace):
        assert ToolCall.objects.get(run=played.run).result == "42"


# lost workers, stops


def test_worker_lost_while_the_second_answers_is_booked_as_the_second(bench):
    run = bench.ask(bench.assistant(FIRST, SECOND))
    claim = holds.claim(run.id, lease_s=0)
    with enter(bench.stage.workspace):
        runs.begin_run(run, attempt=claim.attempt, request=None)
        servers, _ = chain.open_servers(run)
        workspace_id = bench.stage.workspace.id
        assert chain.turn_to(
            workspace_id=workspace_id, run_id=run.id, attempt=claim.attempt, endpoint=servers[1].endpoint
        )
        type(run).objects.filter(id=run.id).update(text="one two")
    sweep.close_expired_hold(hold_id=run.id, workspace_id=workspace_id, attempt=claim.attempt)
    played = bench.stage.result(run)
    assert (played.run.state, played.run.text) == ("failed", "one two")
    (entry,) = played.entries
    assert (entry.model, entry.cost_micro) == (SECOND, cost(SECOND, entry))


def test_attempt_that_starts_again_starts_with_the_first(bench):
    run = bench.ask(bench.assistant(FIRST, SECOND))
    claim = holds.claim(run.id, lease_s=0)
    workspace_id = bench.stage.workspace.id
    with enter(bench.stage.workspace):
        runs.begin_run(run, attempt=claim.attempt, request=None)
        servers, _ = chain.open_servers(run)
        chain.turn_to(
            workspace_id=workspace_id, run_id=run.id, attempt=claim.attempt, endpoint=servers[1].endpoint
        )
    bench.stage.execute(run)
    played = bench.stage.result(run)
    assert (played.run.attempt, played.run.served_as, played.entries[0].model) == (2, FIRST, FIRST)
    assert (played.hold.request["provider"], played.hold.request["model"]) == ("openai", FIRST)


def test_attempt_that_lost_its_lease_turns_to_nobody(bench):
    run = bench.ask(bench.assistant(FIRST, SECOND))
    old, new = holds.claim(run.id, lease_s=0), holds.claim(run.id)
    with enter(bench.stage.workspace):
        runs.begin_run(run, attempt=new.attempt, request=None)
        servers, _ = chain.open_servers(run)
    terms = {"workspace_id": bench.stage.workspace.id, "run_id": run.id, "endpoint": servers[1].endpoint}
    with pytest.raises(HoldLost):
        chain.turn_to(attempt=old.attempt, **terms)
    row = bench.stage.reload(run)
    assert (row.served_as, Hold.objects.get(id=run.id).request.get("model")) == (FIRST, None)
    assert chain.turn_to(attempt=new.attempt, **terms)
    assert bench.stage.reload(run).served_as == SECOND
    with enter(bench.stage.workspace):
        runs.finish_run(run_id=run.id, attempt=new.attempt, outcome=runs.Outcome(state="stopped"))


@pytest.mark.parametrize("scope", [Stop.Scope.MODEL, Stop.Scope.PROVIDER])
def test_server_that_is_stopped_is_not_turned_to(bench, scope):
    own = bench.own()
    target = own if scope == Stop.Scope.MODEL else "own:ours"
    stop = stops.set_stop(scope=scope, target=target, reason="Test", actor=audit.SYSTEM)
    try:
        played = bench.play(bench.assistant(FIRST, own), failing(3))
    finally:
        stops.lift_stop(stop_id=stop.id, actor=audit.SYSTEM)
    assert_ended(played, "failed", "provider_unavailable")
    assert models(played) == [(FIRST, "error")] * 3


def test_stop_of_what_answers_now_ends_the_run_and_one_of_another_does_not(bench):
    run = bench.ask(bench.assistant(FIRST, bench.own()))
    claim = holds.claim(run.id)
    with enter(bench.stage.workspace):
        runs.begin_run(run, attempt=claim.attempt, request=None)
        servers, _ = chain.open_servers(run)
    rows = [("openai", FIRST), ("own:ours", "ours/gpt-4o-mini")]
    assert [(each.endpoint.provider, each.endpoint.name) for each in servers] == rows
    row = Hold.objects.values("id", "workspace_id", "assistant_id", "model", "request").get(id=run.id)
    assert _is_covered(row, [(Stop.Scope.PROVIDER, "openai")])
    assert not _is_covered(row, [(Stop.Scope.PROVIDER, "own:ours")])
    workspace_id = bench.stage.workspace.id
    chain.turn_to(
        workspace_id=workspace_id, run_id=run.id, attempt=claim.attempt, endpoint=servers[1].endpoint
    )
    row = Hold.objects.values("id", "workspace_id", "assistant_id", "model", "request").get(id=run.id)
    assert not _is_covered(row, [(Stop.Scope.PROVIDER, "openai"), (Stop.Scope.MODEL, FIRST)])
    assert _is_covered(row, [(Stop.Scope.PROVIDER, "own:ours")])
    assert _is_covered(row, [(Stop.Scope.MODEL, "ours/gpt-4o-mini")])
    with enter(bench.stage.workspace):
        runs.stop_run(workspace_id=workspace_id, run=run)
        runs.finish_run(run_id=run.id, attempt=claim.attempt, outcome=runs.Outcome(state="stopped"))


def test_meters_of_a_chain_are_the_dearest_of_each():
    rates = [Rates({"input_tokens": 9, "output_tokens": 1}), Rates({"input_tokens": 2, "output_tokens": 5})]
    meters = estimate.chat_meters(kind="reply", input_tokens=10, rates=rates)
    assert meters["cost_micro"] == Amount(90, 5)
    unpriced = estimate.chat_meters(kind="reply", input_tokens=10, rates=[*rates, Rates({})])
    assert unpriced["cost_micro"] is None
    assert "cost_micro" not in estimate.chat_meters(kind="reply", input_tokens=10, rates=[])
