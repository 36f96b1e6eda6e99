"""Where blocks come from, in the order in which they stand in the prompt.

A source is a module with two functions: `reserve(ask) -> int`, the tokens that its blocks may take together, asked
before anything is held, in the request; and `blocks(ask) -> list[Block]`, never more than that, asked by the worker.
"""

from types import ModuleType

from assistants.documents import prompt as documents
from assistants.memory import prompt as memory
from assistants.projects import prompt as projects
from assistants.tools import prompt as tools

SOURCES: tuple[ModuleType, ...] = (projects, memory, documents, tools)
