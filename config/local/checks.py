"""``./dev lint``, ``test`` and ``bench``."""

import subprocess
import sys

from config import processes
from config.local.chromium import chromium_environment
from config.local.foreground import run_in_foreground
from config.local.output import console_output
from config.local.stack import Options, Stack
from config.local.state import RUN_DIR, State

LINTERS = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy", "."))
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
    codes = []
    for linter in LINTERS:
        print("·", *linter, flush=True)
        codes.append(
            subprocess.run([sys.executable, "-m", *linter], cwd=processes.ROOT, check=False).returncode
        )
    return max(codes)


def test(arguments: list[str]) -> int:
    """Without arguments the linters come first. Code 0 means that everything passed."""
    lint_code = 0 if arguments else lint()
    arguments = arguments or list(WHOLE_SUITE)
    browser = chromium_environment()
    with _private_servers() as stack:
        environment = {**stack.environment, "DJANGO_SETTINGS_MODULE": "config.settings.test", **browser}
        for name in REAL_PROVIDER:
            environment.pop(name, None)
        code = run_in_foreground([sys.executable, "-m", "pytest", *arguments], environment)
    return lint_code or code


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
