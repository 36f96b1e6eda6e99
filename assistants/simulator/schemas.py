"""A valid instance of a JSON schema, the same each time for the same schema and hint."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from assistants.simulator import patterns, written
from assistants.simulator.errors import bad_request

# Below this depth only what is required is made, so that recursive schemas end.
DEEP = 6
DEEPEST = 40
FORMATS = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "simulated@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
PROSE = ("text", "content", "summary", "title", "fact", "memory", "description", "body", "question", "topic")


KEYWORDS = ("slot", "keyword", "label")
CERTAINTY = ("confidence", "certainty")
MOST_LISTED = 10


def make_instance(schema: dict[str, Any], *, hint: str = "", sentences: Sequence[str] = ()) -> Any:
    """`hint` (the question's first words) stands where a property asks for prose. An array of objects that have such a
    property gets an element for each of `sentences`.

    Raises ProviderError (400) for what cannot be satisfied, rather than answering with something invalid.
    """
    try:
        return _Maker(schema, hint, sentences).make(schema, "value", 0, 0)
    except (AttributeError, KeyError, TypeError, ZeroDivisionError) as error:
        # A schema is free text to us: keywords with values of a wrong type end here.
        raise bad_request("Invalid schema.", param="response_format") from error


class _Maker:
    def __init__(self, root: dict[str, Any], hint: str, sentences: Sequence[str]) -> None:
        self._root = root
        self._hint = hint
        self._sentences = sentences
        self._is_listed = False

    def make(self, node: Any, name: str, depth: int, nth: int) -> Any:
        """`nth` distinguishes the elements of one array."""
        if node is True or node == {}:
            return self._string({}, name, nth)
        if not isinstance(node, dict) or depth > DEEPEST:
            raise _unsupported(f"at {name!r}")
        node = self._resolve(node)
        allowed = [node["const"]] if "const" in node else node.get("enum")
        if allowed:
            return allowed[nth % len(allowed)]
        branches = node.get("anyOf") or node.get("oneOf")
        if branches:
            return self.make(self._choose(node, branches, depth), name, depth + 1, nth)
        return self._typed(node, name, depth, nth)

    def _typed(self, node: dict[str, Any], name: str, depth: int, nth: int) -> Any:
        match _type(node, depth):
            case "object":
                return self._object(node, depth)
            case "array":
                return self._array(node, name, depth)
            case "integer":
                return self._certainty(node, name) or _number(node, nth, whole=True)
            case "number":
                return _number(node, nth, whole=False)
            case "string":
                return self._string(node, name, nth)
            case "boolean" | "null" as kind:
                return nth % 2 == 0 if kind == "boolean" else None
        raise _unsupported(f"type at {name!r}")

    def _resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """Follows `$ref` inside the document and folds `allOf` into one schema."""
        for _ in range(DEEPEST):
            if "$ref" in node:
                rest = {key: value for key, value in node.items() if key != "$ref"}
                node = _merge([self._lookup(node["$ref"]), rest])
            elif "allOf" in node:
                rest = {key: value for key, value in node.items() if key != "allOf"}
                node = _merge([*(self._resolve(part) for part in node["allOf"]), rest])
            else:
                return node
        raise _unsupported("a reference that never ends")

    def _lookup(self, reference: str) -> dict[str, Any]:
        found: Any = self._root
        if not reference.startswith("#"):
            raise _unsupported(f"reference {reference!r}")
        for step in reference[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                raise bad_request(f"Invalid schema: {reference!r} leads nowhere.", param="response_format")
            found = found[key]
        if not isinstance(found, dict):
            raise _unsupported(f"reference {reference!r}")
        return found

    def _choose(self, node: dict[str, Any], branches: list[Any], depth: int) -> dict[str, Any]:
        """The first branch; deep down a branch that ends the recursion."""
        resolved = [self._resolve(branch) for branch in branches]
        ending = [
            each for each in resolved if each.get("type") not in ("object", "array") and "anyOf" not in each
        ]
        chosen = ending[0] if depth >= DEEP and ending else resolved[0]
        outer = {key: value for key, value in node.items() if key not in ("anyOf", "oneOf")}
        return _merge([outer, chosen])

    def _object(self, node: dict[str, Any], depth: int) -> dict[str, Any]:
        properties: dict[str, Any] = node.get("properties", {})
        required = node.get("required", [])
        names = [name for name in properties if depth < DEEP or name in required]
        names += [name for name in required if name not in properties]
        other = node.get("additionalProperties", {})
        made = {name: self.make(properties.get(name, other), name, depth + 1, 0) for name in names}
        for at in range(node.get("minProperties", 0) - len(made)):
            made[f"simulated_{at + 1}"] = self.make(other, "value", depth + 1, at)
        return made

    def _array(self, node: dict[str, Any], name: str, depth: int) -> list[Any]:
        fixed = node.get("prefixItems", [])
        least = node.get("minItems", 0)
        length = max(least, len(fixed)) or (1 if depth < DEEP else 0)
        length = min(length, node.get("maxItems", length))
        items = node.get("items", {})
        if not fixed and self._holds_files(items):
            return self._files(node, items, name, depth)
        if self._sentences and not fixed and not self._is_listed and self._holds_prose(items):
            return self._listed(node, items, name, depth)
        if self._is_listed and not fixed:
            length = least
        return [
            self.make(fixed[at] if at < len(fixed) else items, name.removesuffix("s"), depth + 1, at)
            for at in range(length)
        ]

    def _listed(self, node: dict[str, Any], items: Any, name: str, depth: int) -> list[Any]:
        """An element for each sentence; arrays within it hold no more than they must."""
        length = max(node.get("minItems", 0), len(self._sentences))
        length = min(length, node.get("maxItems", MOST_LISTED))
        hint, made = self._hint, []
        self._is_listed = True
        for at in range(length):
            self._hint = self._sentences[at % len(self._sentences)]
            made.append(self.make(items, name.removesuffix("s"), depth + 1, at))
        self._hint, self._is_listed = hint, False
        return made

    def _holds_files(self, items: Any) -> bool:
        properties = self._resolve(items).get("properties", {}) if isinstance(items, dict) else {}
        return all(properties.get(name) == {"type": "string"} for name in ("path", "content"))

    def _files(self, node: dict[str, Any], items: Any, name: str, depth: int) -> list[Any]:
        """Files that are what their names say, so that whoever checks them is not misled by the simulation."""
        wanted = written.make_files(self._hint, self._sentences)
        wanted = wanted[: max(node.get("maxItems", len(wanted)), node.get("minItems", 0))]
        return [
            self.make(items, name, depth + 1, at)
            | {"path": file.path, "content": file.content}
            | ({"language": file.language} if "language" in self._resolve(items)["properties"] else {})
            for at, file in enumerate(wanted)
        ]

    def _holds_prose(self, items: Any) -> bool:
        if not isinstance(items, dict):
            return False
        return any(name.lower() in PROSE for name in self._resolve(items).get("properties", {}))

    def _string(self, node: dict[str, Any], name: str, nth: int) -> str:
        least: int = node.get("minLength", 0)
        most: int | None = node.get("maxLength")
        if "pattern" in node:
            text = patterns.make_match(node["pattern"], least, most)
            if text is None:
                raise _unsupported(f"pattern {node['pattern']!r}")
            return text
        if node.get("format") in FORMATS:
            return str(FORMATS[node["format"]])
        text = self._words(name.lower()) or f"simulated {name}".replace("_", " ")
        text += f" {nth + 1}" if nth else ""
        # The number stays when a maximum cuts the text, so that elements stay different.
        text += "." * (least - len(text))
        if most is None or len(text) <= most:
            return text
        return text[len(text) - most :] if nth else text[:most]

    def _words(self, name: str) -> str:
        """What of the hint stands in a property of this name."""
        if name in PROSE:
            return self._hint
        if name not in KEYWORDS:
            return ""
        words = re.findall(r"\w+", self._hint.lower())
        longest = sorted(dict.fromkeys(words), key=len, reverse=True)[:2]
        return " ".join(word for word in dict.fromkeys(words) if word in longest)

    def _certainty(self, node: dict[str, Any], name: str) -> int:
        """The upper bound for a statement of three words or more; else 0, for the lower one."""
        states = len(self._hint.split()) > 2 and not self._hint.endswith("?")
        return int(node.get("maximum", 0)) if states and name.lower() in CERTAINTY else 0


def _type(node: dict[str, Any], depth: int) -> str:
    kind = node.get("type")
    if isinstance(kind, list):
        kind = (
            "null"
            if "null" in kind and depth >= DEEP
            else next((each for each in kind if each != "null"), "null")
        )
    if kind is None:
        hints = {"properties": "object", "required": "object", "items": "array", "prefixItems": "array"}
        hints |= {"minimum": "number", "maximum": "number", "multipleOf": "number"}
        kind = next((hints[key] for key in hints if key in node), "string")
    return str(kind)


def _merge(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for schema in schemas:
        properties = merged.get("properties", {}) | schema.get("properties", {})
        required = [*merged.get("required", []), *schema.get("required", [])]
        merged |= schema
        if properties:
            merged["properties"] = properties
        if required:
            merged["required"] = list(dict.fromkeys(required))
    return merged


def _number(node: dict[str, Any], nth: int, *, whole: bool) -> int | float:
    """The `nth` allowed number at or above the lower bound (at or below the upper one without it)."""
    step = node.get("multipleOf", 1)
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    least = max((each for each in (low, above) if each is not None), default=None)
    most = min((each for each in (high, below) if each is not None), default=None)
    if least is None:
        least = step if most is None or step <= most else math.floor(most / step) * step
    value = math.ceil(least / step) * step + nth * step
    value += step if above is not None and value <= above else 0
    value -= step if below is not None and most is not None and value >= below else 0
    if (
        not _in_range(value, low, high, above, below)
        and not whole
        and most is not None
        and "multipleOf" not in node
    ):
        value = (least + most) / 2
    if not _in_range(value, low, high, above, below):
        raise _unsupported("a range without a number in it")
    return int(value) if whole else value


def _in_range(
    value: float, low: float | None, high: float | None, above: float | None, below: float | None
) -> bool:
    return (
        (low is None or value >= low)
        and (high is None or value <= high)
        and (above is None or value > above)
        and (below is None or value < below)
    )


def _unsupported(what: str) -> Exception:
    return bad_request(f"The simulated provider cannot satisfy this schema: {what}.", param="response_format")
