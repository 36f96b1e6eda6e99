"""A conversation set by Typst. Texts reach it as data (JSON in an input), never as markup: nothing in them is run."""

import json
from pathlib import Path
from typing import Any

import typst

FOLDER = Path(__file__).parent
CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))


def compose(document: dict[str, Any]) -> bytes:
    """The PDF of {title, facts, messages: [{author, role, moment, blocks}]}; `blocks` as in `blocks.py`.

    No file but the template is read, and nothing is asked of the network: the template uses no package.
    """
    text = json.dumps(document, ensure_ascii=False).translate(CONTROL)
    found = typst.compile(
        str(FOLDER / "conversation.typ"),
        root=str(FOLDER),
        format="pdf",
        sys_inputs={"document": text},
    )
    assert isinstance(found, bytes)
    return found
