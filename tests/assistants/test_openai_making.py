"""`/v1/` besides chat, with OpenAI's own SDK, over a real server, with a worker and the simulated provider behind it."""

import openai
import pytest

from assistants.models import Run
from tenants.scope import enter
from tests import factories
from usage.models import Hold, LedgerEntry

VECTORS = "text-embedding-3-small"


@pytest.fixture
def key(committed, owner) -> str:
    return factories.make_key(owner.member)


@pytest.fixture
def sdk(web, worker, key) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{web}/v1", api_key=key, max_retries=0, timeout=20)


@pytest.fixture
def last(acme):
    """The newest run of a kind, with its hold and its one ledger entry."""

    def last(kind: str) -> tuple[Run, Hold, LedgerEntry]:
        with enter(acme):
            run = Run.objects.filter(kind=kind).latest("created_at")
        return run, Hold.objects.get(id=run.id), LedgerEntry.objects.get(hold_id=run.id)

    return last


# vectors


def test_texts_get_their_vectors_and_are_charged_once(sdk, last):
    answer = sdk.embeddings.create(model=VECTORS, input=["A red fox", "A red fox", "Tax law"], dimensions=64)
    assert [row.index for row in answer.data] == [0, 1, 2]
    assert {len(row.embedding) for row in answer.data} == {64}
    assert answer.data[0].embedding == answer.data[1].embedding != answer.data[2].embedding
    run, hold, entry = last("embedding")
    assert (run.state, hold.state, entry.kind) == ("done", "settled", "settlement")
    assert entry.input_tokens == answer.usage.prompt_tokens == run.input_tokens
    assert (entry.is_estimated, entry.messages, entry.output_tokens) == (False, 0, 0)
    assert entry.cost_micro == -(-answer.usage.prompt_tokens * 20_000 // 1_000_000)
    assert run.receipt_id is not None
    assert run.sent["hash"], "the receipt names what was asked"


def test_plain_numbers_and_base64_are_the_same_vector(sdk, web, key):
    numbers = sdk.embeddings.create(model=VECTORS, input="Fox", dimensions=16, encoding_format="float")
    packed = sdk.embeddings.create(model=VECTORS, input="Fox", dimensions=16)
    assert packed.data[0].embedding == pytest.approx(numbers.data[0].embedding, abs=1e-6)


def test_lists_of_tokens_are_taken(sdk, last):
    answer = sdk.embeddings.create(model=VECTORS, input=[[13225], [13225, 2375]], dimensions=8)
    assert len(answer.data) == 2
    assert last("embedding")[2].input_tokens == answer.usage.prompt_tokens == 3


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("400", openai.BadRequestError, "provider_refused_request"),
        ("500", openai.InternalServerError, "provider_unavailable"),
        ("429 retry_after=60", openai.RateLimitError, "provider_busy"),
    ],
)
def test_failure_of_the_provider_is_raised_and_uncharged(sdk, acme, fault, error, code):
    before = LedgerEntry.objects.count()
    with pytest.raises(error) as raised:
        sdk.embeddings.create(model=VECTORS, input=f"Fox\n/sim fault={fault}")
    assert (raised.value.code, raised.value.body["charged"]) == (code, None)
    assert LedgerEntry.objects.count() == before
    with enter(acme):
        run = Run.objects.filter(kind="embedding").latest("created_at")
    assert Hold.objects.get(id=run.id).state == "released"
