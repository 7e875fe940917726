"""Array trees: what the published vectors do not reach."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.mls import tree_math

WIDTHS = st.integers(0, 10).map(lambda d: 2**d)


@given(WIDTHS, st.data())
def test_a_direct_path_goes_up_to_the_root(width: int, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, tree_math.node_width(width) - 1))
    path = tree_math.direct_path(x, width)
    assert [tree_math.level(y) for y in path] == list(
        range(tree_math.level(x) + 1, tree_math.level(tree_math.root(width)) + 1)
    )
    assert all(tree_math.is_below(x, y) for y in path)
    if path:
        assert path[-1] == tree_math.root(width)


@given(WIDTHS, st.data())
def test_is_below_is_being_on_the_way(width: int, data: st.DataObject) -> None:
    nodes = st.integers(0, tree_math.node_width(width) - 1)
    x, top = data.draw(nodes), data.draw(nodes)
    assert tree_math.is_below(x, top) == (x == top or top in tree_math.direct_path(x, width))


@given(WIDTHS, st.data())
def test_first_below_is_the_leftmost_node_of_the_subtree(width: int, data: st.DataObject) -> None:
    top = data.draw(st.integers(0, tree_math.node_width(width) - 1))
    below = (x for x in range(tree_math.node_width(width)) if tree_math.is_below(x, top))
    assert tree_math.first_below(top) == next(below)


@pytest.mark.parametrize("x", [2**20, 2**40 + 2, 2**64])
def test_a_path_from_outside_the_tree_ends_all_the_same(x: int) -> None:
    """It ran for ever, since it never met the root."""
    assert len(tree_math.direct_path(x, 8)) <= 3
