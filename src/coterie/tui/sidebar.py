"""The list at the left: rooms, direct messages, and what is new in each."""

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from coterie.client.api import Room
from coterie.tui import words
from coterie.tui.session import Session
from coterie.tui.wrapping import cells, cut

WIDTH = 22  # columns
_ROOM = WIDTH - 2  # of them for a line: the scrollbar and a space


class Sidebar(OptionList, can_focus=False):
    """Is drawn anew where a line of it is otherwise."""

    DEFAULT_CSS = f"""
    Sidebar {{
        width: {WIDTH}; height: 100%; border: none; padding: 0; background: $panel;
        scrollbar-size-vertical: 1;
    }}
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id, compact=True)
        self._listed: list[tuple[str, str, str]] = []

    def show(self, session: Session) -> None:
        """The rooms of the session, the open one lit."""
        rooms, twins = session.listed, session.twins
        lines = [(room.room_id, *_line(room, session, twins)) for room in rooms]
        if lines != self._listed:
            self._listed = lines
            self.clear_options()
            head = ""
            for room, (room_id, name, new) in zip(rooms, lines, strict=True):
                if head != (head := "Direct messages" if room.direct else "Rooms"):
                    self.add_option(Option(Content(head).stylize("bold"), disabled=True))
                line = Content.assemble(name, " ", (new, "bold")) if new else Content(name)
                self.add_option(Option(line.stylize("bold") if new else line, id=room_id))
        if session.room is not None:
            place = self.get_option_index(session.room.room_id)
            if self.highlighted != place:
                self.highlighted = place


def _line(room: Room, session: Session, twins: frozenset[str]) -> tuple[str, str]:
    """The name as wide as there is room for it, and what is new."""
    is_open = room.room_id == session.opened.room_id
    new = words.news(room, has_draft=room.has_draft and not is_open)
    pin = session.pins_in(room.room_id).get(room.direct, "") if room.direct else ""
    name = words.side_name(room, session.presence(room), pin)
    mark = words.told_apart(room, twins)
    return cut(name, _ROOM - cells(new) - 1 - cells(mark)) + mark, new
