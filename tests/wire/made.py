"""Frames made by Hypothesis from their types, so that a new frame is tested the day it is written."""

import enum
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect


def values(type_: Any) -> st.SearchStrategy[Any]:
    """Everything that ``type_`` allows; bytes and tuples stay short where they may."""
    return _values(inspect.type_info(type_))


def _values(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.StructType(cls=cls, fields=fields):
            made = {f.name: _values(f.type) for f in fields}
            return st.builds(cls, **made)
        case inspect.UnionType(types=types):
            return st.one_of([_values(one) for one in types])
        case inspect.BytesType(min_length=least, max_length=most):
            return st.binary(min_size=least or 0, max_size=_short(least, most))
        case inspect.StrType(min_length=least, max_length=most):
            return st.text(min_size=least or 0, max_size=_short(least, most))
        case inspect.IntType(ge=ge, le=le):
            return st.integers(min_value=-(2**63) if ge is None else ge, max_value=le or 2**63 - 1)
        case inspect.FloatType():
            return st.floats(allow_nan=False)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.EnumType(cls=cls):
            assert issubclass(cls, enum.Enum)
            return st.sampled_from(list(cls))
        case inspect.VarTupleType(item_type=item, min_length=least):
            return st.lists(_values(item), min_size=least or 0, max_size=3).map(tuple)
        case _:
            raise TypeError(f"no strategy for {info}")


def _short(least: int | None, most: int | None) -> int:
    return min(most if most is not None else 40, max(least or 0, 40))
