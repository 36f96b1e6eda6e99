"""Programs that use a new key, ready to paste: they run as they are."""

import json
import shlex
from collections.abc import Collection
from dataclasses import dataclass

from accounts.permissions import Permission, permissions_of

CURL_CHAT = """\
export STEWARD_KEY={key}
curl {base_url}/v1/chat/completions \\
  -H "Authorization: Bearer $STEWARD_KEY" \\
  -H "Content-Type: application/json" \\
  -d {body}"""
CURL_MODELS = """\
export STEWARD_KEY={key}
curl {base_url}/v1/models -H "Authorization: Bearer $STEWARD_KEY\""""
BODY = """\
{{"model": {model},
       "messages": [{{"role": "user", "content": "What is a hold?"}}]}}"""
SDK = """\
import os
from openai import OpenAI

client = OpenAI(
    base_url="{base_url}/v1",
    api_key=os.environ["STEWARD_KEY"],
)
"""
SDK_CHAT = """\
answer = client.chat.completions.create(
    model={model},
    messages=[{{"role": "user", "content": "What is a hold?"}}],
)
print(answer.choices[0].message.content)"""
SDK_MODELS = """\
for model in client.models.list():
    print(model.id)"""


@dataclass(frozen=True)
class Example:
    title: str
    text: str


def examples_for(key: str, *, scopes: Collection[str], base_url: str, model: str) -> list[Example]:
    """A question if the key may ask, the list of models if it may read that, otherwise nothing."""
    quoted, allowed = json.dumps(model), permissions_of(scopes)
    if Permission.CHAT in allowed:
        curl, sdk = CURL_CHAT, SDK + SDK_CHAT
    elif Permission.VIEW in allowed:
        curl, sdk = CURL_MODELS, SDK + SDK_MODELS
    else:
        return []
    body = shlex.quote(BODY.format(model=quoted))
    return [
        Example("curl", curl.format(key=key, base_url=base_url, body=body)),
        Example("Python, with the openai package", sdk.format(base_url=base_url, model=quoted)),
    ]
