"""Every limit of the conversation between client and server, each with its reason."""

VERSION = 1  # agreed in the first frame

MAX_FRAME = 24 * 2**20  # bytes; a commit of MAX_BODY with a Welcome of MAX_WELCOME, and room
MAX_FRAME_BEFORE_LOGIN = 64 * 2**10  # bytes; the largest: a registration's record, vault, documents
MAX_BODY = 8 * 2**20  # bytes of one entry: a commit that heals a bulk-made room of 5,000 fits
MAX_MESSAGE_BODY = 256 * 2**10  # bytes of a message or proposal; files are not entries
MAX_SUCCESSOR_BODY = 2**10  # bytes; a signature over ids, and all of them go into one answer
MAX_WELCOME = 12 * 2**20  # bytes; stored once however many it is for
MAX_FETCH_BYTES = 2**20  # bytes of entries in one answer: to form and seal it takes 5 ms
MAX_FETCH_ENTRIES = 1_000  # entries in one answer
MAX_IN_FLIGHT = 64  # requests of one connection that wait for an answer; more pause the reading
MAX_KEY_PACKAGES = 100  # one-time key packages kept for one device
MAX_KEY_PACKAGE = 16 * 2**10  # bytes; the post-quantum ones are about 3 kB
MAX_ADDS = 100  # devices that one list change may add: PROTOCOL.md section 2
MAX_REMOVES = 1_000  # devices that one list change may take off: 8 ms of the only writer, at most
MAX_KEEPERS = 1_000  # accounts that one list change may make keepers, or no keepers any more
MAX_GROUPS = 20_000  # lines of one answer: a stranger may list a device in groups of his own
MAX_DEVICES = 50  # devices of one account
MAX_HEARERS = 250  # devices of a group in which anybody whispers: what one says, all are pushed
MAX_NAME = 63  # characters of an account's name in a frame: in UTF-8 its length fits one byte

MESSAGE_ID_SIZE = 16  # bytes
GROUP_ID_SIZE = 16  # bytes, chosen at random by who creates the group
DEVICE_ID_SIZE = 16  # bytes, chosen at random by the device
TOKEN_SIZE = 16  # bytes of an operator's invite token
CHAIN_SIZE = 32  # bytes, SHA-256
WHISPER_SIZE = 92  # bytes, always: typing and presence look alike
