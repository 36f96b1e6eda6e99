"""The tree is RFC 6962's: by its known values, by an independent implementation, and by properties."""

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.receipts import merkle, verify

# Inputs and roots of the reference implementation of RFC 6962 (certificate-transparency).
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
sizes = st.integers(1, 260)


def build(count: int, *, step: int = 1) -> tuple[list[bytes], dict[merkle.Place, bytes]]:
    leaves = [verify.leaf_hash(number.to_bytes(2, "big")) for number in range(count)]
    nodes: dict[merkle.Place, bytes] = {}
    for size in range(0, count, step):
        edge = {place: nodes[place] for place in merkle.cover(0, size)}
        nodes |= merkle.grow(size, leaves[size : size + step], edge)
    return leaves, nodes


def other(count: int) -> pymerkle.InmemoryTree:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for number in range(count):
        tree.append_entry(number.to_bytes(2, "big"))
    return tree


def test_the_known_roots_of_rfc_6962():
    leaves = [verify.leaf_hash(data) for data in INPUTS]
    nodes = merkle.grow(0, leaves, {})
    assert [merkle.root(size, nodes).hex() for size in range(1, 9)] == ROOTS
    assert [root.hex() for _, root in verify.roots(leaves, set(range(9)))] == ROOTS
    assert merkle.root(0, {}) == verify.EMPTY_ROOT


@given(sizes, st.integers(1, 70))
def test_a_tree_is_the_same_however_it_grew(count, step):
    at_once, in_steps = build(count, step=count)[1], build(count, step=step)[1]
    assert at_once == in_steps
    assert len(at_once) == sum(count >> level for level in range(9))


@given(st.data(), sizes)
def test_every_inclusion_proof_verifies_and_is_short(data, size):
    index = data.draw(st.integers(0, size - 1))
    leaves, nodes = build(size, step=64)
    proof = merkle.resolve(merkle.inclusion(index, size), nodes)
    assert len(proof) <= (size - 1).bit_length()
    verify.verify_inclusion(index, size, leaves[index], proof, merkle.root(size, nodes))


@given(st.data(), sizes)
def test_a_proof_holds_for_one_leaf_at_one_place_only(data, size):
    index = data.draw(st.integers(0, size - 1))
    leaves, nodes = build(size, step=64)
    root, proof = merkle.root(size, nodes), merkle.resolve(merkle.inclusion(index, size), nodes)
    wrong = [(other, size, leaves[index], proof) for other in range(size) if other != index]
    wrong += [(index, size, verify.leaf_hash(b"x"), proof), (index, size, leaves[index], [*proof, root])]
    wrong += [(index, size, leaves[index], proof[:-1])] if proof else []
    wrong += [(-1, size, leaves[index], proof), (size, size, leaves[index], proof)]
    for case in wrong:
        with pytest.raises(verify.Broken, match="not_in_log"):
            verify.verify_inclusion(*case, root)


@given(st.data(), sizes)
def test_every_consistency_proof_verifies(data, second):
    first = data.draw(st.integers(0, second))
    _, nodes = build(second, step=64)
    proof = merkle.resolve(merkle.consistency(first, second), nodes)
    verify.verify_consistency(first, second, merkle.root(first, nodes), merkle.root(second, nodes), proof)


@given(st.data(), st.integers(2, 260))
def test_a_consistency_proof_holds_for_its_two_trees_only(data, second):
    first = data.draw(st.integers(1, second - 1))
    _, nodes = build(second, step=64)
    old, new = merkle.root(first, nodes), merkle.root(second, nodes)
    proof = merkle.resolve(merkle.consistency(first, second), nodes)
    changed = [verify.leaf_hash(proof[0]), *proof[1:]]
    wrong = [
        (first, second, new, new, proof), (first, second, old, old, proof), (second, first, new, old, proof),
        (first, second, old, new, proof[:-1]), (first, second, old, new, [*proof, old]),
        (first, second, old, new, changed), (0, second, old, new, proof), (first, first, old, new, []),
        (second, second, old, new, []), (first, second, old, new, []),
    ]  # fmt: skip
    for case in wrong:
        with pytest.raises(verify.Broken, match="history_rewritten"):
            verify.verify_consistency(*case)


@given(st.data(), st.integers(1, 120))
def test_proofs_are_those_of_an_independent_implementation(data, size):
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    leaves, nodes = build(size, step=64)
    tree = other(size)
    assert tree.get_root(first) == merkle.root(first, nodes)
    theirs = tree.prove_inclusion(index + 1, size)
    ours = merkle.resolve(merkle.inclusion(index, size), nodes)
    assert theirs.path == [leaves[index], *ours]
    verify.verify_inclusion(index, size, leaves[index], theirs.path[1:], tree.get_root(size))
    rebuilt = pymerkle.InclusionProof("sha256", True, size, index + 1, theirs.rule, [leaves[index], *ours])
    pymerkle.verify_inclusion(leaves[index], merkle.root(size, nodes), rebuilt, index=index + 1, size=size)


@given(st.data(), st.integers(1, 120))
def test_an_independent_implementation_proves_the_same_growth(data, second):
    """Its consistency proofs are cut differently, so they are compared by what they prove."""
    first = data.draw(st.integers(1, second))
    _, nodes = build(second, step=64)
    old, new = merkle.root(first, nodes), merkle.root(second, nodes)
    theirs = other(second).prove_consistency(first, second)
    pymerkle.verify_consistency(old, new, theirs, prior_size=first, later_size=second)
    verify.verify_consistency(
        first, second, old, new, merkle.resolve(merkle.consistency(first, second), nodes)
    )


@given(st.data(), st.integers(1, 60))
def test_proofs_are_those_that_the_words_of_rfc_6962_define(data, size):
    leaves, nodes = build(size, step=64)
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert merkle.resolve(merkle.inclusion(index, size), nodes) == defined_path(index, leaves)
    assert merkle.resolve(merkle.consistency(first, size), nodes) == defined_subproof(first, leaves, True)


def defined_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_below(len(leaves))
    return verify.node_hash(defined_root(leaves[:k]), defined_root(leaves[k:]))


def defined_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*defined_path(m, leaves[:k]), defined_root(leaves[k:])]
    return [*defined_path(m - k, leaves[k:]), defined_root(leaves[:k])]


def defined_subproof(m: int, leaves: list[bytes], is_whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of section 2.1.2."""
    if m == len(leaves):
        return [] if is_whole else [defined_root(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*defined_subproof(m, leaves[:k], is_whole), defined_root(leaves[k:])]
    return [*defined_subproof(m - k, leaves[k:], False), defined_root(leaves[:k])]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1, 8, ["96a296d224f285c6", "5f083f0a1a33ca07", "6b47aaf29ee3c2af"]),
        (6, 8, ["0ebc5d3437fbe2db", "ca854ea128ed050b", "d37ee418976dd957"]),
        (2, 5, ["5f083f0a1a33ca07", "bc1a0643b12e4d2d"]),
        (4, 4, []),
    ],
)
def test_the_known_consistency_proofs_of_rfc_6962(first, second, expected):
    nodes = merkle.grow(0, [verify.leaf_hash(data) for data in INPUTS], {})
    proof = merkle.resolve(merkle.consistency(first, second), nodes)
    assert [value.hex()[:16] for value in proof] == expected


@pytest.mark.parametrize("plan", [lambda: merkle.inclusion(3, 3), lambda: merkle.consistency(4, 3)])
def test_a_proof_of_what_is_not_there_is_refused(plan):
    with pytest.raises(ValueError):
        plan()
