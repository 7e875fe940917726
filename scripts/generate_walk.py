#!/usr/bin/env python3
"""Writes docs/reference/protocol-walk.md by walking through the protocol; a test says when it is out of date."""

from pathlib import Path

from coterie.explain.page import page
from coterie.explain.walk import walk

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "protocol-walk.md"

if __name__ == "__main__":
    PAGE.write_text(page(walk()), encoding="utf-8")
