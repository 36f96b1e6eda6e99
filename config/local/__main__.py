"""``python -m config.local COMMAND``, which ``./dev`` calls inside the virtual environment."""

import argparse
import errno
import os
import sys

from config.local import checks, up
from config.local.failures import LocalFailure


def main(arguments: list[str]) -> int:
    try:
        return _run(arguments)
    except LocalFailure as failure:
        print(failure, file=sys.stderr)
    except OSError as error:
        print(_sentence(error), file=sys.stderr)
    return 1


def _run(arguments: list[str]) -> int:
    command, rest = arguments[0], arguments[1:]
    if command == "manage":
        return up.manage(rest)
    if command == "test":
        return checks.test(rest)
    if command == "bench":
        options = _bench_parser().parse_args(rest)
        return checks.bench(
            [options.name, *options.arguments], llm_workers=options.llm_workers, reset=options.reset
        )
    if command == "up":
        return _up(rest)
    _parser(command).parse_args(rest)
    return up.down() if command == "down" else checks.lint()


def _up(arguments: list[str]) -> int:
    options = _up_parser().parse_args(arguments)
    if options.detach:
        return up.detach(port=options.port, reset=options.reset)
    return up.up(port=options.port, reset=options.reset, quiet=options.quiet, relayed=options.relayed)


def _parser(command: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"./dev {command}")


def _up_parser() -> argparse.ArgumentParser:
    parser = _parser("up")
    default = os.environ.get("PORT") or str(up.DEFAULT_PORT)
    parser.add_argument(
        "--port", type=_port, default=default, help="port of the web server (default: %(default)s)"
    )
    parser.add_argument("--detach", action="store_true", help="return when everything is ready")
    parser.add_argument("--reset", action="store_true", help="begin with an empty database")
    parser.add_argument("--quiet", action="store_true", help="do not show the processes' logs")
    parser.add_argument("--relayed", action="store_true", help=argparse.SUPPRESS)
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; ports are 1 to 65535")
    return int(text)


def _bench_parser() -> argparse.ArgumentParser:
    parser = _parser("bench")
    parser.add_argument(
        "--llm-workers", type=int, default=0, help="processes that call the model (default: 1; usage: 3)"
    )
    parser.add_argument("--reset", action="store_true", help="begin with an empty database")
    parser.add_argument("name", help="which benchmark")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to it")
    return parser


def _sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full: free some space and start again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.filename} cannot be written: it belongs to another account or is read-only."
    return f"{error.strerror or error} ({error.filename or type(error).__name__})."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
