"""`/v1/` besides chat, by OpenAI's own SDK: a real server, a worker, and the simulated provider behind it."""

import base64
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import openai
import pytest
from django.core import signing
from django.core.files.storage import default_storage
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts import services as accounts_services
from assistants.models import Run
from assistants.openai import pictures
from assistants.runs import measures, parcels
from assistants.simulator import audio
from tenants.scope import enter
from tests import factories
from tests.assistants.streams import wait_until
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


# pictures


def test_pictures_are_made_and_priced_by_size_and_quality(sdk, last):
    answer = sdk.images.generate(
        model="gpt-image-1", prompt="A fox", n=2, size="1024x1536", quality="low", response_format="b64_json"
    )
    assert [base64.b64decode(row.b64_json)[:4] for row in answer.data] == [b"\x89PNG"] * 2
    run, hold, entry = last("image")
    assert (entry.images, entry.cost_micro, entry.variant) == (2, 2 * 16_000, "1024x1536/low")
    assert (hold.state, run.state, entry.is_estimated, entry.messages) == ("settled", "done", False, 0)
    assert run.receipt_id is not None


def test_what_is_left_open_is_decided_before_it_is_held(sdk, last):
    sdk.images.generate(prompt="A fox", size="auto", quality="auto")
    run, _, entry = last("image")
    assert (run.model, entry.variant, entry.cost_micro) == ("gpt-image-1", "1024x1024/medium", 42_000)


def test_picture_by_its_address_is_the_same_until_the_hour_is_over(sdk, web, last, monkeypatch):
    (row,) = sdk.images.generate(prompt="A fox", size="1024x1024", response_format="url").data
    assert row.b64_json is None
    path = row.url.partition("/made/")[2]
    found = httpx2.get(f"{web}/made/{path}", timeout=20)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/png")
    assert found.content[:4] == b"\x89PNG"
    assert httpx2.get(f"{web}/made/{path[:-2]}/", timeout=20).status_code == 404, "a changed one"
    run, _, _ = last("image")
    forged = signing.dumps(["0" * 32, str(run.id), run.attempt, 0], salt=pictures.SALT)
    assert httpx2.get(f"{web}/made/{forged}/", timeout=20).status_code == 404, "of another workspace"
    monkeypatch.setattr(parcels, "LINK_S", -1)
    assert httpx2.get(f"{web}/made/{path}", timeout=20).status_code == 404


# sound


def test_speech_is_measured_and_charged_by_what_it_lasts(sdk, last):
    answer = sdk.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input="One two three")
    assert answer.content == audio.MP3_FRAME * 25
    assert answer.response.headers["content-type"] == "audio/mpeg"
    run, hold, entry = last("speech")
    assert (entry.audio_out_ms, entry.is_estimated) == (25 * 36, False)
    assert entry.cost_micro == 225
    assert hold.state == "settled"
    assert run.receipt_id is not None


@pytest.mark.parametrize("form", ["wav", "pcm"])
def test_speech_in_other_formats_is_measured_too(sdk, last, form):
    options = {"model": "gpt-4o-mini-tts", "voice": "alloy", "response_format": form}
    with sdk.audio.speech.with_streaming_response.create(input="One two three", **options) as answer:
        assert b"".join(answer.iter_bytes())
    assert last("speech")[2].audio_out_ms == 900


def test_speech_that_cannot_be_measured_is_charged_as_held(sdk, last, monkeypatch):
    monkeypatch.setattr(measures.sounds, "duration_ms", lambda content: None)
    sdk.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input="One two")
    _, _, entry = last("speech")
    assert (entry.audio_out_ms, entry.is_estimated) == (2000 + 7 * 200, True)


def sound(text: str = "Good morning", words: int = 4) -> bytes:
    return audio.make_wav(bytes(24 * 2 * 300 * words), text)


@pytest.mark.parametrize("form", ["json", "text", "verbose_json"])
def test_transcription_in_each_form_is_charged_by_what_was_heard(sdk, last, form):
    answer = sdk.audio.transcriptions.create(
        model="whisper-1", file=("talk.wav", sound()), response_format=form, language="en"
    )
    assert (answer if form == "text" else answer.text).strip() == "Good morning"
    if form == "verbose_json":
        assert answer.duration == pytest.approx(1.2)
    run, hold, entry = last("transcription")
    assert (entry.audio_in_ms, entry.is_estimated, entry.cost_micro) == (1200, False, 120)
    assert (hold.state, run.text.strip()) == ("settled", "Good morning")


def test_upload_is_gone_when_its_run_has_ended(sdk, last, acme):
    sdk.audio.transcriptions.create(model="whisper-1", file=("talk.wav", sound()))
    run, _, _ = last("transcription")
    name = run.request["call"]["upload"]
    assert name.startswith(f"workspaces/{acme.id}/calls/")
    wait_until(lambda: not default_storage.exists(name), "the file stayed")


def test_sound_that_nobody_can_measure_is_charged_as_the_provider_says_or_as_held(sdk, last):
    strange = b"\x00\x01" * 8000
    sdk.audio.transcriptions.create(
        model="whisper-1", file=("talk.xyz", strange), response_format="verbose_json"
    )
    assert (last("transcription")[2].audio_in_ms, last("transcription")[2].is_estimated) == (1000, False)
    sdk.audio.transcriptions.create(model="whisper-1", file=("talk.xyz", strange), response_format="text")
    assert (last("transcription")[2].audio_in_ms, last("transcription")[2].is_estimated) == (16000, True)


# ends of another kind


@pytest.fixture
def begun(sdk, acme):
    """A picture that takes its time, asked for in a thread: its run, and what the call raised or returned."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(sdk.images.generate, prompt=f"A fox {uuid4()}\n/sim delay_ms=8000")

        def running() -> bool:
            with enter(acme):
                return Run.objects.filter(kind="image", state="running").exists()

        wait_until(running, "nothing was begun")
        with enter(acme):
            yield Run.objects.get(kind="image", state="running"), asked


def test_stopped_call_is_an_error_and_charges_nothing(begun, web, key):
    run, asked = begun
    headers = {"Authorization": f"Bearer {key}"}
    stop = httpx2.post(f"{web}/api/v1/runs/{run.id}/stop", headers=headers, timeout=20)
    assert stop.status_code == 204
    raised = asked.exception(timeout=20)
    assert (type(raised), raised.code) == (openai.ConflictError, "run_stopped")
    assert Hold.objects.get(id=run.id).state == "released"
    assert not LedgerEntry.objects.filter(hold_id=run.id).exists()


def test_revoked_key_ends_the_call_that_waits(begun, owner):
    run, asked = begun
    accounts_services.revoke_api_key(member=owner.member, key_id=Hold.objects.get(id=run.id).api_key_id)
    raised = asked.exception(timeout=20)
    assert type(raised) in (openai.AuthenticationError, openai.PermissionDeniedError)
    assert not LedgerEntry.objects.filter(hold_id=run.id).exists()


def test_answer_that_is_lost_on_its_way_says_what_it_cost(sdk, last, monkeypatch):
    monkeypatch.setattr(parcels, "take", lambda **place: None)
    with pytest.raises(openai.InternalServerError) as raised:
        sdk.embeddings.create(model=VECTORS, input="Fox")
    run, _, entry = last("embedding")
    assert raised.value.code == "answer_gone"
    assert raised.value.body["charged"]["receipt"] == str(run.receipt_id)
    assert raised.value.body["charged"]["cost_micro"] == entry.cost_micro


def test_answer_that_cannot_be_handed_over_is_not_charged(sdk, acme, monkeypatch):
    async def away(*args, **fields) -> None:
        raise RedisConnectionError("away")

    monkeypatch.setattr(parcels, "leave", away)
    before = LedgerEntry.objects.count()
    with pytest.raises(openai.InternalServerError) as raised:
        sdk.embeddings.create(model=VECTORS, input="Fox")
    assert raised.value.code == "internal"
    assert LedgerEntry.objects.count() == before
