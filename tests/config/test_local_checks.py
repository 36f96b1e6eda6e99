import signal
import subprocess

import pytest

from config.local import checks


@pytest.mark.parametrize(
    ("linter", "is_good", "said"),
    [(("json.tool", "no-such-file"), False, "no-such-file"), (("json.tool", "--help"), True, "usage:")],
)
def test_linter_beside_the_tests_is_waited_for_and_shown(capfd, linter, is_good, said):
    with checks._beside(linter) as slow:
        assert (slow() == 0) == is_good
    shown = capfd.readouterr().out
    assert shown.startswith("· json.tool") and said in shown


def test_linter_that_nobody_waits_for_is_ended(capfd, monkeypatch):
    begun, real = [], subprocess.Popen

    def begin(*arguments, **more):
        begun.append(real(*arguments, **more))
        return begun[-1]

    monkeypatch.setattr(checks.subprocess, "Popen", begin)
    with checks._beside(("http.server", "0", "--bind", "127.0.0.1")):
        assert begun[0].poll() is None
    assert begun[0].returncode == -signal.SIGKILL
    assert capfd.readouterr().out == ""
