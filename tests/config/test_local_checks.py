import pytest

from config.local import checks


@pytest.mark.parametrize(("linter", "code", "said"), [
    (("json.tool", "no-such-file"), 1, "no-such-file"),
    (("json.tool", "--help"), 0, "usage:"),
])  # fmt: skip
def test_linter_beside_the_tests_is_waited_for_and_shown(capfd, linter, code, said):
    with checks._beside(linter) as slow:
        found = slow()
    # argparse's own code, whatever this Python's is
    assert (found > 0) == bool(code)
    shown = capfd.readouterr().out
    assert shown.startswith("· json.tool") and said in shown


def test_linter_that_nobody_waits_for_is_ended(capfd):
    with checks._beside(("http.server", "0", "--bind", "127.0.0.1")):
        pass
    assert capfd.readouterr().out == ""
