"""Whether somebody is there."""

from coterie.tui.presence import IDLE_S, Presence


def test_each_change_is_said_once() -> None:
    presence = Presence(0.0)
    assert presence.news(1.0, is_focused=True, is_said=True) == "online"
    assert presence.news(2.0, is_focused=True, is_said=True) is None
    assert presence.news(3.0, is_focused=False, is_said=True) == "away"
    assert presence.news(4.0, is_focused=True, is_said=True) == "online"


def test_who_presses_no_key_for_long_is_away() -> None:
    presence = Presence(0.0)
    assert presence.news(IDLE_S, is_focused=True, is_said=True) == "away"
    presence.acted(IDLE_S)
    assert presence.news(IDLE_S, is_focused=True, is_said=True) == "online"


def test_who_wants_nothing_said_is_said_to_be_gone_once() -> None:
    presence = Presence(0.0)
    assert presence.news(1.0, is_focused=True, is_said=False) is None
    presence.news(1.0, is_focused=True, is_said=True)
    assert presence.news(2.0, is_focused=True, is_said=False) == "offline"
    assert presence.news(3.0, is_focused=True, is_said=False) is None
