"""The colours of the terminal in the pictures."""

from types import MappingProxyType

NAMED = MappingProxyType(
    {
        "background": "#14161b",
        "foreground": "#d8dee9",
        "black": "#2e3440",
        "red": "#e06c75",
        "green": "#98c379",
        "brown": "#e5c07b",  # as pyte calls yellow
        "blue": "#61afef",
        "magenta": "#c678dd",
        "cyan": "#56b6c2",
        "white": "#d8dee9",
        "brightblack": "#7f848e",
        "brightred": "#ff7b86",
        "brightgreen": "#b5e890",
        "brightbrown": "#ffd68a",
        "brightblue": "#84c5ff",
        "brightmagenta": "#df9bf2",
        "brightcyan": "#7fd9e5",
        "brightwhite": "#ffffff",
    }
)


def colour(name: str, otherwise: str) -> str:
    """For a name of ``NAMED`` or six hex digits; ``otherwise`` names the one for an empty name."""
    name = name or otherwise
    return NAMED.get(name, f"#{name}")
