"""The rules of the SQuAD scripts told again: slowly, one question after the other, with nothing shared with the library.

What is told: how answers are compared, which questions count, where the sweep over thresholds begins, and what average
precision adds up.
"""

from __future__ import annotations

import string


def plain(text):
    """Lower case, then no ASCII punctuation, then no articles as whole words, then single blanks."""
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    words, word = [], ""
    # An article is one where no letter, digit or underscore touches it; blanks are not the only borders.
    for c in kept + " ":
        if c.isalnum() or c == "_":
            word += c
            continue
        words.append(" " if word in ("a", "an", "the") else word)
        words.append(c)
        word = ""
    return " ".join("".join(words).split())


def exact(gold, said):
    return 1 if plain(gold) == plain(said) else 0


def overlap(gold, said):
    gold_words, said_words = plain(gold).split(), plain(said).split()
    if gold_words == [] or said_words == []:
        return 1 if gold_words == said_words else 0
    left, same = list(gold_words), 0
    for word in said_words:
        if word in left:
            left.remove(word)
            same += 1
    if same == 0:
        return 0
    precision, recall = 1.0 * same / len(said_words), 1.0 * same / len(gold_words)
    return (2 * precision * recall) / (precision + recall)


def figures(golds, said, odds=None, threshold=1.0):
    """What the script of SQuAD 2.0 prints, as a list of pairs in its order."""
    ids = [id for id in golds if id in said]
    scores = {"exact": {}, "f1": {}}
    for id in ids:
        accepted = [gold for gold in golds[id] if plain(gold) != ""]
        if not accepted:
            accepted = [""]
        scores["exact"][id] = max(exact(gold, said[id]) for gold in accepted)
        scores["f1"][id] = max(overlap(gold, said[id]) for gold in accepted)
    decided = {name: dict(table) for name, table in scores.items()}
    for id in ids:
        if odds is not None and odds[id] > threshold:
            for table in decided.values():
                table[id] = 1.0 if len(golds[id]) == 0 else 0.0
    out = []
    for prefix, members in (
        ("", ids),
        ("HasAns_", [id for id in ids if len(golds[id]) > 0]),
        ("NoAns_", [id for id in ids if len(golds[id]) == 0]),
    ):
        if members:
            for name in ("exact", "f1"):
                total = 0
                for id in members:
                    total = total + decided[name][id]
                out.append((f"{prefix}{name}", 100.0 * total / len(members)))
            out.append((f"{prefix}total", len(members)))
    if odds is not None:
        for name in ("exact", "f1"):
            best, at = best_threshold(golds, said, scores[name], odds)
            out += [(f"best_{name}", best), (f"best_{name}_thresh", at)]
        answerable = sum(1 for id in ids if golds[id])
        if answerable:
            oracle = {id: float(len(golds[id]) > 0) for id in ids}
            for name, table in (("exact", scores["exact"]), ("f1", scores["f1"]), ("oracle", oracle)):
                out.append((f"pr_{name}_ap", average_precision(golds, table, odds, answerable)))
    return out


def best_threshold(golds, said, scores, odds):
    """Begin with no answer to anything, answer one question after the other, and keep the first best."""
    running = sum(1 for id in scores if not golds[id])
    best, at = running, 0.0
    for id in sorted(odds, key=lambda id: odds[id]):
        if id not in scores:
            continue
        if golds[id]:
            running += scores[id]
        elif said[id]:
            running -= 1
        if running > best:
            best, at = running, odds[id]
    return 100.0 * best / len(scores), at


def average_precision(golds, scores, odds, answerable):
    order = [id for id in sorted(odds, key=lambda id: odds[id]) if id in scores]
    right, area, reached = 0.0, 0.0, 0.0
    for k, id in enumerate(order):
        if golds[id]:
            right += scores[id]
        if k + 1 == len(order) or odds[order[k + 1]] != odds[id]:
            recall = right / answerable
            area += right / (k + 1) * (recall - reached)
            reached = recall
    return 100.0 * area
