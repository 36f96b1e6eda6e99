import base64
import io
import struct
import wave
import zlib

import openai
import pytest


def cosine(first, second):
    return sum(a * b for a, b in zip(first, second, strict=True))


def read_png(content):
    """Checks signature, every checksum and the pixel data; returns size and chunks."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", content, at + 8 + length)[0] == zlib.crc32(kind + data)
        chunks.append((kind, data))
        at += 12 + length
    width, height = struct.unpack_from(">II", chunks[0][1])
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    assert len(pixels) == (width + 1) * height
    return (width, height), chunks, pixels


def test_embeddings_are_deterministic_unit_vectors(simulator):
    answer = simulator.client.embeddings.create(model="text-embedding-3-small", input="Hello world")
    again = simulator.client.embeddings.create(
        model="text-embedding-3-small", input=["Other", "Hello world"], encoding_format="float"
    )
    vector = answer.data[0].embedding
    assert len(vector) == 1536
    assert vector == pytest.approx(again.data[1].embedding, abs=1e-6)
    assert cosine(vector, vector) == pytest.approx(1, abs=1e-5)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 2


def test_near_texts_have_near_vectors(simulator):
    texts = [
        "How long does a refund take at Acme?",
        "Acme refunds: the time a refund takes",
        "The cat sleeps on the warm roof",
    ]
    found = simulator.client.embeddings.create(model="sim-embed", input=texts, dimensions=128)
    refund, same, other = (each.embedding for each in found.data)
    assert len(refund) == 128
    assert cosine(refund, same) > 0.4
    assert cosine(refund, other) < 0.25


def test_embeddings_of_tokens_are_those_of_their_text(simulator):
    tokens = [13225, 2375]
    by_text = simulator.client.embeddings.create(model="sim-embed", input="Hello world")
    by_tokens = simulator.client.embeddings.create(model="sim-embed", input=tokens)
    assert by_text.data[0].embedding == by_tokens.data[0].embedding


@pytest.mark.parametrize(
    "change", [{"input": ""}, {"input": []}, {"dimensions": 0}, {"dimensions": 9999}, {"input": "x " * 9000}]
)
def test_bad_embedding_requests_are_refused(simulator, change):
    with pytest.raises(openai.BadRequestError):
        simulator.client.embeddings.create(**({"model": "sim-embed", "input": "x"} | change))


def test_an_image_is_a_valid_png_of_the_size_with_the_word_on_it(simulator):
    answer = simulator.client.images.generate(model="gpt-image-1", prompt="A red fox", size="1536x1024", n=2)
    images = [base64.b64decode(each.b64_json) for each in answer.data]
    size, chunks, pixels = read_png(images[0])
    assert size == (1536, 1024)
    assert (b"tEXt", b"Software\0simulated") in chunks
    middle = pixels[512 * 1537 + 1 : 513 * 1537]
    assert 0.05 < middle.count(255) / len(middle) < 0.6
    assert images[0] != images[1]
    assert answer.usage.output_tokens == 2 * 1056 * 3 // 2
    assert simulator.totals()["images"] == 2
    again = simulator.client.images.generate(model="gpt-image-1", prompt="A red fox", size="1536x1024")
    assert base64.b64decode(again.data[0].b64_json) == images[0]


def test_small_images_are_valid_too(simulator):
    answer = simulator.client.images.generate(model="sim-image", prompt="x", size="16x1")
    assert read_png(base64.b64decode(answer.data[0].b64_json))[0] == (16, 1)


@pytest.mark.parametrize("change", [{"size": "9999x1"}, {"size": "big"}, {"n": 11}, {"prompt": ""}])
def test_bad_image_requests_are_refused(simulator, change):
    with pytest.raises(openai.BadRequestError):
        simulator.client.images.generate(**({"model": "sim-image", "prompt": "x"} | change))


def test_spoken_wav_can_be_read_and_transcribed_back(simulator):
    text = "Guten Tag, wie geht’s?"
    speech = simulator.client.audio.speech.create(
        model="tts-1", voice="alloy", input=text, response_format="wav"
    )
    with wave.open(io.BytesIO(speech.content)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getnframes()) == (24_000, 1, 4 * 7_200)
        assert any(sound.readframes(3_000))
    heard = simulator.client.audio.transcriptions.create(model="whisper-1", file=("a.wav", speech.content))
    assert heard.text == text
    assert simulator.totals()["audio_ms"] == 2 * 1_200
    assert simulator.totals()["characters"] == len(text)


def test_spoken_mp3_is_whole_frames_and_pcm_is_samples(simulator):
    speak = simulator.client.audio.speech.create
    sound = speak(model="sim-voice", voice="alloy", input="one two three").content
    assert len(sound) % 144 == 0
    assert all(sound[at : at + 4] == b"\xff\xfb\x18\xc0" for at in range(0, len(sound), 144))
    samples = speak(model="sim-voice", voice="alloy", input="one two", response_format="pcm").content
    assert len(samples) == 2 * 7_200 * 2


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("text", "Simulated transcription of note.mp3"),
        ("srt", "1\n00:00:00,000 --> "),
        ("vtt", "WEBVTT\n\n00:00:00.000"),
    ],
)
def test_a_foreign_recording_has_a_deterministic_text(simulator, form, start):
    transcribe = simulator.client.audio.transcriptions.create
    heard = transcribe(model="whisper-1", file=("note.mp3", b"\r\n--x\r\n" * 4000), response_format=form)
    assert str(heard).startswith(start)
    verbose = transcribe(model="whisper-1", file=("note.mp3", b"\0" * 32_000), response_format="verbose_json")
    assert (verbose.text, verbose.duration) == ("Simulated transcription of note.mp3, 2.0 seconds.", 2.0)


def test_faults_reach_every_kind_of_work(simulator):
    client = simulator.client
    attempts = [
        lambda: client.embeddings.create(model="sim-embed", input="/sim fault=500"),
        lambda: client.images.generate(model="sim-image", prompt="/sim fault=500"),
        lambda: client.audio.speech.create(model="sim-voice", voice="alloy", input="/sim fault=500"),
        lambda: client.audio.transcriptions.create(
            model="sim-voice", file=("a", b"x"), prompt="/sim fault=500"
        ),
    ]
    for attempt in attempts:
        with pytest.raises(openai.InternalServerError):
            attempt()
    assert simulator.totals()["error"] == 4
    assert simulator.totals()["images"] == simulator.totals()["audio_ms"] == 0
