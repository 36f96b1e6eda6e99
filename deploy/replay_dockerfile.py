"""Execute the Dockerfile step by step where there is no container engine, then run what it built.

    python -m deploy.replay_dockerfile        (Linux, root, from the top directory)

Every stage is a change root over an overlay of this machine's file system, which stands in for the
base image (it must have the base's Python as python3.11); home directories and this checkout are
hidden, the environment is empty. Nothing outside a temporary directory changes. Afterwards the
migrations, the health checks and every process run as the image's user against real servers.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.local.ports import free_port
from config.local.stack import Options, Stack
from deploy import dockerfile
from deploy.dockerfile import IgnoreRules, Instruction, Stage

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HIDDEN = {"/root": 0o700, "/home": 0o755, "/opt": 0o755, "/srv": 0o755, "/tmp": 0o1777, str(ROOT): 0o755}  # noqa: S108
SEEN = ("/proc", "/dev")
BASE_PYTHON = "/usr/bin/python3.11"
HEALTH_TIMEOUT_S = 60.0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603  this file's own commands


@dataclass
class Image:
    """One stage while it is built: a directory to change root to, and what its instructions set."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": DEFAULT_PATH})
    directory: str = "/"
    user: str = "root"

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def start(self, command: Sequence[str], **variables: str) -> subprocess.Popen[bytes]:
        identity = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        entered = ["chroot", str(self.root), *identity, "env", f"--chdir={self.directory}", *command]
        return subprocess.Popen(entered, env=self.environment | variables, start_new_session=True)  # noqa: S603

    def run(self, command: Sequence[str], **variables: str) -> int:
        return self.start(command, **variables).wait()


def make_image(work: Path) -> Image:
    """A stage that begins as the base image."""
    upper, layer_work, root = (work / name for name in ("upper", "work", "merged"))
    for directory in (upper, layer_work, root):
        directory.mkdir(parents=True)
    for name, mode in HIDDEN.items():
        hidden = upper / name.lstrip("/")
        hidden.mkdir(parents=True)
        hidden.chmod(mode)
        os.setxattr(hidden, "trusted.overlay.opaque", b"y")
    layers = f"lowerdir=/,upperdir={upper},workdir={layer_work}"
    run("mount", "-t", "overlay", "overlay", "-o", layers, str(root))
    image = Image(root)
    for name in SEEN:
        run("mount", "--rbind", name, str(image.path(name)))
    for name in ("python", "python3"):
        image.path(f"/usr/local/bin/{name}").unlink(missing_ok=True)
        image.path(f"/usr/local/bin/{name}").symlink_to(BASE_PYTHON)
    return image


def execute(stage: Stage, image: Image, built: dict[str, Image]) -> None:
    for number, step in enumerate(stage.instructions, start=1):
        say(f"[{stage.name} {number}/{len(stage.instructions)}] {step.keyword} {step.text}")
        started = time.monotonic()
        if step.keyword == "RUN":
            if image.run(["/bin/sh", "-c", step.text]):
                raise SystemExit("This step failed.")
            say(f"  {time.monotonic() - started:.1f} s")
        elif step.keyword == "COPY":
            copy(step, image, built)
        elif step.keyword == "ENV":
            image.environment |= dockerfile.variables(step, image.environment)
        elif step.keyword == "WORKDIR":
            image.directory = step.text
            image.path(step.text).mkdir(parents=True, exist_ok=True)
        elif step.keyword == "USER":
            image.user = step.text


def copy(step: Instruction, image: Image, built: dict[str, Image]) -> None:
    *sources, target = step.arguments()
    destination = image.path(str(Path(image.directory) / target))
    destination.mkdir(parents=True, exist_ok=True)
    origin = step.flag("from")
    if origin:
        for source in sources:
            run("cp", "--archive", f"{built[origin].path(source)}/.", str(destination))
        return
    copied = [copy_file(name, destination) for source in sources for name in context_files(source)]
    say(f"  {len(copied)} files")


def context_files(source: str) -> Iterator[str]:
    """What the build context holds of ``source`` after .dockerignore."""
    rules = IgnoreRules.read(ROOT / ".dockerignore")
    start = ROOT / source
    paths = [start] if start.is_file() else start.rglob("*")
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and not name.startswith((".git/", ".venv/", ".run/")) and not rules.excludes(name):
            yield name


def copy_file(name: str, destination: Path) -> str:
    target = destination / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / name, target)
    return name


def build(work: Path) -> tuple[Image, Stage]:
    built: dict[str, Image] = {}
    stages = dockerfile.read(ROOT / "Dockerfile")
    for stage in stages:
        say(f"FROM {stage.base} AS {stage.name}")
        built[stage.name] = make_image(work / stage.name)
        execute(stage, built[stage.name], built)
    return built[stages[-1].name], stages[-1]


def try_image(image: Image, stage: Stage, stack: Stack) -> None:
    """Run what containers of this image would run, as its user."""
    image.environment |= {
        name: stack.environment[name] for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")
    }
    image.environment |= {"OPENAI_API_KEY": "not-used-here", "STRIPE_SIMULATED": "1"}
    image.environment |= {"PORT": str(free_port()), "HOST": "127.0.0.1"}
    processes = ["python", "-m", "config.processes"]
    say("migrate")
    if image.run([*processes, "migrate"]):
        raise SystemExit("The migrations failed.")
    running = {"web": image.start(stage.last("CMD").command())}
    running |= {name: image.start([*processes, name]) for name in ("worker-llm", "worker", "beat")}
    try:
        wait_healthy(image, "HEALTHCHECK", stage.last("HEALTHCHECK").command())
        for name in ("worker-llm", "worker"):
            wait_healthy(image, name, [*processes, "healthy", name])
        with urllib.request.urlopen(
            f"http://127.0.0.1:{image.environment['PORT']}/ready", timeout=10
        ) as ready:
            say(f"/ready: {ready.status} {ready.read().decode()}")
        beat_lives = running["beat"].poll() is None
        say(f"beat: {'running' if beat_lives else 'ended'}")
    finally:
        stop(running)
    if not beat_lives:
        raise SystemExit("beat does not run.")


def wait_healthy(image: Image, name: str, command: Sequence[str]) -> None:
    started = time.monotonic()
    while image.run(command):
        if time.monotonic() - started > HEALTH_TIMEOUT_S:
            raise SystemExit(f"{name} does not get healthy.")
        time.sleep(1)
    say(f"{name}: healthy after {time.monotonic() - started:.1f} s")


def stop(running: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in running.values():
        process.send_signal(signal.SIGTERM)
    for name, process in running.items():
        say(f"{name}: ended with {process.wait(timeout=60)} on SIGTERM")


def replay(work: Path) -> None:
    started = time.monotonic()
    image, stage = build(work)
    options = Options(
        state_dir=ROOT / ".run/replay",
        application=False,
        demo=False,
        durable=False,
        loopback=True,
        reset=True,
    )
    with Stack(options) as stack:
        try_image(image, stage, stack)
    say(f"Every step worked; {time.monotonic() - started:.0f} s.")


def main() -> int:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise SystemExit("This needs Linux and root; elsewhere use: docker compose build")
    if len(sys.argv) == 2:
        replay(Path(sys.argv[1]))
        return 0
    with tempfile.TemporaryDirectory(prefix="replay-", dir="/var/tmp") as work:  # noqa: S108
        # mounts exist in the inner process only, so that removing the directory reaches nothing else
        inside = [
            "unshare",
            "--mount",
            "--propagation=private",
            sys.executable,
            "-m",
            "deploy.replay_dockerfile",
        ]
        return subprocess.run([*inside, work], cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
