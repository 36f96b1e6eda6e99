"""The data plane's migrations and one more, as a release would bring it: a nullable column and an index."""

from pathlib import Path

from assistants import migrations

__path__ = [*migrations.__path__, *__path__]
LAST = max(path.stem for path in Path(migrations.__path__[0]).glob("[0-9]*.py"))
