"""The models on offer: own names, and the real names that configurations and demo data use."""

from __future__ import annotations

from assistants.simulator.errors import ProviderError, model_not_found

CREATED = 1_735_689_600
CONTEXT_WINDOW = 128_000

MODELS: dict[str, frozenset[str]] = {
    "sim-small": frozenset({"chat"}),
    "sim-large": frozenset({"chat"}),
    "sim-embed": frozenset({"embedding"}),
    "sim-image": frozenset({"image"}),
    "sim-voice": frozenset({"speech", "transcription"}),
    "gpt-4o-mini": frozenset({"chat"}),
    "gpt-4o": frozenset({"chat"}),
    "gpt-4.1": frozenset({"chat"}),
    "gpt-4.1-mini": frozenset({"chat"}),
    "text-embedding-3-small": frozenset({"embedding"}),
    "text-embedding-3-large": frozenset({"embedding"}),
    "gpt-image-1": frozenset({"image"}),
    "tts-1": frozenset({"speech"}),
    "gpt-4o-mini-tts": frozenset({"speech"}),
    "whisper-1": frozenset({"transcription"}),
    "gpt-4o-mini-transcribe": frozenset({"transcription"}),
}

DIMENSIONS = {"sim-embed": 256, "text-embedding-3-small": 1536, "text-embedding-3-large": 3072}


def require(model: object, kind: str) -> str:
    """The model's id, or the error that OpenAI gives for an unknown model or one of another kind."""
    if not isinstance(model, str) or not model:
        raise ProviderError(400, "you must provide a model parameter", param="model")
    kinds = MODELS.get(model)
    if kinds is None:
        raise model_not_found(model)
    if kind not in kinds:
        message = f"The model `{model}` does not serve {kind} requests."
        raise ProviderError(404, message, code="model_not_found", param="model")
    return model


def describe(model: str) -> dict[str, object]:
    if model not in MODELS:
        raise model_not_found(model)
    return {"id": model, "object": "model", "created": CREATED, "owned_by": "simulated"}
