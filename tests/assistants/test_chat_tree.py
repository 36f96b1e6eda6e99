"""The shape of a conversation, without a database."""

from uuid import uuid4

from assistants.chat.tree import Node, Tree


def message(parent: Node | None = None) -> Node:
    return Node(uuid4(), parent.id if parent else None, "user")


def ids(places) -> list:
    return [place.message.id for place in places]


def test_empty_conversation_has_an_empty_branch():
    assert Tree([]).branch(None) == []
    assert Tree([]).branch(uuid4()) == []
    assert Tree([]).leaf_below(None) is None


def test_line_is_shown_from_its_first_message_to_its_leaf():
    a = message()
    b = message(a)
    c = message(b)
    tree = Tree([a, b, c])
    assert ids(tree.branch(c.id)) == [a.id, b.id, c.id]
    assert ids(tree.branch(b.id)) == [a.id, b.id]
    assert all((place.siblings, place.index) == ([place.message.id], 0) for place in tree.branch(c.id))


def test_branch_shows_only_its_own_side_of_a_fork():
    root = message()
    left, right = message(root), message(root)
    left_end, right_end = message(left), message(right)
    tree = Tree([root, left, right, left_end, right_end])
    assert ids(tree.branch(left_end.id)) == [root.id, left.id, left_end.id]
    assert ids(tree.branch(right_end.id)) == [root.id, right.id, right_end.id]
    place = tree.branch(right_end.id)[1]
    assert (place.siblings, place.index) == ([left.id, right.id], 1)


def test_first_messages_are_siblings_of_each_other():
    first, second = message(), message()
    place = Tree([first, second]).branch(first.id)[0]
    assert (place.siblings, place.index) == ([first.id, second.id], 0)


def test_newest_branch_is_shown_when_the_leaf_is_unknown():
    root = message()
    old, new = message(root), message(root)
    tree = Tree([root, old, new])
    assert ids(tree.branch(None)) == ids(tree.branch(uuid4())) == [root.id, new.id]


def test_leaf_below_follows_the_newest_child():
    root = message()
    old, new = message(root), message(root)
    below_old = message(old)
    tree = Tree([root, old, new, below_old])
    assert tree.leaf_below(root.id) == new.id
    assert tree.leaf_below(old.id) == below_old.id
    assert tree.leaf_below(below_old.id) == below_old.id
    assert tree.leaf_below(None) == new.id
