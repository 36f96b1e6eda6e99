"""Exact arithmetic without `eval`: numbers, operators and a dozen functions; nothing has attributes, all is bounded."""

import ast
import math
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import simpleeval

from assistants.tools.types import Tool, ToolContext, ToolFailed

MOST_CHARACTERS = 500
MOST_DEPTH = 40
MOST_BITS = 4096
MOST_FACTORIAL = 300
Number = int | float


def _number(value: Any) -> Number:
    """Raises ValueError for what is no number, or more of one than anybody reads."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and value.bit_length() <= MOST_BITS:
        return value
    if isinstance(value, float):
        return value
    raise ValueError("only numbers of a sensible size")


def _power(base: Any, exponent: Any) -> Number:
    base, exponent = _number(base), _number(exponent)
    is_whole = isinstance(base, int) and isinstance(exponent, int) and exponent > 0
    if is_whole and max(int(base).bit_length(), 1) * exponent > MOST_BITS:
        raise ValueError("the power is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("the root of a negative number")
    return _number(result)


def _factorial(value: Any) -> Number:
    if not isinstance(value, int) or not 0 <= value <= MOST_FACTORIAL:
        raise ValueError(f"a factorial of 0 to {MOST_FACTORIAL}")
    return math.factorial(value)


def _rounded(value: Any, digits: Any = 0) -> Number:
    if not isinstance(digits, int) or not -MOST_FACTORIAL <= digits <= MOST_FACTORIAL:
        raise ValueError("so many digits")
    return round(_number(value), digits or None)


def _checked(function: Callable[..., Any]) -> Callable[..., Number]:
    def call(*values: Any) -> Number:
        return _number(function(*map(_number, values)))

    return call


OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: _checked(operator.add),
    ast.Sub: _checked(operator.sub),
    ast.Mult: _checked(operator.mul),
    ast.Div: _checked(operator.truediv),
    ast.FloorDiv: _checked(operator.floordiv),
    ast.Mod: _checked(operator.mod),
    ast.Pow: _power,
    ast.USub: _checked(operator.neg),
    ast.UAdd: _checked(operator.pos),
}
FUNCTIONS: dict[str, Callable[..., Number]] = {
    "sqrt": _checked(math.sqrt),
    "abs": _checked(abs),
    "round": _rounded,
    "floor": _checked(math.floor),
    "ceil": _checked(math.ceil),
    "exp": _checked(math.exp),
    "ln": _checked(math.log),
    "log": _checked(math.log),
    "log10": _checked(math.log10),
    "log2": _checked(math.log2),
    "sin": _checked(math.sin),
    "cos": _checked(math.cos),
    "tan": _checked(math.tan),
    "min": _checked(min),
    "max": _checked(max),
    "factorial": _factorial,
}
NAMES = {"pi": math.pi, "e": math.e}
# SECURITY: what is not here is refused before anything is evaluated: attributes, strings, lists, lambdas, subscripts.
ALLOWED = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Load, ast.Constant, *OPERATORS,
)  # fmt: skip


def calculate(expression: str) -> str:
    """Raises ToolFailed."""
    text = expression.strip().replace("^", "**").replace("×", "*").replace("÷", "/").replace("−", "-")
    if not text or len(text) > MOST_CHARACTERS:
        raise ToolFailed(
            "expression_length", f"An expression of 1 to {MOST_CHARACTERS} characters is needed."
        )
    try:
        _check(ast.parse(text, mode="eval"))
        evaluator = simpleeval.SimpleEval(operators=OPERATORS, functions=FUNCTIONS, names=NAMES)
        return _as_text(_number(evaluator.eval(text)))
    except (SyntaxError, simpleeval.InvalidExpression, RecursionError, MemoryError) as error:
        raise ToolFailed(
            "expression_not_allowed", "This is no arithmetic that the calculator knows."
        ) from error
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ToolFailed("expression_not_calculable", "This has no result that can be calculated.") from error


def _check(tree: ast.AST, depth: int = 0) -> None:
    if not isinstance(tree, ALLOWED) or depth > MOST_DEPTH:
        raise SyntaxError("not allowed")
    if isinstance(tree, ast.Constant):
        _number(tree.value)
    if isinstance(tree, ast.Call) and (tree.keywords or not isinstance(tree.func, ast.Name)):
        raise SyntaxError("not allowed")
    for child in ast.iter_child_nodes(tree):
        _check(child, depth + 1)


def _as_text(value: Number) -> str:
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise ValueError("not finite")
    # 0.1 + 0.2 is 0.3 to people: fifteen digits are what a float surely has.
    short = Decimal(f"{value:.15g}")
    return f"{short:f}" if -7 < short.adjusted() < 21 else f"{short.normalize():e}"


def _run(context: ToolContext, arguments: dict[str, Any]) -> str:
    return calculate(arguments["expression"])


TOOL = Tool(
    name="calculator",
    title="Calculator",
    description="Reckons exactly, in the place of guessing.",
    told=(
        "Calculates an arithmetic expression exactly. Use it for every calculation. Operators + - * / // % **, "
        f"parentheses, pi, e and {', '.join(FUNCTIONS)}."
    ),
    parameters={
        "type": "object",
        "properties": {
            "expression": {"type": "string", "description": "For example (1250 * 1.19 - 40) / 12"}
        },
        "required": ["expression"],
        "additionalProperties": False,
    },
    run=_run,
)
