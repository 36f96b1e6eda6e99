"""The verifier as people run it: one file, no Django, an exit code."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.usage.receipts import making
from usage.receipts import documents, services, verify
from usage.receipts.models import LogKind

ROOT = Path(verify.__file__).parents[2]
PROGRAM = Path(verify.__file__)


def run(*arguments: object, program: Path = PROGRAM, **options) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"]}
    command = [sys.executable, str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **options)


@pytest.fixture
def files(db, tmp_path) -> Path:
    workspace_id = making.settle_many(3)
    first = services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    making.settle_many(2, workspace_id)
    document = making.document_of(workspace_id, 4)
    newest = services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    consistency = services.consistency_document(workspace_id, LogKind.RECEIPTS, 3, 5)
    (tmp_path / "receipt.json").write_text(json.dumps(document, indent=2))
    (tmp_path / "log.jsonl").write_text("".join(documents.log_lines(newest)))
    (tmp_path / "consistency.json").write_text(json.dumps(consistency))
    (tmp_path / "old.txt").write_text(first.note)
    (tmp_path / "key.txt").write_text(document["first_key"] + "\n")
    return tmp_path


@pytest.mark.parametrize("name", ["receipt.json", "log.jsonl", "consistency.json"])
def test_it_says_verified_and_exits_with_0(files, name):
    result = run(files / name, "--key", files / "key.txt")
    assert (result.returncode, result.stdout.splitlines()[-1], result.stderr) == (0, "VERIFIED", "")


def test_it_says_what_is_wrong_and_exits_with_1(files):
    text = (files / "receipt.json").read_text().replace('"attempt": 1', '"attempt": 2')
    (files / "receipt.json").write_text(text)
    result = run(files / "receipt.json")
    assert result.returncode == 1
    assert "! the receipt is not the one whose hash was logged [receipt_altered]" in result.stdout
    assert result.stdout.endswith("DOES NOT VERIFY\n")


def test_it_compares_with_a_kept_checkpoint(files):
    for name in ("log.jsonl", "consistency.json"):
        assert run(files / name, "--checkpoint", files / "old.txt").returncode == 0
    lines = (files / "log.jsonl").read_text().splitlines(keepends=True)
    header = json.loads(lines[0])
    header["checkpoints"] = header["checkpoints"][:1]
    (files / "cut.jsonl").write_text("".join([json.dumps(header) + "\n", *lines[1:4]]))
    assert run(files / "cut.jsonl").returncode == 0, "nothing inside the file shows it"
    (files / "new.txt").write_text(json.loads(lines[0])["checkpoints"][-1])
    result = run(files / "cut.jsonl", "--checkpoint", files / "new.txt")
    assert result.returncode == 1 and "[tail_truncated]" in result.stdout


def test_it_exits_with_2_when_it_cannot_judge(files):
    (files / "empty.json").write_text("")
    (files / "binary.json").write_bytes(b"\xff\xfe\x00")
    wrong = [
        (files / "missing.json",), (files / "empty.json",), (files / "binary.json",), (PROGRAM,),
        (files / "receipt.json", "--checkpoint", files / "old.txt"),
        (files / "receipt.json", "--key", files / "old.txt"), (),
    ]  # fmt: skip
    for arguments in wrong:
        result = run(*arguments)
        assert result.returncode == 2 and "Traceback" not in result.stderr, arguments


def test_it_is_one_file_that_needs_only_cryptography(files):
    shutil.copy(PROGRAM, files / "alone.py")
    assert run(files / "log.jsonl", program=files / "alone.py", cwd=files).returncode == 0
    tree = ast.parse(PROGRAM.read_text())
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else name.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}
    assert len(PROGRAM.read_text().splitlines()) <= 400


def test_no_module_beside_it_hides_one_of_pythons():
    """Python looks beside the program first."""
    beside = {path.stem for path in PROGRAM.parent.glob("*.py")} - {"__init__"}
    assert not beside & set(sys.stdlib_module_names)


def test_dev_runs_it_from_any_directory(files):
    command = [str(ROOT / "dev"), "verify-receipt", "receipt.json"]
    result = subprocess.run(command, cwd=files, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.splitlines()[-1:]) == (0, ["VERIFIED"]), result.stderr
