"""Every way in which a run can end has words for people."""

import ast
import re
from pathlib import Path

from assistants.llm import errors as llm_errors
from assistants.runs import words

ROOT = Path(__file__).resolve().parents[2]


NO_CODES = {
    "provider__name",
    "provider__slug",
    "provider_changed",
    "provider_id",
    "provider_key_needed",
    "provider_models_gone",
    "provider_model_once",
    "provider_notice",
    "provider_is_simulated",
    "provider_refused",
    "quota_notice_once",
}


def codes_in_the_source() -> set[str]:
    """Codes that the product gives to a failed run, found where they are written."""
    found = {row.code for row in llm_errors.BY_STATUS.values()} | {llm_errors.UNKNOWN}
    for path in [*(ROOT / "assistants").rglob("*.py"), *(ROOT / "usage").rglob("*.py")]:
        if "simulator" in path.parts or path == Path(words.__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ProviderFailure":
                found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(
                    re.findall(
                        r"^(?:provider_\w+|quota_\w+|model_not_offered|worker_lost|deadline|emergency_stop|access_ended|key_revoked|run_stopped|answer_gone|upload_gone|internal)$",
                        node.value,
                    )
                )
    return found - NO_CODES


def test_every_code_has_words_of_its_own():
    codes = codes_in_the_source()
    assert len(codes) >= 12
    assert codes - set(words.BY_CODE) == set()


OF_OTHER_APPS = {"workspace_suspended", "workspace_archived", "workspace_deleting", "workspace_restricted"}


def test_no_words_are_left_over():
    assert set(words.BY_CODE) - codes_in_the_source() - OF_OTHER_APPS == set()


def test_unknown_code_still_has_words():
    assert words.of("never-heard-of") == words.DEFAULT
    assert words.of("") == words.DEFAULT


def test_words_are_sentences_and_name_no_code():
    for code, found in words.BY_CODE.items():
        assert found.message.endswith(".")
        assert not found.title.endswith(".")
        assert code not in found.title + found.message
        assert found.action in (words.RETRY, words.WAIT, words.SETTINGS, words.USAGE, None)
