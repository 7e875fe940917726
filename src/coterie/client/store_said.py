"""All that is kept of what was said, apart from groups and people: it can be read before they are loaded."""

from coterie.client.store_keys import AccountKeys
from coterie.client.store_reactions import Reactions
from coterie.client.store_rooms import RoomViews
from coterie.client.store_timeline import Timeline


class SaidStore(Timeline, Reactions, RoomViews, AccountKeys):
    """Rows, what is under them, what the person has seen of them, and the keys of who said them."""
