"""The colours. Nothing is told by colour alone, so ``NO_COLOR`` takes them away and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from textual.theme import BUILTIN_THEMES, Theme

THEMES: Mapping[str, Theme] = MappingProxyType(
    {
        theme.name: theme
        for theme in (
            replace(BUILTIN_THEMES["textual-dark"], name="dark"),
            replace(BUILTIN_THEMES["textual-light"], name="light"),
            Theme(
                name="high-contrast",
                primary="#ffff00",
                secondary="#00ffff",
                accent="#00ff00",
                warning="#ffff00",
                error="#ff8080",
                success="#00ff00",
                foreground="#ffffff",
                background="#000000",
                surface="#000000",
                panel="#202020",
                text_alpha=1.0,
            ),
            replace(BUILTIN_THEMES["ansi-dark"], name="terminal"),  # its own 16 colours
        )
    }
)
