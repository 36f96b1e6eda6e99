"""A résumé's profile: the shape that a model is asked for, the check of what came, and how it reads."""

from typing import Any

MAX_ENTRIES = 40
MAX_SKILLS = 80
SHORT, LONG = 200, 1_500


TEXT = {"type": "string"}


def _entry(fields: dict[str, int]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(fields),
        "properties": dict.fromkeys(fields, TEXT),
    }


EXPERIENCE = {"role": SHORT, "organisation": SHORT, "period": SHORT, "summary": LONG}
EDUCATION = {"degree": SHORT, "institution": SHORT, "period": SHORT}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["summary", "experience", "skills", "education"],
    "properties": {
        "summary": TEXT,
        "experience": {"type": "array", "items": _entry(EXPERIENCE)},
        "skills": {"type": "array", "items": TEXT},
        "education": {"type": "array", "items": _entry(EDUCATION)},
    },
}
"""Without lengths and numbers, which providers refuse in strict schemas: `checked` looks after those."""
EMPTY: dict[str, Any] = {"summary": "", "experience": [], "skills": [], "education": []}


class BadProfile(ValueError):
    """What came is not of the shape that was asked for."""


def checked(found: Any, *, cut: bool = False) -> dict[str, Any]:
    """Exactly the schema's fields, each of its type. What is too long, or too many, is cut with `cut`, or refused.

    Raises BadProfile.
    """
    if not isinstance(found, dict) or set(found) != set(EMPTY):
        raise BadProfile("fields")
    return {
        "summary": _checked_text(found["summary"], LONG, cut),
        "experience": _checked_entries(found["experience"], EXPERIENCE, cut),
        "skills": _checked_skills(found["skills"], cut),
        "education": _checked_entries(found["education"], EDUCATION, cut),
    }


def _checked_text(value: Any, limit: int, cut: bool) -> str:
    if not isinstance(value, str):
        raise BadProfile("text")
    text = " ".join(value.replace("\x00", "").split())
    if len(text) > limit and not cut:
        raise BadProfile("too_long")
    return text[:limit]


def _checked_list(values: Any, most: int, cut: bool) -> list[Any]:
    if not isinstance(values, list):
        raise BadProfile("list")
    if len(values) > most and not cut:
        raise BadProfile("too_many")
    return values[:most]


def _checked_skills(values: Any, cut: bool) -> list[str]:
    found = [_checked_text(value, SHORT, cut) for value in _checked_list(values, MAX_SKILLS, cut)]
    return list(dict.fromkeys(skill for skill in found if skill))


def _checked_entries(values: Any, fields: dict[str, int], cut: bool) -> list[dict[str, str]]:
    """Those without a word are left out."""
    found = []
    for value in _checked_list(values, MAX_ENTRIES, cut):
        if not isinstance(value, dict) or set(value) != set(fields):
            raise BadProfile("entry")
        entry = {name: _checked_text(value[name], limit, cut) for name, limit in fields.items()}
        if any(entry.values()):
            found.append(entry)
    return found


def is_empty(profile: dict[str, Any]) -> bool:
    return not any(profile.get(name) for name in EMPTY)


def as_text(profile: dict[str, Any]) -> str:
    """Line by line, what matters most first: what does not fit into a prompt is cut from the end."""
    lines = [f"Summary: {profile['summary']}"] if profile.get("summary") else []
    if profile.get("skills"):
        lines.append("Skills: " + "; ".join(profile["skills"]))
    for entry in profile.get("experience", []):
        lines.append("Experience: " + _joined(entry, EXPERIENCE))
    for entry in profile.get("education", []):
        lines.append("Education: " + _joined(entry, EDUCATION))
    return "\n".join(lines)


def _joined(entry: dict[str, str], fields: dict[str, int]) -> str:
    return ", ".join(entry[name] for name in fields if entry.get(name))
