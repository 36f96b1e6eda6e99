"""What an assistant's answer cites: beside its text, where `[1]` stands, in a field that OpenAI's protocol has not."""

from typing import Any

from assistants.documents import citing
from assistants.models import Run


def of_run(run: Run) -> list[dict[str, Any]]:
    """By number, those that its text names."""
    named = citing.cited(run.text)
    rows = [item for item in run.context.get("used", ()) if item.get("kind") == "passage"]
    return [
        {
            "number": row["n"],
            "document": row["document"],
            "passage": row["id"],
            "name": row["name"],
            "page": row["page"] or None,
            "heading": row.get("heading", ""),
        }
        for row in sorted(rows, key=lambda row: row["n"])
        if row["n"] in named
    ]
