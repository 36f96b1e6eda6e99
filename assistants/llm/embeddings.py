"""Texts to vectors: OpenAI's `POST /embeddings`. Its callers hold what it costs (assistants/recall/embedding.py)."""

from dataclasses import dataclass
from typing import Protocol

import openai

from assistants.llm import client
from assistants.llm.errors import ProviderFailure, from_sdk


@dataclass(frozen=True)
class Embedded:
    """`input_tokens`: as the provider counted; None when it did not."""

    vectors: list[list[float]]
    input_tokens: int | None


class Embedder(Protocol):
    model: str

    def embed(self, texts: list[str]) -> Embedded:
        """One vector per text, in their order, all of one dimension. Raises ProviderFailure."""


class EndpointEmbedder:
    """OpenAI's `POST /embeddings`."""

    def __init__(self, model: str) -> None:
        self.model = model

    def embed(self, texts: list[str]) -> Embedded:
        try:
            answer = client.sync_client().embeddings.create(model=self.model, input=texts)
        except openai.OpenAIError as error:
            raise from_sdk(error) from error
        found = [row.embedding for row in sorted(answer.data, key=lambda row: row.index)]
        if len(found) != len(texts) or len({len(vector) for vector in found}) != 1:
            raise ProviderFailure("provider_protocol")
        return Embedded(found, answer.usage.prompt_tokens if answer.usage else None)
