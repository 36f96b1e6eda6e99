"""Who speaks to the product: a key over REST, a person with a session. Plain HTTP, nothing of the product's code."""

import re
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import httpx2
import openai

from tests.live.viewers import Transcript, Viewer
from tests.patience import PATIENCE_S


@dataclass(frozen=True)
class Turn:
    conversation: str
    question: str
    answer: str
    run: str
    events_url: str
    key: str
    """Finds the run's requests in the simulator's book."""


@dataclass(frozen=True)
class Asked:
    """A question on the page."""

    page_url: str
    events_url: str
    run: str


class KeyCaller:
    """Holds an API key."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self.id = ""
        """Of a key that a test made."""
        self.headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx2.Client(base_url=url, headers=self.headers, timeout=PATIENCE_S)

    def ask(self, text: str, **steering: Any) -> Turn:
        """A new conversation. `steering`: the simulator's directives."""
        key = uuid4().hex
        answer = self.http.post("/api/v1/conversations", json={"text": steer(text, key=key, **steering)})
        assert answer.status_code == 201, answer.text
        return Turn(key=key, **answer.json())

    def run(self, run_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/api/v1/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def stop(self, run_id: str) -> None:
        assert self.http.post(f"/api/v1/runs/{run_id}/stop").status_code == 204

    def watch(self, turn: Turn, *, known: Transcript | None = None, **more: Any) -> Viewer:
        viewer = Viewer(self.url + turn.events_url, self.headers, known=known, **more)
        viewer.start()
        return viewer

    def make_key(self, **more: Any) -> tuple[str, Self]:
        answer = self.http.post("/api/v1/keys", json={"name": "t", "scopes": ["view", "chat"], **more})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], type(self)(self.url, answer.json()["key"])

    def openai(self, **more: Any) -> openai.OpenAI:
        return openai.OpenAI(api_key=self.key, base_url=f"{self.url}/v1", timeout=PATIENCE_S, **more)


class Person:
    """Signed in by the page's own form."""

    def __init__(self, url: str, workspace: str, email: str, password: str) -> None:
        self.url = url
        self.workspace = workspace
        self.http = httpx2.Client(base_url=url, timeout=PATIENCE_S)
        self.post("/accounts/login/", {"login": email, "password": password}, form="/accounts/login/")
        assert "session" in self.http.cookies

    def post(self, path: str, data: dict[str, Any], *, form: str) -> httpx2.Response:
        """Sends the form that stands on the page `form`."""
        page = self.http.get(form)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert found, f"{form} has no form: {page.status_code}"
        answer = self.http.post(
            path, data={**data, "csrfmiddlewaretoken": found[1]}, headers={"Referer": f"{self.url}{form}"}
        )
        assert answer.status_code < 400, (path, answer.status_code, answer.text[:500])
        return answer

    def ask(self, text: str, **steering: Any) -> Asked:
        """Starts a conversation by the session, as a script of the page would; then its pages are this person's."""
        headers = {"X-Workspace": self.workspace, "X-CSRFToken": self.http.cookies["csrf"]}
        answer = self.http.post(
            "/api/v1/conversations",
            json={"text": steer(text, **steering)},
            headers={**headers, "Referer": self.url},
        )
        assert answer.status_code == 201, answer.text
        turn, chat = answer.json(), f"/w/{self.workspace}/chat"
        return Asked(f"{chat}/{turn['conversation']}/", f"{chat}/runs/{turn['run']}/events/", turn["run"])

    def watch(self, asked: Asked, **more: Any) -> Viewer:
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        viewer = Viewer(self.url + asked.events_url, {"Cookie": cookies}, **more)
        viewer.start()
        return viewer


def steer(text: str, **steering: Any) -> str:
    """`steer("Hi", tokens=20, rate=0)`: the question with its directive lines; `exact` is an answer word by word."""
    exact = steering.pop("exact", None)
    lines = [text, *(f"/sim {name}={value}" for name, value in steering.items())]
    if exact is not None:
        lines += ["/sim text<<THE-END", exact, "THE-END"]
    return "\n".join(lines)
