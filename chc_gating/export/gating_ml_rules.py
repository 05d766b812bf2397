"""Rules over markers as and, or over gates of positive and of negative events."""

from __future__ import annotations

from dataclasses import dataclass

from chc_gating.model.expression import Call, Conjunction, Negation, Node


@dataclass(frozen=True)
class Tree:
    """and, or over names of gates and inner trees."""

    kind: str
    parts: tuple[Tree | str, ...]


def simplify(node: Node) -> Tree:
    """Return a rule without `not`, which holds exactly where the rule is true.

    In three-valued logic `not CD45+` is true where CD45 is negative, not where it is not
    positive, so that `not` moves inwards to the calls.

    Examples
    --------
    >>> from chc_gating.model.expression import parse_expression
    >>> simplify(parse_expression("not (CD45+ or CK-)").root)
    Tree(kind='and', parts=('CD45_negative', 'CK_positive'))
    """
    found = _simplify(node, negated=False)
    return found if isinstance(found, Tree) else Tree("and", (found,))


def _simplify(node: Node, *, negated: bool) -> Tree | str:
    if isinstance(node, Call):
        return f"{node.marker}_{'positive' if node.positive != negated else 'negative'}"
    if isinstance(node, Negation):
        return _simplify(node.operand, negated=not negated)
    is_and = isinstance(node, Conjunction) != negated
    return Tree(
        "and" if is_and else "or",
        tuple(_simplify(operand, negated=negated) for operand in node.operands),
    )
