"""`POST /v1/embeddings`."""

from typing import Any

from django.conf import settings

from accounts.requests import MemberRequest
from assistants.models import Run
from assistants.openai import bodies
from assistants.openai.making import Making
from assistants.runs import measures

MOST_TEXTS = 2048
MOST_TOKENS = 300_000
"""Of all texts of a call together, as OpenAI's."""
MOST_OF_ONE = 8192
MOST_DIMENSIONS = 4096
KNOWN = ("model", "input", "encoding_format", "dimensions", "user")


def read(request: MemberRequest) -> Making:
    """Raises InvalidRequest, ModelNotFound."""
    body = bodies.read(request)
    bodies.refuse_unknown(body, KNOWN)
    model = bodies.model_of(body, settings.EMBEDDING_MODELS)
    texts, token_lists = _inputs(body.get("input"))
    sent: dict[str, Any] = {
        "input": texts or token_lists,
        "encoding_format": bodies.one_of(body, "encoding_format", ("float", "base64"), "float"),
    }
    if body.get("dimensions") is not None:
        sent["dimensions"] = bodies.whole_number(body, "dimensions", 1, MOST_DIMENSIONS, 0)
    return Making(
        kind=Run.Kind.EMBEDDING,
        model=model,
        path=measures.EMBEDDINGS,
        body=sent,
        prompt=[{"role": "user", "content": text} for text in texts or [""]],
        reserved_tokens=sum(len(tokens) for tokens in token_lists),
        facts={measures.TEXTS: len(texts) + len(token_lists)},
    )


def _inputs(value: Any) -> tuple[list[str], list[list[int]]]:
    """(texts, lists of tokens): one of them is empty."""
    rows = [value] if isinstance(value, str) or _are_tokens(value) else value
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_TEXTS:
        raise bodies.wrong("input", f"must be a text, or a list of 1 to {MOST_TEXTS} texts")
    if all(isinstance(row, str) for row in rows):
        if not all(rows):
            raise bodies.wrong("input", "must not hold an empty text")
        return rows, []
    if not all(_are_tokens(row) for row in rows):
        raise bodies.wrong("input", "must hold texts only, or lists of tokens only")
    if any(len(row) > MOST_OF_ONE for row in rows) or sum(map(len, rows)) > MOST_TOKENS:
        raise bodies.wrong("input", f"has at most {MOST_OF_ONE} tokens each, {MOST_TOKENS} in all")
    return [], rows


def _are_tokens(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(token, int) and not isinstance(token, bool) and token >= 0 for token in value)
    )
