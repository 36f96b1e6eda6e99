"""``./dev bench NAME``: docs/benchmarks.md says what each one measures."""

import importlib
import sys

NAMES = {
    "chat": "bench.chat",
    "viewers": "bench.viewers",
    "faults": "bench.faults",
    "usage": "bench.usage",
    "aborts": "bench.aborts",
    "pages": "bench.pages",
    "workspaces": "bench.workspaces",
    "gateway": "bench.gateway",
    "dashboard": "bench.dashboard",
    "webhooks": "bench.webhooks",
    "memory": "bench.remembering",
    "recall": "bench.recalling",
    "conversations": "bench.conversations",
    "documents": "bench.documents",
}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in NAMES:
        print(f"Usage: ./dev bench {{{'|'.join(NAMES)}}} [--help]", file=sys.stderr)
        return 2
    name, rest = arguments[0], arguments[1:]
    return int(importlib.import_module(NAMES[name]).main(rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
