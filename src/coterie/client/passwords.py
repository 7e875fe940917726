"""Which passwords are taken, and as which bytes. With a server's secret file, a guess costs one Argon2id and no more.

The rule looks at what guessers try first. It cannot tell a good password from a bad one, only turn away the worst.
"""

import re
import unicodedata

from coterie.errors import InvalidInput
from coterie.secret import Secret

MIN_LENGTH = 10  # characters; of random letters: 220,000 years of one core at 0.1 s a guess
MAX_LENGTH = 1024  # characters: a sentence, not a file given by mistake
MIN_DISTINCT = 5  # characters that differ
HINT = "four random words are long, strong and easy to remember"

# What the lists of leaked passwords begin with, without the digits and marks that people put around it.
_COMMON = """
abc abcabc abcd abcde abcdef access adidas admin administrator alexander amanda andrew angel asdf asdfgh
asdfghjkl asdfghjklzxcvbnm ashley asshole austin baseball basketball batman biteme blink buster butterfly
changeit changeme charlie cheese chelsea chocolate coffee computer cookie corvette coterie daniel default
diamond donald dragon eagle family ferrari flower football forever freedom friend friends fuckyou george
ginger google guest hannah harley hello hellohello hockey hunter iloveyou internet jasmine jennifer jessica
jordan joshua killer letmein liverpool login lovelove lovely loveme maggie manchester marina martin master
matrix matthew melissa mercedes merlin michael michelle minecraft monkey monster mustang nicole ninja
nothing oliver orange pass passpass passw passwd password passwordpassword patrick peanut pepper pokemon
princess purple qazwsx qazwsxedc qwer qwerty qwertyqwerty qwertyui qwertyuiop qwertyuiopasdfghjkl qwertz
qwertzuiop rainbow ranger robert root samantha samsung scooter secret secretpassword shadow silver slipknot
snoopy soccer spiderman starwars steelers summer sunshine superman superstar swordfish taylor test tester
testing testtest thomas thunder tigger toor trustno trustnoone user victoria welcome welcomewelcome whatever
william winner winter yankees zaq zaqwsx zxcvbn zxcvbnm
"""
_COMMON_WORDS = frozenset(_COMMON.split())
_LEET = str.maketrans("013457@$!", "oieastasi")
_KEYBOARD = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujm",
)
_RUN = 5  # characters of a keyboard's line that count as one


def encode(text: str) -> Secret:
    """The bytes that OPAQUE takes: the same for a person whatever keyboard wrote it. Raises InvalidInput."""
    if not text:
        raise InvalidInput("the password is empty")
    if len(text) > MAX_LENGTH:
        raise InvalidInput(f"the password has {len(text)} characters, the limit is {MAX_LENGTH}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise InvalidInput("the password has a control character in it")
    return Secret(unicodedata.normalize("NFC", text).encode())


def check(text: str, name: str) -> None:
    """Raises InvalidInput for a new password of ``name`` that is short or common. Never repeats it."""
    plain = text.casefold()
    if len(text) < MIN_LENGTH:
        raise InvalidInput(f"the password is shorter than {MIN_LENGTH} characters", hint=HINT)
    if len(set(plain)) < MIN_DISTINCT:
        raise InvalidInput("the password repeats few characters", hint=HINT)
    if len(_without_runs(plain)) < MIN_LENGTH // 2:
        raise InvalidInput("the password is a run of keys", hint=HINT)
    inside = re.sub(r"^[^a-z]+|[^a-z]+$", "", plain)  # digits and marks around a word
    cores = {re.sub(r"[^a-z]", "", spelled) for spelled in (plain, inside.translate(_LEET))}
    if cores & _COMMON_WORDS or (name and len(plain.replace(name, "")) < MIN_LENGTH // 2):
        raise InvalidInput("the password is among those that are tried first", hint=HINT)


def _without_runs(plain: str) -> str:
    """``plain`` with each stretch of a keyboard's line, forwards or backwards, as one character."""
    for line in _KEYBOARD:
        for way in (line, line[::-1]):
            for size in range(len(way), _RUN - 1, -1):
                for start in range(len(way) - size + 1):
                    plain = plain.replace(way[start : start + size], way[start])
    return plain
