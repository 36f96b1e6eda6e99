import signal
import subprocess
from collections.abc import Mapping

from config.processes import ROOT


def run_in_foreground(command: list[str], environment: Mapping[str, str]) -> int:
    """Run ``command`` on this terminal and return its exit code; Ctrl-C is its own business."""
    # a handler, not SIG_IGN, which the child would inherit
    former = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        process = subprocess.Popen(command, cwd=ROOT, env=dict(environment))
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda received, frame: process.send_signal(received))
        code = process.wait()
        return code if code >= 0 else 128 - code
    finally:
        signal.signal(signal.SIGINT, former)
