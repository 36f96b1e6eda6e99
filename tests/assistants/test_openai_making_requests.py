"""`/v1/` besides chat: which requests are refused, and that nothing came of them."""

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from assistants.models import Run
from assistants.openai import audio
from assistants.runs import uploads
from tenants.keys import folder_name
from tenants.scope import workspace_scope
from tests import factories
from usage import prices
from usage.features.keys import Feature
from usage.models import Hold, Price

VECTORS, PICTURES = "/v1/embeddings", "/v1/images/generations"
SPEECH, HEARD = "/v1/audio/speech", "/v1/audio/transcriptions"
GOOD = {
    VECTORS: {"model": "text-embedding-3-small", "input": "Fox"},
    PICTURES: {"model": "gpt-image-1", "prompt": "A fox"},
    SPEECH: {"model": "gpt-4o-mini-tts", "input": "Fox", "voice": "alloy"},
    HEARD: {"model": "whisper-1", "file": b"sound"},
}
KINDS = {VECTORS: "embedding", PICTURES: "image", SPEECH: "speech", HEARD: "transcription"}


@pytest.fixture
def client(db, owner):
    return factories.with_key(factories.make_key(owner.member))


def post(client, path, body):
    if path != HEARD:
        return client.post(path, body, content_type="application/json")
    files = {
        name: SimpleUploadedFile("talk.wav", value) if isinstance(value, bytes) else value
        for name, value in body.items()
    }
    return client.post(path, files)


def list_uploads(acme) -> list[str]:
    try:
        return default_storage.listdir(f"{folder_name(acme.id)}/{uploads.FOLDER}")[1]
    except FileNotFoundError:
        return []


@pytest.fixture(autouse=True)
def no_uploads(acme):
    """Files are not rolled back."""
    yield
    for name in list_uploads(acme):
        uploads.delete(f"{folder_name(acme.id)}/{uploads.FOLDER}/{name}")


def assert_nothing_came_of_it(acme):
    with workspace_scope(acme.id):
        assert Run.objects.count() == 0
    assert Hold.objects.filter(workspace_id=acme.id).count() == 0
    assert list_uploads(acme) == []


@pytest.mark.parametrize("path", GOOD)
def test_what_is_not_refused_is_a_run_and_a_hold(client, acme, path):
    """The control of what follows."""
    assert post(client, path, GOOD[path]).status_code == 200
    with workspace_scope(acme.id):
        (run,) = Run.objects.all()
    assert (run.kind, Hold.objects.get(id=run.id).state) == (KINDS[path], "held")
    assert len(list_uploads(acme)) == (1 if path == HEARD else 0)


@pytest.mark.parametrize(
    ("path", "feature"),
    [(PICTURES, Feature.IMAGES), (SPEECH, Feature.VOICE), (HEARD, Feature.VOICE)],
)
def test_plan_without_it_refuses_pictures_and_sound(client, acme, path, feature):
    factories.give_rights(acme.id, *(set(Feature.values) - {feature}))
    response = post(client, path, GOOD[path])
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["feature"]) == (429, "insufficient_quota", feature)
    assert response["x-should-retry"] == "false"
    assert_nothing_came_of_it(acme)
    factories.give_rights(acme.id, feature, Feature.API_ACCESS, Feature.CLOUD_MODELS)
    assert post(client, path, GOOD[path]).status_code == 200


REFUSED = [
    (VECTORS, {"input": ""}, "input"),
    (VECTORS, {"input": []}, "input"),
    (VECTORS, {"input": ["Fox", ""]}, "input"),
    (VECTORS, {"input": ["Fox", [1]]}, "input"),
    (VECTORS, {"input": ["Fox"] * 2049}, "input"),
    (VECTORS, {"input": [[1] * 8193]}, "input"),
    (VECTORS, {"input": [[-1]]}, "input"),
    (VECTORS, {"input": {"text": "Fox"}}, "input"),
    (VECTORS, {"dimensions": 0}, "dimensions"),
    (VECTORS, {"dimensions": True}, "dimensions"),
    (VECTORS, {"encoding_format": "hex"}, "encoding_format"),
    (VECTORS, {"surprise": 1}, "surprise"),
    (PICTURES, {"prompt": " "}, "prompt"),
    (PICTURES, {"prompt": "x" * 32_001}, "prompt"),
    (PICTURES, {"n": 0}, "n"),
    (PICTURES, {"n": 11}, "n"),
    (PICTURES, {"size": "12x12"}, "size"),
    (PICTURES, {"size": 1024}, "size"),
    (PICTURES, {"quality": "hd"}, "quality"),
    (PICTURES, {"response_format": "svg"}, "response_format"),
    (PICTURES, {"output_format": "svg"}, "output_format"),
    (PICTURES, {"stream": True}, "stream"),
    (SPEECH, {"input": "x" * 4097}, "input"),
    (SPEECH, {"input": None}, "input"),
    (SPEECH, {"voice": None}, "voice"),
    (SPEECH, {"speed": 0.2}, "speed"),
    (SPEECH, {"speed": 5}, "speed"),
    (SPEECH, {"response_format": "midi"}, "response_format"),
    (SPEECH, {"stream_format": "sse"}, "stream_format"),
    (HEARD, {"response_format": "xml"}, "response_format"),
    (HEARD, {"temperature": "2"}, "temperature"),
    (HEARD, {"temperature": "warm"}, "temperature"),
    (HEARD, {"language": "../en"}, "language"),
    (HEARD, {"stream": "true"}, "stream"),
    (HEARD, {"timestamp_granularities[]": "year"}, "timestamp_granularities[]"),
    (HEARD, {"file": "text"}, "file"),
    (HEARD, {"surprise": "1"}, "surprise"),
]


@pytest.mark.parametrize(("path", "change", "param"), REFUSED)
def test_wrong_field_is_named(client, acme, path, change, param):
    response = post(client, path, {**GOOD[path], **change})
    assert (response.status_code, response["x-should-retry"]) == (400, "false")
    error = response.json()["error"]
    assert (error["code"], error["type"], error["param"]) == (
        "invalid_request",
        "invalid_request_error",
        param,
    )
    assert_nothing_came_of_it(acme)


@pytest.mark.parametrize("path", GOOD)
def test_model_of_another_kind_is_not_found(client, acme, path):
    response = post(client, path, {**GOOD[path], "model": "gpt-4o"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")
    assert_nothing_came_of_it(acme)


def test_file_that_is_too_large_is_refused(client, acme, monkeypatch):
    monkeypatch.setattr(audio, "MOST_UPLOAD", 4)
    response = post(client, HEARD, GOOD[HEARD])
    assert (response.status_code, response.json()["error"]["code"]) == (413, "file_too_large")
    assert_nothing_came_of_it(acme)


METERS = {
    VECTORS: ("tokens", 1),
    PICTURES: ("images", 0),
    SPEECH: ("audio_out_ms", 2599),
    HEARD: ("audio_in_ms", 4),
}


@pytest.mark.parametrize("path", GOOD)
def test_limit_of_its_meter_refuses_it_and_keeps_nothing(client, acme, path):
    meter, amount = METERS[path]
    factories.give_limits(acme.id, (meter, "month", amount))
    response = post(client, path, GOOD[path])
    assert (response.status_code, response["x-should-retry"]) == (429, "false")
    error = response.json()["error"]
    assert (error["code"], error["limits"][0]["meter"]) == ("insufficient_quota", meter)
    assert_nothing_came_of_it(acme)
    factories.give_limits(acme.id, (meter, "month", 10**6))
    assert post(client, path, GOOD[path]).status_code == 200


@pytest.mark.parametrize("path", GOOD)
def test_model_without_a_price_is_refused_where_money_is_limited(client, acme, path):
    Price.objects.filter(model=GOOD[path]["model"]).delete()
    prices.forget()
    factories.give_limits(acme.id, ("cost_micro", "month", 10**9))
    response = post(client, path, GOOD[path])
    assert response.status_code == 429
    assert response.json()["error"]["message"].startswith("This model has no price here")
    assert_nothing_came_of_it(acme)
    factories.give_limits(acme.id, ("messages", "month", 10**9))
    assert post(client, path, GOOD[path]).status_code == 200
