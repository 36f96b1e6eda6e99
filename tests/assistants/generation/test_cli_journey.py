"""The command `steward` against the product: a real server, a worker, the simulated provider."""

import json

import httpx
import pytest
from steward_cli import service
from steward_cli.main import run

from assistants.models import Run
from tenants.scope import enter
from tests import factories
from usage.models import LedgerEntry


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


@pytest.mark.parametrize("command", ["ask", "chat"])
def test_call_whose_first_answer_is_lost_is_paid_once(steward, acme, capsys, monkeypatch, command):
    """Carried out, and its answer lost on the way: the next try gets it, whole or as the stream that it is."""
    sent, send = [], httpx.Client.send

    def losing(client, request, **options):
        answer = send(client, request, **options)
        sent.append(request.headers["idempotency-key"])
        if len(sent) == 1:
            answer.close()
            raise httpx.ReadError("lost", request=request)
        return answer

    monkeypatch.setattr(httpx.Client, "send", losing)
    monkeypatch.setattr(service, "sleep", lambda seconds: None)
    with enter(acme):
        before = Run.objects.exclude(kind=Run.Kind.TITLE).count()
    paid = LedgerEntry.objects.filter(workspace_id=acme.id).count()
    assert steward(command, "Count\n/sim text=One two.") == 0
    assert capsys.readouterr().out.startswith("One two.\n")
    assert len(sent) >= 2
    assert len({*sent}) == 1
    with enter(acme):
        assert Run.objects.exclude(kind=Run.Kind.TITLE).count() == before + 1
    assert LedgerEntry.objects.filter(workspace_id=acme.id).count() == paid + 1
