"""What goes wrong, as people read it and as CI reads it: the exit code."""

from typing import Any

OK, FINDING, USAGE, LIMIT, SIGNED_OUT, UNREACHABLE, REFUSED, SERVER = range(8)


class Refusal(Exception):  # noqa: N818  reads as what happened
    """`exit_code`: docs/cli.md lists them. `data`: the problem document, as the server sent it."""

    def __init__(self, message: str, exit_code: int, data: dict[str, Any] | None = None) -> None:
        self.message, self.exit_code, self.data = message, exit_code, data or {}
        super().__init__(message)


def of_answer(status: int, body: dict[str, Any]) -> Refusal:
    detail = str(body.get("detail") or body.get("title") or f"The server answered {status}.")
    lines = [detail, *map(_field, (body.get("fields") or {}).items()), *map(_limit, body.get("limits") or ())]
    if body.get("upgrade_url"):
        lines.append(f"Upgrade: {body['upgrade_url']}")
    if body.get("request_id"):
        lines.append(f"Request: {body['request_id']}")
    return Refusal("\n".join(lines), _exit_code(status), body)


def _exit_code(status: int) -> int:
    if status in (402, 429):
        return LIMIT
    if status == 401:
        return SIGNED_OUT
    if status in (400, 415, 422):
        return USAGE
    return SERVER if status >= 500 else REFUSED


def _field(entry: tuple[str, Any]) -> str:
    name, found = entry
    first = found[0] if isinstance(found, list) and found else found
    return f"  {name}: {first.get('message', first) if isinstance(first, dict) else first}"


def _limit(line: dict[str, Any]) -> str:
    """Which limit, how far it is, when it begins anew, and who may raise it."""
    parts = [f"  {line.get('meter', 'limit')}: limit {line.get('limit')}, used {line.get('used')}"]
    parts += [f"held {line['held']}"] if line.get("held") else []
    parts += [f"resets at {line['resets_at']}"] if line.get("resets_at") else []
    parts += [f"can be raised by {line['who_can_raise']}"] if line.get("who_can_raise") else []
    return ", ".join(parts)
