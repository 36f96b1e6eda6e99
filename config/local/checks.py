"""``./dev lint``, ``test`` and ``bench``."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from config import processes
from config.local.chromium import chromium_environment
from config.local.foreground import run_in_foreground
from config.local.output import console_output
from config.local.stack import Options, Stack
from config.local.state import RUN_DIR, State

Linter = tuple[str, ...]
QUICK: tuple[Linter, ...] = (("ruff", "check", "."), ("ruff", "format", "--check", "."))
SLOW: Linter = ("mypy", ".")
MOST_TEST_RUNS = 8
WHOLE_SUITE = ("-n", "4", "--dist", "loadgroup")
"""Two processes for the two kinds of tests that drive a whole stack, which mostly wait, and two for all others."""
REAL_PROVIDER = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
BENCH_ENVIRONMENT = {
    # its runs stay silent for as long as their viewers are counted
    "viewers": {"PROVIDER_SILENCE_TIMEOUT_S": "3600", "RUN_DEADLINE_S": "3600"},
    # calls race through several processes of each kind
    "usage": {"WEB_CONCURRENCY": "3"},
}
BENCH_LLM_WORKERS = {"usage": 3}


def lint() -> int:
    """Runs all linters, so that one run shows everything."""
    return max(_lint(linter) for linter in (*QUICK, SLOW))


def _lint(linter: Linter) -> int:
    print("·", *linter, flush=True)
    return subprocess.run([sys.executable, "-m", *linter], cwd=processes.ROOT, check=False).returncode


def test(arguments: list[str]) -> int:
    """Without arguments all tests, after the quick linters and beside the slow one. Code 0 means that all passed."""
    if arguments:
        return _test(arguments)
    codes = [_lint(linter) for linter in QUICK]
    with _beside(SLOW) as slow:
        codes.append(_test(list(WHOLE_SUITE)))
        codes.append(slow())
    return max(codes)


@contextmanager
def _beside(linter: Linter) -> Iterator[Callable[[], int]]:
    """The linter in the background; the call waits for it and shows what it said. Gone when this is left."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *linter], cwd=processes.ROOT, stdout=said, stderr=subprocess.STDOUT
        )

        def result() -> int:
            code = process.wait()
            said.seek(0)
            print("·", *linter, flush=True)
            print(said.read().decode(), end="", flush=True)
            return code

        try:
            yield result
        finally:
            process.kill()
            process.wait()


def _test(arguments: list[str]) -> int:
    browser = chromium_environment()
    with _private_servers() as stack:
        environment = {**stack.environment, "DJANGO_SETTINGS_MODULE": "config.settings.test", **browser}
        for name in REAL_PROVIDER:
            environment.pop(name, None)
        return run_in_foreground([sys.executable, "-m", "pytest", *arguments], environment)


def _private_servers() -> Stack:
    """PostgreSQL and Redis in the first free of a few places, so that runs do not meet."""
    for number in range(1, MOST_TEST_RUNS + 1):
        state_dir = RUN_DIR / ("test" if number == 1 else f"test-{number}")
        if State(state_dir).holder() is None:
            break
    return Stack(Options(state_dir=state_dir, application=False, durable=False, demo=False))


def bench(arguments: list[str], *, llm_workers: int, reset: bool) -> int:
    """A stack of its own beside ``up``, with demo data and the simulated provider. 0 workers: as many as is usual."""
    usual = BENCH_LLM_WORKERS.get(arguments[0], 1)
    state_dir = RUN_DIR / "bench"
    options = Options(
        state_dir=state_dir,
        simulated=True,
        llm_workers=llm_workers or usual,
        reset=reset,
        environment=BENCH_ENVIRONMENT.get(arguments[0], {}),
    )
    with Stack(options, console_output(state_dir / "processes.log", quiet=True)) as stack:
        environment = {
            **stack.environment,
            "BENCH_BASE_URL": stack.url,
            "BENCH_STATE": str(stack.state.processes_file),
            "BENCH_OPTIONS": f"--llm-workers {llm_workers}" if llm_workers else "",
        }
        return run_in_foreground([sys.executable, "-m", "bench", *arguments], environment)
