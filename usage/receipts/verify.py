#!/usr/bin/env python3
"""Verifies Steward's receipts, logs and checkpoints. Needs Python 3.11 and `cryptography`, nothing else of Steward.

    python verify.py receipt.json                   one receipt stands in the signed log, unaltered
    python verify.py log.jsonl                      a whole log: nothing altered, removed, reordered or cut off
    python verify.py consistency.json               a later checkpoint only adds to an earlier one
    python verify.py FILE --checkpoint kept.txt     … and it continues a checkpoint that you kept
    python verify.py FILE --key kept.key            … and the log is signed by a key that you kept

RFC 8785 JSON, RFC 6962 tree, C2SP signed notes. Exit codes: 0 it verifies, 1 it does not, 2 it cannot be judged.
"""

import argparse
import base64
import functools
import hashlib
import itertools
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

RECEIPT, LOG, CONSISTENCY = "steward-receipt/1", "steward-log/1", "steward-consistency/1"
ROTATION, ROTATION_DOMAIN = "key-rotation", b"steward key-rotation\n"
ED25519, MAX_INTEGER, MOST_NAMED = b"\x01", 2**53 - 1, 100
SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
SIGNATURE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)")
EMPTY_ROOT = hashlib.sha256().digest()


class Broken(Exception):  # noqa: N818  reads as what happened
    """Something does not hold. `code` is stable, the message says what and where."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(f"{message} [{code}]")


@dataclass
class Report:
    """`facts`: what was established. `checkpoint` and `key`: what the verifying person kept from before."""

    checkpoint: "Checkpoint | None" = None
    key: "Key | None" = None
    facts: list[str] = field(default_factory=list)
    problems: list[Broken] = field(default_factory=list)

    @contextmanager
    def establishing(self, fact: str) -> Iterator[None]:
        """What runs inside establishes the fact, or raises Broken."""
        try:
            yield
            self.facts.append(fact)
        except Broken as problem:
            self.problems.append(problem)

    def say(self, code: str, message: str) -> None:
        self.problems.append(Broken(code, message))


def canonical(value: Any) -> bytes:
    """RFC 8785 for values without floating-point numbers. Raises ValueError for others."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return b"{" + b",".join(canonical(key) + b":" + canonical(value[key]) for key in keys) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if value is None or isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False).encode()
    if isinstance(value, int) and abs(value) <= MAX_INTEGER:
        return str(value).encode()
    raise ValueError("a number is not a whole number of at most 53 bits")


def read_json(text: str) -> Any:
    """Refuses what two programs could read differently: a repeated name, 1.0, NaN. Raises ValueError."""
    return json.loads(text, object_pairs_hook=_unique, parse_float=int, parse_constant=int)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return dict(pairs)


def unb64(text: str, size: int = 32) -> bytes:
    data = base64.b64decode(text, validate=True)
    if len(data) != size:
        raise ValueError(f"{text!r} is not the base64 of {size} bytes")
    return data


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """RFC 6962's k: the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Iterable[bytes], root: bytes) -> None:
    """The leaf stands at `index` of the tree of `size` leaves with that root (RFC 6962 2.1.1). Raises Broken."""
    if not 0 <= index < size or _included(index, size, leaf, list(proof)) != root:
        raise Broken("not_in_log", f"the proof does not lead from leaf {index} to the signed root")


def _included(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes | None:
    if size == 1 or not proof:
        return leaf if size == 1 and not proof else None
    k = split(size)
    if index < k:
        below = _included(index, k, leaf, proof[:-1])
        return below and node_hash(below, proof[-1])
    below = _included(index - k, size - k, leaf, proof[:-1])
    return below and node_hash(proof[-1], below)


def verify_consistency(first: int, second: int, old: bytes, new: bytes, proof: list[bytes]) -> None:
    """The tree of `second` leaves begins with the tree of `first` (RFC 6962 2.1.2). Raises Broken."""
    is_empty = first == 0 and old == EMPTY_ROOT and not proof
    if not is_empty and (
        not 0 < first <= second or _consistent(first, second, old, proof, is_left=True) != (old, new)
    ):
        raise Broken("history_rewritten", f"the log of {second} leaves does not continue that of {first}")


def _consistent(m: int, n: int, old: bytes, proof: list[bytes], *, is_left: bool) -> tuple[bytes, ...] | None:
    """Both roots that the proof leads to. The old tree's own root is not repeated in it: `is_left`."""
    if m == n or not proof:
        known = [*proof, old] if is_left else proof
        return (known[0], known[0]) if m == n and len(known) == 1 else None
    k, last = split(n), proof[-1]
    if m <= k:
        below = _consistent(m, k, old, proof[:-1], is_left=is_left)
        return below and (below[0], node_hash(below[1], last))
    below = _consistent(m - k, n - k, old, proof[:-1], is_left=False)
    return below and (node_hash(last, below[0]), node_hash(last, below[1]))


def fold(peaks: list[bytes]) -> bytes:
    """The root over perfect subtrees, biggest first."""
    return functools.reduce(lambda right, left: node_hash(left, right), reversed(peaks))


def roots(leaves: Iterable[bytes], sizes: set[int]) -> Iterator[tuple[int, bytes]]:
    """The root of each of these sizes."""
    peaks: list[bytes] = []
    for size, leaf in enumerate(leaves, start=1):
        found, rest = leaf, size - 1
        while rest & 1:
            found, rest = node_hash(peaks.pop(), found), rest >> 1
        peaks.append(found)
        if size in sizes:
            yield size, fold(peaks)


@dataclass(frozen=True)
class Key:
    """A verifier key of C2SP signed-note: `<name>+<id in hex>+<base64 of 0x01 and the public key>`."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> "Key":
        name, _, encoded = text.strip().split("+", 2)
        key = cls(name, unb64(encoded, 33)[1:])
        if not name or str(key) != text.strip():
            raise ValueError(f"{text!r} is not a verifier key")
        return key

    def verifies(self, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Checkpoint:
    """C2SP tlog-checkpoint: a signed note of origin, size and root."""

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: list[tuple[str, bytes]]

    @classmethod
    def parse(cls, note: Any) -> "Checkpoint":
        text, _, below = str(note).rpartition("\n\n")
        parts, lines = text.split("\n"), [SIGNATURE_LINE.fullmatch(line) for line in below.split("\n")[:-1]]
        if len(parts) < 3 or not SIZE.fullmatch(parts[1]) or not lines or not all(lines):
            raise ValueError("a checkpoint is not a signed note of origin, size and root")
        signatures = [(line[1], base64.b64decode(line[2])) for line in lines if line]
        return cls(parts[0], int(parts[1]), unb64(parts[2], 32), f"{text}\n".encode(), signatures)


class Chain:
    """The keys of a log: the first, then those that changes of keys, which are leaves, put in its place."""

    def __init__(self, origin: str, first_key: str) -> None:
        self.origin, self.keys = origin, [(0, Key.parse(first_key))]
        if self.keys[0][1].name != origin:
            raise Broken("wrong_log", f"the key is of another log than {origin}")

    def rotate(self, index: int, leaf: dict[str, Any], report: Report) -> None:
        """The change at `index` binds checkpoints of more than `index` leaves. Raises Broken."""
        since, old = self.keys[-1]
        new, message = Key.parse(leaf["new_key"]), ROTATION_DOMAIN + canonical({**leaf, "signatures": None})
        by_old, by_new = (unb64(leaf["signatures"][role], 64) for role in ("old", "new"))
        is_signed = old.verifies(by_old, message) and new.verifies(by_new, message)
        said = (leaf["type"], leaf["log"], leaf["old_key"], new.name)
        if said != (ROTATION, self.origin, str(old), self.origin) or not is_signed or index < since:
            raise Broken("rotation_broken", f"the change of keys at leaf {index} is not signed by both keys")
        self.keys.append((index + 1, new))
        if leaf["reason"] == "compromised":
            report.facts.append(f"key {old.id.hex()} was given up as compromised on {leaf['rotated_at']}:")
            report.facts[-1] += " believe its checkpoints only if you held them before that"

    def verify(self, checkpoint: Checkpoint) -> None:
        """Raises Broken."""
        key = [key for since, key in self.keys if since <= checkpoint.size][-1]
        named = f"the checkpoint of {checkpoint.size} leaves"
        if checkpoint.origin != self.origin:
            raise Broken("wrong_log", f"{named} is of {checkpoint.origin}, the file of {self.origin}")
        mine = [data[4:] for name, data in checkpoint.signatures if (name, data[:4]) == (key.name, key.id)]
        if not mine:
            signers = ", ".join(f"{name} {data[:4].hex()}" for name, data in checkpoint.signatures)
            raise Broken("unknown_key", f"{named} is signed by {signers}, not by key {key.id.hex()}")
        if not all(key.verifies(signature, checkpoint.text) for signature in mine):
            raise Broken("checkpoint_forged", f"{named} has a wrong signature: it was altered or forged")


def verify_document(document: dict[str, Any], report: Report) -> None:
    """A receipt with its proof, or a checkpoint with the proof that it continues an older one."""
    newest = Checkpoint.parse(document["checkpoint"])
    chain = Chain(document["origin"], document["first_key"])
    for rotation in document["rotations"]:
        index, leaf, proof = rotation["leaf_index"], rotation["leaf"], rotation["inclusion"]
        with report.establishing(f"the change of keys at leaf {index} is in the log, signed by both keys"):
            verify_inclusion(index, newest.size, leaf_hash(canonical(leaf)), map(unb64, proof), newest.root)
            chain.rotate(index, leaf, report)
    with report.establishing(f"the checkpoint of {newest.size} leaves is signed"):
        chain.verify(newest)
    found = {newest.size: newest.root}
    if document["format"] != CONSISTENCY:
        _check_receipt(document, newest, report)
    else:
        old = Checkpoint.parse(document["old_checkpoint"])
        found[old.size] = old.root
        with report.establishing(f"the log of {newest.size} leaves continues the log of {old.size}"):
            chain.verify(old)
            proof = list(map(unb64, document["consistency"]))
            verify_consistency(old.size, newest.size, old.root, newest.root, proof)
    _compare_with_kept(chain, report, found)


def _check_receipt(document: dict[str, Any], newest: Checkpoint, report: Report) -> None:
    receipt, index, declared = document["receipt"], document["leaf_index"], unb64(document["leaf_hash"])
    with report.establishing(f"receipt {receipt['receipt_id']} is unaltered"):
        if leaf_hash(canonical(receipt)) != declared:
            raise Broken("receipt_altered", "the receipt is not the one whose hash was logged")
        if f"/{receipt['workspace_id']}/" not in newest.origin:
            raise Broken("wrong_log", "the receipt is of another workspace than the log")
    with report.establishing(f"it is leaf {index} of {newest.size} of {newest.origin}"):
        verify_inclusion(index, newest.size, declared, map(unb64, document["inclusion"]), newest.root)


def verify_log(header: dict[str, Any], lines: Iterable[str], report: Report) -> None:
    """A whole log: its checkpoints, then one leaf per line."""
    checkpoints = sorted(map(Checkpoint.parse, header["checkpoints"]), key=lambda each: each.size)
    chain = Chain(header["origin"], header["first_key"])
    hashes: dict[int, bytes] = {}
    order: list[int] = []
    for row in (read_json(line) for line in lines if line.strip()):
        index, leaf, declared = row["index"], row["leaf"], unb64(row["hash"])
        order.append(index)
        hashes.setdefault(index, declared)
        if leaf_hash(canonical(leaf)) != declared:
            report.say("leaf_altered", f"leaf {index} was altered")
        elif leaf["type"] == ROTATION:
            with report.establishing(f"the change of keys at leaf {index} is signed by both keys"):
                chain.rotate(index, leaf, report)
    _check_order(order, checkpoints[-1].size, report)
    held = list(itertools.takewhile(bool, (hashes.get(index, b"") for index in range(len(order)))))
    asked = {each.size for each in (*checkpoints, report.checkpoint) if each}
    found = {0: EMPTY_ROOT} | dict(roots(held, asked))
    _check_roots(found, checkpoints, report)
    for checkpoint in (each for each in checkpoints if each.size in found):
        with report.establishing(f"the checkpoint of {checkpoint.size} leaves is signed"):
            chain.verify(checkpoint)
    _compare_with_kept(chain, report, found)


def _check_order(order: list[int], size: int, report: Report) -> None:
    """Names what is missing, twice there or out of place."""
    counts, present = Counter(order), max(order, default=-1) + 1
    missing = (index for index in range(present) if index not in counts)
    moved = [index for index, expected in zip(order, sorted(order), strict=True) if index != expected]
    for index in itertools.islice(missing, MOST_NAMED):
        report.say("leaf_missing", f"leaf {index} was removed")
    for index in (index for index, count in counts.items() if count > 1):
        report.say("leaf_repeated", f"leaf {index} stands there {counts[index]} times")
    if moved:
        report.say("leaves_reordered", f"leaves are out of order: {', '.join(map(str, moved[:MOST_NAMED]))}")
    if present < size:
        report.say("tail_truncated", f"{size} leaves are signed for, the file ends after {present}")


def _check_roots(found: dict[int, bytes], checkpoints: list[Checkpoint], report: Report) -> None:
    """Compares the tree with every checkpoint; the first that does not match bounds where the change is."""
    good = 0
    for checkpoint in (each for each in checkpoints if each.size in found):
        if found[checkpoint.size] != checkpoint.root:
            where = f"among leaves {good} to {checkpoint.size - 1}"
            report.say("root_mismatch", f"{where} something was altered, removed or reordered")
            return
        good = checkpoint.size
    report.facts.append(f"the leaves lead to the signed roots, up to {good} leaves")


def _compare_with_kept(chain: Chain, report: Report, found: dict[int, bytes]) -> None:
    if report.key and all(key.public != report.key.public for _, key in chain.keys):
        report.say("unknown_key", f"the key that you kept, {report.key.id.hex()}, is none of this log's keys")
    old, end = report.checkpoint, max(found)
    if old is None:
        return
    if old.size < end and old.size not in found:
        raise ValueError(f"this file has no root of {old.size} leaves: get the consistency proof from there")
    with report.establishing(f"the checkpoint of {old.size} leaves that you kept is part of it"):
        chain.verify(old)
        if old.size > end:
            raise Broken("tail_truncated", f"you know {old.size} leaves, this file ends after {end}")
        if found[old.size] != old.root:
            raise Broken("history_rewritten", f"the {old.size} leaves that you know are others")


def verify(lines: Iterable[str], report: Report) -> Report:
    """Judges a file of any of the three kinds, given as its lines. Raises ValueError when it is none."""
    rows = iter(lines)
    try:
        first = next(rows, "")
        if f'"{LOG}"' in first:
            verify_log(read_json(first), rows, report)
        else:
            verify_document(read_json(first + "".join(rows)), report)
    except Broken as problem:
        report.problems.append(problem)
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"it is no receipt, log or consistency proof: {error}") from error
    return report


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Verifies receipts, logs and checkpoints of Steward.")
    parser.add_argument("file", type=Path, help="a receipt, a log or a consistency proof")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint that you kept")
    parser.add_argument("--key", type=Path, help="a file with the verifier key that you kept")
    options = parser.parse_args(arguments)
    try:
        report = Report(
            options.checkpoint and Checkpoint.parse(options.checkpoint.read_text("utf-8")),
            options.key and Key.parse(options.key.read_text("utf-8")),
        )
        with options.file.open(encoding="utf-8", newline="\n") as lines:
            verify(lines, report)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"Cannot be judged: {error}\n")
        return 2
    verdict = "DOES NOT VERIFY" if report.problems else "VERIFIED"
    sys.stdout.write("\n".join([*report.facts, *(f"! {each}" for each in report.problems), verdict, ""]))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
