"""Simulated files of a program: few, small, each of them what its name says, and each says that it is simulated."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

NOTICE = "Simulated: no model was called."
WEB = re.compile(r"\b(web ?site|web ?page|landing page|html|css|javascript)\b", re.I)


class File(NamedTuple):
    path: str
    language: str
    content: str


def make_files(hint: str, sentences: Sequence[str] = ()) -> list[File]:
    """A web page where the question speaks of one, else a Python program."""
    topic = hint or "nothing in particular"
    made = _page(topic) if WEB.search(" ".join([hint, *sentences])) else _program(topic)
    return [*made, File("README.md", "markdown", f"# Simulated\n\n{NOTICE} It was asked for: {topic}\n")]


def _program(topic: str) -> list[File]:
    code = (
        f'"""{NOTICE}"""\n\nimport json\n\nTOPIC = {json.dumps(topic)}\n\n\n'
        'def main() -> None:\n    print(json.dumps({"simulated": True, "topic": TOPIC}))\n\n\n'
        'if __name__ == "__main__":\n    main()\n'
    )
    settings = json.dumps({"simulated": True, "topic": topic}, indent=2, ensure_ascii=False)
    return [File("main.py", "python", code), File("settings.json", "json", f"{settings}\n")]


def _page(topic: str) -> list[File]:
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Simulated</title>\n'
        '<link rel="stylesheet" href="style.css">\n</head>\n'
        f"<body>\n<main>\n<h1>{escape(topic)}</h1>\n<p>{NOTICE}</p>\n</main>\n"
        '<script src="script.js"></script>\n</body>\n</html>\n'
    )
    style = f"/* {NOTICE} */\nmain {{\n  max-width: 40rem;\n  margin: 0 auto;\n}}\n"
    script = f"// {NOTICE}\ndocument.title = {json.dumps(topic)};\n"
    return [
        File("index.html", "html", page),
        File("style.css", "css", style),
        File("script.js", "javascript", script),
    ]
