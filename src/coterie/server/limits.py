"""The server's own limits, each with its reason. What both sides know is in ``wire.limits``.

Those in ``Limits`` are settings, in table ``[limits]`` of ``coterie.toml``; the constants are part of how it works.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What an operator may set."""

    connections: int = 10_000  # in all; fewer where the system allows fewer open files
    connections_per_address: int = 500  # an office behind one address fits
    connections_per_device: int = 8  # the oldest ends for a new one: it may be half open
    handshakes_per_second: float = 50.0  # of one address, new or renewed, once the burst is used up
    key_exchanges_at_once: int = 2  # and logins; 2 ms of a core each, the others wait in line
    handshake_timeout_s: float = 10.0  # from accepting to the channel; a slow phone needs two
    login_timeout_s: float = 60.0  # from the channel to a login: Argon2id and a person's patience
    login_attempts: int = 5  # failed ones of a name or an address without a delay: people mistype
    login_delay_s: float = 900.0  # the longest: a name's owner can be locked out for so long
    idle_timeout_s: float = 120.0  # without a byte; clients ping every 30 s
    rekey_after_s: float = 600.0  # our direction's key, when there is something to send
    renewal_deadline_s: float = 5_400.0  # a client renews after an hour: PROTOCOL.md section 1
    frame_timeout_s: float = 120.0  # for a frame above 64 KiB; clients give up then
    request_bytes: int = 256 * 2**20  # of all requests under way, but for 64 KiB a connection
    request_bytes_per_account: int = 64 * 2**20  # of them; never above half of what others left
    requests_per_second: float = 300.0  # of one device; 128 KiB of answers count as one
    posts_per_second: float = 100.0  # of one device, once the burst is used up
    whispers_per_second: float = 100.0  # of one device, each once for each who hears it
    bytes_per_day: int = 2**30  # that one account may post and upload: a disk outlasts a bad day
    rooms_per_day: int = 200  # that one account may make: it can list others in them
    members: int = 10_000  # devices on one group's list: each post is pushed to all of them
    subscriptions: int = 10_000  # of one connection, about 300 bytes each
    inbox_length: int = 1_000  # Welcomes from one device to another that were not fetched yet
    list_changes_per_minute: int = 60  # of one account; each 50 devices in one count as one more
    device_lists_per_hour: int = 20  # of one account: a person adds or revokes a few in a year
    lookups_per_hour: int = 10_000  # of accounts by one account: a room of 5,000, twice
    key_packages_per_hour: int = 30  # of one account by another: a device has 100, then its last
    uploads_per_hour: int = 60  # of key packages, by one device
    invites_per_day: int = 100  # people whom one account may invite, with one invite or with many


READERS = 2  # threads that read the store; the accounts take turns
RATE_BURST_S = 20.0  # of posts may come at once: what was written in a tunnel
REQUESTS_BURST_S = 1.0  # of requests: so long a flood is noticed by the others
MAX_BYTES_IN_FLIGHT = 32 * 2**20  # of one connection's requests: more than the largest
LARGE_FRAME = 64 * 2**10  # bytes; from here on a frame has to be finished in time
STEPS_PER_TURN = 16  # records and frames of one connection, then the others': 1 or 2 ms
DEVICES_PER_CHANGE = 50  # of a list change that count as one more: 20 us each of the only writer
STEP_COST = 0.05  # of a request: what the smallest record takes of the processor
ANSWER_PER_REQUEST = 128 * 2**10  # bytes of an answer that count as a request
SWITCH_INTERVAL_S = 0.0005  # for which a busy thread holds up the loop; Python's own is 5 ms
GARBAGE_THRESHOLDS = (25_000, 2, 2)  # objects: twice what 1,000 posts under way are, and no garbage
LARGEST_ANSWER = 16 * 2**20  # bytes: a Welcome, and room; as many are counted while it is made
ANSWERS_PER_ACCOUNT = 64 * 2**20  # bytes of large answers that are made, or lie unread
WRITE_BUFFER = 256 * 2**10  # bytes that a slow reader may leave lying before pushes are dropped
WHISPER_BUFFER = 16 * 2**10  # bytes that may lie there before whispers are, long before that
MAX_BUCKETS = 100_000  # keys of one quota that are remembered, 150 bytes each
SPARE_FILES = 64  # of those that the system allows: for the database, the log and what else is open
CLOSE_TIMEOUT_S = 2.5  # for answers under way and last bytes when the server stops
DROP_TIMEOUT_S = 1.0  # for the sockets of those who did not take them
EXIT_TIMEOUT_S = 4.0  # from SIGTERM until the threads are told to end: the process has 5 s in all
