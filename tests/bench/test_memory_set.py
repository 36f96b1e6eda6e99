"""The set of conversations that memory is measured with, and the judge of its answers."""

from itertools import count

import yaml

from bench import memory_set

FACTS = yaml.safe_load((memory_set.HERE / "facts.yaml").read_text())


def judge(answer) -> memory_set.Score:
    ticks = count()
    return memory_set.judge(answer, lambda: next(ticks))


def test_the_set_has_what_its_readme_says():
    told = [fact for talk in FACTS["conversations"] for fact in talk["facts"]]
    assert (len(told), len(FACTS["conversations"])) == (64, 34)
    assert sum("replaces" in fact for fact in told) == 6
    assert (len(FACTS["distractors"]), len(FACTS["duplicates"]), len(FACTS["shared"])) == (12, 4, 4)
    keys = {said.key for said in memory_set.statements()}
    for question in memory_set.questions():
        assert question.expects | question.stale <= keys, question.ask
    stale = {fact["replaces"] for fact in told if "replaces" in fact}
    stale |= {fact["id"] for fact in told if fact.get("forgotten")}
    assert all(
        question.stale <= stale and not question.expects & stale for question in memory_set.questions()
    )


def test_who_finds_all_and_nothing_else_is_right():
    wanted = {question.ask: list(question.expects) for question in memory_set.questions()}
    score = judge(lambda ask: wanted[ask])
    figures = (score.recall, score.precision, score.right, score.other_words, score.stale)
    assert [round(figure, 9) for figure in figures] == [1, 1, 1, 1, 0]


def test_who_finds_what_is_not_true_any_more_beside_it_is_not_right():
    both = {question.ask: [*question.expects, *question.stale] for question in memory_set.questions()}
    score = judge(lambda ask: both[ask])
    assert (round(score.recall, 9), round(score.stale, 9)) == (1, 1)
    spoilt = sum(bool(question.stale) for question in memory_set.questions() if question.expects)
    asked = sum(bool(question.expects) for question in memory_set.questions())
    assert round(score.right, 9) == round(1 - spoilt / asked, 9)


def test_who_finds_nothing_scores_nothing():
    score = judge(lambda ask: [])
    assert (score.recall, score.precision, score.right, score.stale) == (0, 0, 0, 0)
