"""Parameters of a request: form fields with brackets become nested values, and are read with their types checked."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from billing.simulator.core.errors import Json, Refused, invalid, required, unknown

BIGGEST_AMOUNT = 99_999_999


def decode(text: str) -> Json:
    """`a[b][0]=1&c=2` as {"a": {"b": ["1"]}, "c": "2"}."""
    found: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        _place(found, _path(name), value)
    return {name: _with_lists(value) for name, value in found.items()}


def _path(name: str) -> list[str]:
    head, *rest = name.replace("]", "").split("[")
    return [head, *rest]


def _place(into: Json, path: list[str], value: str) -> None:
    *parents, last = path
    for part in parents:
        inner = into.setdefault(part, {})
        if not isinstance(inner, dict):
            raise invalid("Invalid request: a parameter is both a value and a hash.", param=path[0])
        into = inner
    into[last or str(len(into))] = value


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _with_lists(item) for name, item in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


class Params:
    """A hash of parameters. `known` names what it may hold; a name beside them is refused as the service refuses it."""

    def __init__(self, values: Mapping[str, Any], known: Iterable[str] | None = None, path: str = "") -> None:
        self.values, self.path = values, path
        if known is not None:
            for name in values:
                if name not in known:
                    raise unknown(self.named(name))

    def named(self, name: str) -> str:
        return f"{self.path}[{name}]" if self.path else name

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def names(self) -> list[str]:
        return list(self.values)

    def is_unset(self, name: str) -> bool:
        """Given, and empty: the service's way to take a value away."""
        return name in self.values and self.values[name] in ("", None)

    def text(self, name: str, default: str | None = None) -> str | None:
        value = self.values.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, dict | list):
            raise invalid("Invalid string", param=self.named(name))
        return str(value)

    def need(self, name: str) -> str:
        if name not in self.values or self.values[name] is None:
            raise required(self.named(name))
        if self.values[name] == "":
            raise invalid(
                f"You passed an empty string for '{self.named(name)}'.",
                self.named(name),
                "parameter_invalid_empty",
            )
        return self.text(name) or ""

    def integer(self, name: str, default: int | None = None, *, least: int | None = None) -> int | None:
        value = self.values.get(name)
        if value is None or value == "":
            return default
        try:
            number = int(str(value))
        except ValueError:
            raise invalid(
                f"Invalid integer: {value}", self.named(name), "parameter_invalid_integer"
            ) from None
        if least is not None and number < least:
            raise invalid(
                f"This value must be greater than or equal to {least}.",
                self.named(name),
                "parameter_invalid_integer",
            )
        if isinstance(value, bool):
            raise invalid(f"Invalid integer: {value}", self.named(name), "parameter_invalid_integer")
        return number

    def need_integer(self, name: str, *, least: int | None = None) -> int:
        self.need(name)
        return self.integer(name, least=least) or 0

    def boolean(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name)
        if value is None or value == "":
            return default
        if str(value).lower() not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", self.named(name))
        return str(value).lower() == "true"

    def choice(self, name: str, options: str, default: str | None = None) -> str | None:
        value = self.text(name, default)
        if value is not None and value not in options.split():
            listed = ", ".join(options.split())
            raise invalid(f"Invalid {self.named(name)}: must be one of {listed}", param=self.named(name))
        return value

    def hash(self, name: str, known: str | None = None) -> "Params":
        """The nested hash, empty when it was not given."""
        value = self.values.get(name)
        if value in (None, "", []):
            value = {}
        if not isinstance(value, dict):
            raise invalid("Invalid hash", param=self.named(name))
        return Params(value, known.split() if known is not None else None, self.named(name))

    def hashes(self, name: str, known: str | None = None) -> list["Params"]:
        names = known.split() if known is not None else None
        rows = self.array(name)
        if any(not isinstance(row, dict) for row in rows):
            raise invalid("Invalid array", param=self.named(name))
        return [Params(row, names, f"{self.named(name)}[{at}]") for at, row in enumerate(rows)]

    def array(self, name: str) -> list[Any]:
        value = self.values.get(name)
        if value in (None, "", {}):
            return []
        if not isinstance(value, list):
            raise invalid("Invalid array", param=self.named(name))
        return value

    def words(self, name: str) -> list[str]:
        return [str(value) for value in self.array(name)]

    def metadata(self, before: Json | None = None) -> Json:
        """The object's metadata as this request leaves it: given keys are set, empty ones taken away, others stay."""
        if self.is_unset("metadata"):
            return {}
        result = dict(before or {})
        for name, value in self.hash("metadata").values.items():
            if value in ("", None):
                result.pop(name, None)
            elif isinstance(value, dict | list):
                raise invalid("Metadata values must be strings.", param=self.named("metadata"))
            else:
                result[name] = str(value)
        if len(result) > 50:
            raise invalid("Metadata can have up to 50 keys.", param=self.named("metadata"))
        return result


def one_of(params: Params, *names: str) -> str:
    """The one that was given. Raises Refused when several were."""
    given = [name for name in names if params.values.get(name) not in (None, "", {}, [])]
    if len(given) > 1:
        raise Refused(
            f"You may only specify one of these parameters: {', '.join(given)}.",
            code="parameters_exclusive",
            param=given[1],
        )
    return given[0] if given else ""
