"""``python -m bench.own_stack DIRECTORY PORT PROVIDER``: a stack whose supervisor is this process, to be killed."""

import signal
import sys
from pathlib import Path

from config.local.stack import WATCH_S, Options, Stack


def main(directory: str, port: str, provider: str) -> int:
    environment = {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": f"{provider}/v1"}
    stack = Stack(Options(state_dir=Path(directory), port=int(port), environment=environment))
    signal.signal(signal.SIGTERM, lambda number, frame: stack.request_stop())
    try:
        stack.start()
        print("ready", flush=True)
        _watch(stack)
    finally:
        stack.stop()
    return 0


def _watch(stack: Stack) -> None:
    """Each death counts as the first: a benchmark that kills often is no crash loop."""
    while not stack.supervisor.stop_requested.wait(WATCH_S):
        for child in stack.supervisor.children:
            child.failures = 0
        stack.supervisor.watch_once()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
