"""The server's own limits, each with its reason. What both sides know is in ``wire.limits``."""

HANDSHAKE_TIMEOUT_S = 10.0  # from accepting to the first message; a slow phone needs two
LOGIN_TIMEOUT_S = 60.0  # from the handshake to a login: Argon2id and a person's patience
IDLE_TIMEOUT_S = 120.0  # without a byte; clients ping every 30 s
REKEY_AFTER_S = 600.0  # our direction's key, when there is something to send
RENEWAL_DEADLINE_S = 90 * 60.0  # a client renews after an hour: PROTOCOL.md section 1
MAX_HANDSHAKES = 64  # at once: about 150 ms of work on one core; more wait in line
MAX_CONNECTIONS = 10_000  # in all
MAX_CONNECTIONS_PER_ADDRESS = 500  # an office behind one address fits
MAX_BYTES_IN_FLIGHT = 32 * 2**20  # of one connection's requests: more than the largest
WRITE_BUFFER = 256 * 2**10  # bytes that a slow reader may leave lying before pushes are dropped
CLOSE_TIMEOUT_S = 3.0  # for answers under way and last bytes when the server stops
EXIT_TIMEOUT_S = 5.0  # from SIGTERM to the end
