"""The frame of a chat on another site, without a browser."""

import json

from tests import factories


class Frame:
    """What the frame on a site does, as one visitor."""

    def __init__(self, public_id: str) -> None:
        self.base, self.client = f"/embed/{public_id}/", factories.browser()
        self.token = ""

    def come(self) -> "Frame":
        self.token = self.client.post(self.base + "visitor").json()["visitor"]
        return self

    def get(self, path: str, **headers):
        return self.client.get(self.base + path, headers={"X-Visitor": self.token} | headers)

    def post(self, path: str, body: dict | None = None, **headers):
        return self.client.post(
            self.base + path,
            json.dumps(body or {}),
            content_type="application/json",
            headers={"X-Visitor": self.token} | headers,
        )

    def ask(self, text: str = "What do you sell?", **body):
        return self.post("messages", {"text": text} | body)
