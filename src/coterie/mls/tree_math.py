"""Array-based trees: RFC 9420 Appendix C.

Node indices are in-order: leaves are the even numbers, parents the odd ones. Pure integers; no tree is ever built
here. ``width`` is the number of leaves, a power of two.
"""


def level(x: int) -> int:
    """0 for leaves, 1 for their parents, and so on."""
    return (~x & (x + 1)).bit_length() - 1


def node_width(n_leaves: int) -> int:
    """How many nodes a tree of that many leaves has."""
    return 2 * n_leaves - 1 if n_leaves else 0


def root(n_leaves: int) -> int:
    """The root of a tree of that many leaves."""
    return (1 << (node_width(n_leaves).bit_length() - 1)) - 1


def left(x: int) -> int:
    """The left child of a parent."""
    return x ^ (1 << (level(x) - 1))


def right(x: int) -> int:
    """The right child of a parent."""
    return x ^ (3 << (level(x) - 1))


def parent(x: int) -> int:
    """The parent of a node that is not the root."""
    k = level(x)
    return (x | (1 << k)) & ~(1 << (k + 1))


def sibling(x: int) -> int:
    """The other child of the node's parent."""
    p = parent(x)
    return right(p) if x < p else left(p)


def direct_path(x: int, n_leaves: int) -> list[int]:
    """The ancestors, from the parent to the root."""
    path = []
    for k in range(level(x), level(root(n_leaves))):
        x = (x | (1 << k)) & ~(1 << (k + 1))  # the parent, whose level need not be found again
        path.append(x)
    return path


def first_below(x: int) -> int:
    """The leftmost leaf in the subtree of ``x``."""
    return x - (1 << level(x)) + 1


def is_below(x: int, top: int) -> bool:
    """Whether ``x`` is in the subtree of ``top``, which counts as below itself."""
    reach = (1 << level(top)) - 1
    return top - reach <= x <= top + reach
