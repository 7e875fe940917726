"""Which passwords an account may begin with, and the bytes that stand for one. PROTOCOL.md section 5.

A thief of both the server's files pays one Argon2id a guess, so what is guessed first must not be a password. This
turns away the worst and promises nothing about the rest.
"""

import re
import unicodedata
from collections.abc import Iterator

from coterie.errors import InvalidInput
from coterie.secret import Secret

MIN_LENGTH = 10  # characters; ten random letters are 47 bits, times 0.1 s of Argon2id each
MIN_UNGUESSABLE = 6  # characters that must be left without names, common words, runs and years
MIN_DIGITS = 16  # a password of digits alone needs as many: dates and telephone numbers have fewer
MAX_SIZE = 1024  # bytes: a sentence, not a file given by mistake
_RUN = 4  # neighbours on a line of keys that count as one
_SHORTEST_NAME = 3  # letters of an account name that are looked for inside

_HINT = "four random words are long, strong and easy to remember"

# What lists of leaked passwords begin with, each in its plainest spelling; runs and repetitions are found below.
_COMMON = """
access admin administrator angel apple april arsenal asshole august autumn barcelona baseball basketball batman berlin
buster charlie cheese chelsea chicago chocolate coffee computer cookie coterie daddy dallas december default dezember
dienstag donnerstag dragon family februar february flower football forever freedom freitag friday friend fruehling
fuck george ginger google guest hannah hello herbst hockey home hunter iloveyou internet januar january jennifer
jessica jordan juli july june juni killer letmein liebe liverpool login london love madrid maerz maggie march marina
master matrix merlin michael michelle mittwoch monday money monkey montag mustang nicole ninja november october
oktober orange paris pass passwd password passwort pepper pokemon prince princess purple root samstag samsung saturday
secret september shadow silver soccer sommer sonntag spring starwars summer sunday sunshine super superman temp test
thomas thunder thursday tigger trustno tuesday user wednesday welcome whatever winter
"""
_LONGEST_FIRST = tuple(sorted(_COMMON.split(), key=len, reverse=True))  # "password" before "pass"
_LINES = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujm",
    "!@#$%^&*()",
)
_MARKS = re.compile(r"[\W_]")
_LEET = str.maketrans("013457@$!", "oieastasi")


def encode_password(password: str) -> Secret:
    """The bytes that OPAQUE takes: UTF-8 of the NFKC form, the same whatever keyboard or system composed them.

    Raises InvalidInput for what is empty, over 1,024 bytes, or has control characters.
    """
    if not password:
        raise InvalidInput("the password is empty")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        raise InvalidInput("the password has a control character, or bytes that are no text")
    encoded = _normalised(password).encode()
    if len(encoded) > MAX_SIZE:
        raise InvalidInput(f"the password has {len(encoded)} bytes, the limit is {MAX_SIZE}")
    return Secret(encoded)


def check_password(password: str, name: str) -> None:
    """Raises InvalidInput if ``password`` is too weak for the new account ``name``. The sentence never repeats it."""
    encode_password(password)
    plain = _normalised(password).casefold()
    if len(plain) < MIN_LENGTH:
        raise InvalidInput(
            f"the password has {len(plain)} characters, at least {MIN_LENGTH} are needed",
            hint=_HINT,
        )
    if plain.isdecimal() and len(plain) < MIN_DIGITS:
        raise InvalidInput(
            f"the password is a number of fewer than {MIN_DIGITS} digits", hint=_HINT
        )
    if re.fullmatch(r"(.{1,5}?)\1+.{0,4}", plain):
        raise InvalidInput("the password repeats a few characters", hint=_HINT)
    for spelling in (plain, plain.translate(_LEET)):
        if len(_without_runs(spelling)) < MIN_UNGUESSABLE:
            raise InvalidInput("the password is a row of neighbouring keys", hint=_HINT)
        if len(_without_guessable(spelling, name.casefold())) < MIN_UNGUESSABLE:
            raise InvalidInput(
                "the password is a common word, a name or a year with little around it", hint=_HINT
            )


def _normalised(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _without_guessable(plain: str, name: str) -> str:
    """What is left to guess: letters and digits outside of names, common words, years, runs and repetitions."""
    plain = _MARKS.sub("", plain)
    parts = (name, *re.split(r"[._-]", name))
    plainer = [_MARKS.sub("", part) for part in parts if len(part) >= _SHORTEST_NAME]
    for word in (*plainer, *(part.translate(_LEET) for part in plainer), *_LONGEST_FIRST):
        plain = plain.replace(word, "") if word else plain
    plain = _without_runs(re.sub(r"(19|20)\d\d", "", plain))
    return re.sub(r"(.)\1{2,}", r"\1", plain)


def _without_runs(plain: str) -> str:
    """``plain`` with each stretch of a line of keys, there or back, as its first character alone."""
    kept, at = "", 0
    while at < len(plain):
        kept += plain[at]
        longest = max(_runs_at(plain, at))
        at += longest if longest >= _RUN else 1
    return kept


def _runs_at(plain: str, at: int) -> Iterator[int]:
    """How many characters from ``at`` on are neighbours, for each line of keys in both directions."""
    for line in _LINES:
        for way in (line, line[::-1]):
            place, length = way.find(plain[at]), 1
            while (
                place >= 0
                and way[place + length : place + length + 1]
                == plain[at + length : at + length + 1]
                != ""
            ):
                length += 1
            yield length
