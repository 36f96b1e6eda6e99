"""The command `steward` against the product: a real server, a worker, the simulated provider."""

import json

import pytest
from steward_cli.main import run

from tests import factories


@pytest.fixture
def steward(web, worker, committed, owner, monkeypatch, tmp_path):
    monkeypatch.setenv("STEWARD_URL", web)
    monkeypatch.setenv("STEWARD_KEY", factories.make_key(owner.member))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["steward", *arguments])
        with pytest.raises(SystemExit) as ended:
            run()
        return ended.value.code

    return call


def test_journey_from_a_question_to_a_receipt_that_verifies(steward, capsys, tmp_path):
    assert steward("chat", "Count\n/sim text=One two.") == 0
    assert capsys.readouterr().out == "One two.\n"
    assert steward("generate", "A greeting", "-o", "made") == 0
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"main.py", "settings.json", "README.md"}
    assert steward("analyze", "made", "--fail-on", "critical") == 0
    assert "main.py" in capsys.readouterr().out
    assert steward("usage") == 0
    capsys.readouterr()
    assert steward("receipts", "list", "--json") == 0
    receipt = json.loads(capsys.readouterr().out)[0]["id"]
    assert steward("receipts", "get", receipt, "-o", "receipt.json") == 0
    assert steward("receipts", "verify", "receipt.json") == 0
    assert "VERIFIED" in capsys.readouterr().out
    altered = (tmp_path / "receipt.json").read_text().replace("gpt-4o-mini", "gpt-4o-main")
    (tmp_path / "altered.json").write_text(altered)
    assert steward("receipts", "verify", "altered.json") == 1
