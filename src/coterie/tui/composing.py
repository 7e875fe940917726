"""What is being written, and for what: each room and thread keeps both while the person is elsewhere."""

from coterie.client.api import Message, Room
from coterie.tui.composer import Composer
from coterie.tui.drafts import Drafts
from coterie.tui.target import Answering, Editing, Place, Target

NOWHERE = Place()


class Composing:
    """``place`` and ``target`` are what the text in the composer is for."""

    def __init__(self, composer: Composer, drafts: Drafts) -> None:
        self._composer, self._drafts = composer, drafts
        self.place = NOWHERE
        self.target: Target = None
        self._left: dict[Place, tuple[Target, str]] = {}  # where there is a target, with its text

    def go(self, place: Place) -> None:
        """Leaves what is written where it is, and goes on with what was begun at ``place``."""
        before, self.place = self.place, place
        if before == NOWHERE and self._composer.text:
            return  # typed before the first room was there: for it
        if before != NOWHERE:
            self._keep(before)
        self.target, text = self._left.pop(place, (None, self._drafts.of(place.key)))
        self._composer.replace_text(text)

    def _keep(self, place: Place) -> None:
        text, target = self._composer.text, self.target
        if target is not None:
            self._left[place] = (target, text)
        draft = target.draft if isinstance(target, Editing) else text
        self._drafts.keep(place.key, draft, is_room=not place.thread)

    async def load_draft(self, room: Room) -> None:
        """What was begun there when the program ran before."""
        text = await self._drafts.load(room)
        is_here = self.place == Place(room.room_id) and not isinstance(self.target, Editing)
        if is_here and not self._composer.text:
            self._composer.replace_text(text)

    def answer(self, message: Message) -> None:
        """What is written answers this."""
        self.end()
        self.target = Answering(message)

    def edit(self, message: Message) -> None:
        """What is written takes the place of this one's text."""
        self.end()
        self.target = Editing(message, self._composer.text)
        self._composer.replace_text(message.text)

    def end(self) -> None:
        """It is for no message. What stood there before an edit comes back."""
        target, self.target = self.target, None
        if isinstance(target, Editing):
            self._composer.replace_text(target.draft)

    def sent(self, place: Place) -> None:
        """What was written there is on its way, and its target with it."""
        if place == self.place:
            self.end()
        else:
            self._left.pop(place, None)

    def typed(self) -> None:
        """The person changed it, or entered it, so that nothing is left."""
        if not isinstance(self.target, Editing):
            self._drafts.keep(self.place.key, self._composer.text, is_room=self._is_room)

    @property
    def _is_room(self) -> bool:
        return self.place != NOWHERE and not self.place.thread

    def give_back(self, text: str, place: Place, target: Target) -> None:
        """What failed, to be mended where it was written; unless something else is there already."""
        if place == self.place:
            if not self._composer.text:
                self._composer.replace_text(text)
                self.target = target
        elif not self._drafts.of(place.key) and place not in self._left:
            self._left[place] = (target, text)

    def keep(self) -> None:
        """What stands there is a draft, to be saved."""
        if self._is_room:
            self._keep(self.place)

    async def save(self) -> None:
        """Before the program ends."""
        self.keep()
        await self._drafts.save()
