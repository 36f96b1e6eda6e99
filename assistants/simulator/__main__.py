"""`python -m assistants.simulator`: listens until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from assistants.simulator import tokens
from assistants.simulator.connections import Connection
from assistants.simulator.delivery import Pace
from assistants.simulator.service import Provider

try:
    import uvloop
except ImportError:
    # Not on every platform; cheaper per token where it is.
    uvloop = None  # type: ignore[assignment]  # the module, or its absence


def main() -> None:
    options = _read_arguments()
    # Loaded here, or the first answer would be late by it.
    tokens.encoding()
    try:
        (uvloop or asyncio).run(serve(options))
    except OSError as error:
        reason = error.strerror or error
        sys.exit(f"The simulated provider cannot listen on {options.host}:{options.port}: {reason}")


async def serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    provider = Provider(Pace(delay_ms=options.delay_ms, rate=options.rate))
    connections: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(provider.serve, connections), options.host, options.port, backlog=2048
    )
    host, port = server.sockets[0].getsockname()[:2]
    sys.stdout.write(f"Simulated model provider on http://{host}:{port}\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()
    for connection in list(connections):
        connection.close()


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m assistants.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one and prints it")
    pace = Pace()
    parser.add_argument(
        "--delay-ms", type=_amount, default=pace.delay_ms, help="to the first token (%(default)s)"
    )
    parser.add_argument(
        "--rate", type=_amount, default=pace.rate, help="tokens per second, 0: all (%(default)s)"
    )
    return parser.parse_args()


def _amount(value: str) -> float:
    number = float(value)
    if not 0 <= number <= 3_600_000:
        raise argparse.ArgumentTypeError(f"{value} is out of range")
    return number


if __name__ == "__main__":
    main()
