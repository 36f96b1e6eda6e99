"""The files of an answer: where they may lie, whether they parse, what is kept of an answer that is not whole."""

import json
import time

import pytest

from assistants.generation import answers, files, paths, structure, syntax
from assistants.simulator import written


def answer(*rows: tuple[str, str]) -> str:
    return json.dumps({"files": [{"path": path, "language": "", "content": text} for path, text in rows]})


@pytest.mark.parametrize(
    "path", ["main.py", "src/app/main.py", ".gitignore", ".github/workflows/ci.yaml", "Ünï/ß.txt", "a b.md"]
)
def test_safe_paths_stay(path):
    assert paths.problem_of(path) == ""


@pytest.mark.parametrize(
    "path",
    [
        "", " ", "/etc/passwd", "~/x", "../x", "a/../b", "a/./b", "a//b", "a/", "./a", "..", "a\\b", "C:\\x", "C:x",
        "a\x00b", "a\nb", "x\u202etxt", "a\ud800", "con", "aux.txt", "sub/NUL.md", "COM1", "end.", "end ", " begin",
        "a/ b", ".git/hooks/pre-commit", ".GIT/config", ".ssh/authorized_keys", "a?b", "a*b", "a|b", '"', "<x>",
        "x" * 201, "y" * 101, "/".join("abcdefghijklm"), "a\x7f",
    ],
)  # fmt: skip
def test_unsafe_paths_are_replaced_and_nothing_is_thrown_away(path):
    assert paths.problem_of(path) != ""
    (file,) = files.read(answer((path, "kept"))).files
    assert file.content == "kept"
    assert paths.problem_of(file.path) == ""
    assert file.path.startswith("renamed/1-")


def test_each_file_has_a_path_of_its_own():
    found = files.read(answer(("a", "1"), ("A", "2"), ("a/b", "3"), ("b/c", "4"), ("b", "5")))
    assert [file.path for file in found.files] == ["a", "renamed/2-A", "renamed/3-b", "b/c", "renamed/5-b"]
    assert [gate.ok for gate in found.gates if gate.name == "path"] == [True, False, False, True, False]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "def f():\n    return 1\n"), ("a.json", '{"a": [1]}'), ("a.yaml", "a: &x 1\nb: *x\n"),
        ("a.toml", "[a]\nb = 1\n"), ("a.xml", "<a><b/></a>"), ("a.css", "a { content: '}' } /* { */"),
        ("a.html", "<!doctype html><p>One<p>Two<br><img src=x><script>if (a<b) {}</script><!-- <div> -->"),
        ("a.html", '<svg><path d="M0 0"/></svg><a title=">">x</a>'),
        ("a.js", "const a = `x ${ b } `; // )\nfunction f() { return '}' }"),
    ],
)  # fmt: skip
def test_what_parses(path, text):
    assert syntax.judge(path, text)[0] is True


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("a.py", "def f(:\n", "line 1: "), ("a.py", "\n\nx = (", "line 3: "), ("a.json", "{'a': 1}", "line 1: "),
        ("a.yaml", "a: [1", "line 2: "), ("a.yaml", "a: *none\n", "line 1: nothing is called 'none'"),
        ("a.toml", "a = \n", "Invalid value"), ("a.xml", "<a><b></a>", "line 1: mismatched tag"),
        ("a.xml", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "entities"),
        ("a.css", "a {", "line 1: '{' is not closed"), ("a.css", "a { b: 'c }", "a quote is not closed"),
        ("a.css", "/* a", "a comment is not closed"), ("a.js", "f(]", "']' closes nothing"),
        ("a.js", "function f() {", "'{' is not closed"), ("a.html", "<div><span></div>", "</div> closes nothing"),
        ("a.html", "\n<div>", "line 2: <div> is not closed"), ("a.html", "<script>", "<script> is not closed"),
        ("a.html", "<a b='c>", "a tag is not ended"), ("a.py", "x\x00", ""), ("a.json", "[" * 100_000, ""),
        ("a.py", "1+" * 100_000 + "1", ""), ("a.py", "-" * 100_000, ""), ("a.py", "'\ud800'", ""),
    ],
)  # fmt: skip
def test_what_does_not_parse_says_where(path, text, said):
    ok, detail = syntax.judge(path, text)
    assert ok is False
    assert said in detail


@pytest.mark.parametrize(
    "piece", ["<", "<a ", '<a b="', "<!--", "</", "<?", "&", "{", "/*", "`${", "[a-", "- ", "&x "]
)
@pytest.mark.parametrize("path", ["a.html", "a.css", "a.js", "a.yaml"])
def test_no_text_takes_a_parser_long(path, piece):
    """Of processor time; Python's HTMLParser takes minutes for some of these."""
    began = time.process_time()
    syntax.judge(path, piece * (60_000 // len(piece)))
    assert time.process_time() - began < 10


def test_script_whose_templates_cannot_be_followed_is_not_called_wrong():
    good = "const page = `${rows.map((row) => { return `<li>${row}</li>`; }).join('')}`;"
    assert syntax.judge("a.js", good) == (None, "It has templates that nothing here can follow.")


def test_nothing_is_run(tmp_path):
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    assert syntax.judge("a.py", code)[0] is True
    assert structure.of_file("a.py", code, "")["parses"] is True
    assert not (tmp_path / "ran").exists()
    exec(code)
    assert (tmp_path / "ran").exists(), "the code would have written it"


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", '{"files": 1}', '{"other": []}', "[" * 100_000, '{"files": [1]}']
)
def test_answer_without_files_fails_its_gate(text):
    found = files.read(text)
    assert found.files == []
    assert (found.gates[0].name, found.gates[0].ok) == ("answer", False)


def test_answer_that_is_cut_off_keeps_its_whole_files():
    text = answer(("a", "1"), ("b", "2"), ("c", "3"))
    assert [row["path"] for row in answers.read(text[: text.index('"c"')], "files")[0]] == ["a", "b"]
    assert answers.read(f"```json\n{text}\n```", "files")[2] is True


def test_bounds_are_told_and_the_content_kept():
    big = files.read(answer(("a.py", "x" * (files.MAX_BYTES + 1))))
    assert len(big.files[0].content) == files.MAX_BYTES + 1
    assert {gate.name: gate.ok for gate in big.gates} == {
        "answer": True,
        "path": True,
        "size": False,
        "parses": None,
    }
    many = files.read(answer(*((f"{n}.txt", "") for n in range(files.MAX_FILES + 1))))
    assert len(many.files) == files.MAX_FILES
    assert many.gates[-1].ok is False


@pytest.mark.parametrize(
    "topic", ["A bakery", 'A "quoted" \\ topic\n"""', "A website </script> {{", "Ein Café: Größe"]
)
def test_simulated_files_parse(topic):
    for file in written.make_files(topic):
        assert syntax.judge(file.path, file.content)[0] is not False, file
