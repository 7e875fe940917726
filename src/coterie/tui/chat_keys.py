"""What the keys of the main screen do: an ``action_`` for each action of ``ui.keymap.KEYS``, and one for all of
``SELECT_KEYS``.
"""

from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from coterie.tui.message_actions import STAYS_SELECTED, act, picked
from coterie.tui.navigating import go_to_beginning, go_to_end, go_to_new, search
from coterie.tui.palette import pick_command, pick_room
from coterie.tui.slash import run_command
from coterie.tui.trust import heed

if TYPE_CHECKING:
    from coterie.client.api import Message, Room
    from coterie.tui.chat_screen import ChatScreen


class ChatKeys(Screen[None]):
    """The part of ``ChatScreen`` that keys call."""

    @property
    def _chat(self) -> "ChatScreen":
        return cast("ChatScreen", self)

    def action_switch(self) -> None:
        self._chat.begin(pick_room(self._chat))

    def action_palette(self) -> None:
        self._chat.begin(pick_command(self._chat))

    def action_help(self) -> None:
        self._chat.begin(run_command(self._chat, "help", ()))

    def action_search(self) -> None:
        self._chat.begin(search(self._chat))

    def action_heed(self) -> None:
        self._chat.begin(heed(self._chat))

    def action_retry(self) -> None:
        self._chat.begin(self._chat.session.retry())

    def action_quit(self) -> None:
        self._chat.app.end()

    def action_thread(self) -> None:
        self._chat.begin(self._open_thread())

    async def _open_thread(self) -> None:
        """Of the selected message, or of the latest that is in one, or else of the latest."""
        messages = self._chat.session.opened.view.window.messages
        has_threads = any(one.thread or one.replies for one in messages)
        message = await picked(
            self._chat, "", lambda one: bool(one.thread or one.replies) or not has_threads
        )
        await act(self._chat, "open_thread", message)

    def action_previous_room(self) -> None:
        self._go(self._chat.session.go(-1))

    def action_next_room(self) -> None:
        self._go(self._chat.session.go(1))

    def action_next_unread(self) -> None:
        self._go(self._chat.session.next_unread())

    def _go(self, room: "Room | None") -> None:
        if room is not None:
            self._chat.begin(self._chat.session.open(room.room_id))

    def action_page_up(self) -> None:
        self._chat.timeline.scroll_page_up(animate=False)

    def action_page_down(self) -> None:
        self._chat.timeline.scroll_page_down(animate=False)

    def action_first(self) -> None:
        self._chat.begin(go_to_beginning(self._chat))

    def action_last(self) -> None:
        self._chat.begin(go_to_end(self._chat))

    def action_first_unread(self) -> None:
        self._chat.begin(go_to_new(self._chat))

    def action_select(self) -> None:
        timeline = self._chat.timeline
        if timeline.select_next(-1):
            self._chat.begin_select(timeline.selected)

    def action_with_selected(self, action: str) -> None:
        """One of ``keymap.SELECT_KEYS``."""
        chat = self._chat
        message = chat.timeline.selected_message
        if action in ("select_up", "select_down"):
            chat.timeline.select_next(-1 if action == "select_up" else 1)
            chat.tell("")
        elif message is not None:
            chat.begin(self._act(action, message))

    async def _act(self, action: str, message: "Message") -> None:
        """What is done is done: who goes on typing writes, and presses no keys for a message."""
        await act(self._chat, action, message)
        if action not in STAYS_SELECTED:
            self._chat.end_select()

    def action_back(self) -> None:
        """Out of what is innermost: a selection, what the composer is for, a thread; else the line of what is new."""
        chat = self._chat
        chat.session.notice = ""
        chat.tell("")
        if chat.timeline.selected:
            chat.end_select()
        elif chat.composing.target is not None:
            chat.composing.end()
        elif chat.session.opened.is_thread:
            chat.session.opened.close_thread()
        else:
            chat.session.opened.clear_line()
        chat.update()
