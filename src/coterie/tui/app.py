"""The program on the screen."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from textual import events

from coterie.client.api import Backend, Done, Message, Room, SayPresence
from coterie.errors import CoterieError
from coterie.tui.chat_screen import ChatScreen
from coterie.tui.notify import Notifier
from coterie.tui.presence import IDLE_S, Presence
from coterie.tui.program import Program
from coterie.tui.session import Session, Work
from coterie.tui.settings import Read, Settings
from coterie.tui.settings_file import SettingsFile
from coterie.tui.settled import all_settled
from coterie.tui.typed_ahead import TypedAhead
from coterie.ui.keymap import KEYS


class ChatApp(Program[CoterieError | None]):
    """``room`` is opened first, ``theme`` wins over that of the settings, ``mark`` stands above all,
    and ``drafts``, by room, are what a screen before this one did not save.

    It ends with an error where the client ends.
    """

    def __init__(
        self,
        backend: Backend,
        room: str | None,
        theme: str | None = None,
        *,
        settings_file: SettingsFile | None = None,
        mark: str = "",
        drafts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.mark = mark
        self._drafts = drafts or {}
        self.settings_file = settings_file or SettingsFile(Path(), Read())
        self.settings = self.settings_file.settings
        self.theme = theme or self.settings.theme
        self.set_keymap(self.settings.keys)
        self._walking_keys = {
            one
            for key in KEYS
            if key.action in ("previous_room", "next_room")
            for one in self.settings.keys.get(key.action, key.keys).split(",")
        }
        self.typed_ahead = TypedAhead(self._give, self._all_done)
        self._is_due = False
        self._notifier = Notifier(self.settings, self._write, time.monotonic)
        self._presence = Presence(time.monotonic())
        self.session = Session(backend, self._changed, self._spawn, self._heard)
        self.session.says_typing = self.settings.say_typing
        self._main = ChatScreen(self.session, room)

    def get_default_screen(self) -> ChatScreen:
        """The main one: what is drawn first."""
        return self._main

    def on_load(self) -> None:
        """Before anything is drawn."""
        self.session.drafts.take_over(self._drafts)

    def on_ready(self) -> None:
        """Once something is drawn: says what is wrong in the settings, and that the person is there."""
        if self.settings_file.problems:
            self._main.tell("; ".join(self.settings_file.problems))
        self._say_presence()
        self.set_interval(IDLE_S / 4, self._say_presence)

    def apply(self, settings: Settings) -> None:
        """As the person has it now."""
        if settings.theme != self.settings.theme:
            self.theme = settings.theme
        self.settings = self._notifier.settings = settings
        self.session.says_typing = settings.say_typing
        self._say_presence()
        self._changed()

    async def on_event(self, event: events.Event) -> None:
        """Whoever presses a key is there."""
        if isinstance(event, events.Key | events.MouseDown | events.Paste):
            if not isinstance(event, events.Key) or event.key not in self._walking_keys:
                self.session.end_walk()
            self._presence.acted(time.monotonic())
            self._say_presence()
        is_typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if is_typed:
            await self._main.is_there.wait()
        if not is_typed or not self.typed_ahead.has_to_wait(event):
            await super().on_event(event)

    def _give(self, event: events.Event) -> None:
        self.call_later(super().on_event, event)

    async def _all_done(self) -> None:
        """Of what the last key began; a room that it opened is shown."""
        await all_settled(self)
        await self.session.until_open()
        if self._is_due:
            self._show()

    def watch_app_focus(self) -> None:
        """Whoever looks elsewhere is away."""
        self._say_presence()

    def _say_presence(self) -> None:
        """Where it is another one, and the person wants it said."""
        state = self._presence.news(
            time.monotonic(), is_focused=self.app_focus, is_said=self.settings.say_presence
        )
        if state is not None and self._main.is_mounted:
            self._spawn(self._tell(SayPresence(state)))

    async def _tell(self, request: SayPresence) -> None:
        await self.session.ask(request, Done)

    def _spawn(self, work: Work) -> None:
        self._main.begin(work, says_nothing=True)

    def _heard(self, room: Room, message: Message) -> None:
        self._notifier.ring(room, message)

    def _write(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(text)

    def _changed(self) -> None:
        """However many changes come at once, the screen shows the last of them once."""
        if not self._is_due and self.is_running:
            self._is_due = True
            self.call_next(self._show)

    def _show(self) -> None:
        self._is_due = False
        self._main.update()
        self._notifier.show_unread(sum(room.unread for room in self.session.rooms.values()))

    def end(self) -> None:
        """Once what was typed is kept; at once where the person asks again."""
        if self._main.is_quitting or not self._main.is_mounted:
            self.exit()
        else:
            self._main.begin(self._main.quit())

    def on_unmount(self) -> None:
        """Gives the terminal's title back."""
        self.typed_ahead.close()
        self._notifier.close()


@dataclass(slots=True)
class Begun:
    """What outlives a screen whose client ended: the room that was open, and what was not saved of what was written."""

    room: str | None
    drafts: dict[str, str] = field(default_factory=dict)


async def run_chat(
    backend: Backend,
    begun: Begun,
    theme: str | None = None,
    *,
    settings_file: SettingsFile | None = None,
    mark: str = "",
) -> None:
    """Until the person quits. Raises Unavailable where the client ends before; ``begun`` says then where that was."""
    app = ChatApp(
        backend, begun.room, theme, settings_file=settings_file, mark=mark, drafts=begun.drafts
    )
    error = await app.run_async()
    begun.room, begun.drafts = app.session.opened.room_id or begun.room, app.session.drafts.unsaved
    if error is not None:
        raise error
