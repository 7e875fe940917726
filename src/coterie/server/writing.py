"""One transaction of the store, which many jobs share."""

from sqlalchemy import Connection, delete, insert

from coterie.server import schema
from coterie.server.accounts import Accounts
from coterie.server.delivery import Rates
from coterie.server.directory import Directory
from coterie.server.inboxes import Inboxes
from coterie.server.limits import Limits
from coterie.server.news import News
from coterie.server.posting import Logs
from coterie.server.states import Held


class Transaction:
    """Everything that a job may do, by what it is about."""

    def __init__(
        self, connection: Connection, held: Held, rates: Rates, limits: Limits, now: float
    ) -> None:
        self._connection = connection
        self.news = News()
        self.inboxes = Inboxes(connection)
        self.accounts = Accounts(connection, self.inboxes, self.news, now)
        self.directory = Directory(connection, now)
        self.logs = Logs(connection, held, self.inboxes, rates, limits, self.news, now)

    def set_meta(self, key: str, value: bytes) -> None:
        """A single value."""
        self._connection.execute(delete(schema.meta).where(schema.meta.c.key == key))
        self._connection.execute(insert(schema.meta).values(key=key, value=value))
