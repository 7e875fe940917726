"""Emoji by name, to type them and to say them aloud: ``:tada:`` is 🎉.

First the names that people know from other chats, then Unicode's own of all that Python knows. What is sent is the
emoji itself: another client need not know these names.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

_KNOWN = """
heart ❤️ thumbs_up 👍 +1 👍 thumbsup 👍 thumbs_down 👎 -1 👎 thumbsdown 👎 ok_hand 👌 wave 👋 clap 👏 raised_hands 🙌
pray 🙏 muscle 💪 handshake 🤝 point_up ☝️ point_down 👇 point_left 👈 point_right 👉 victory ✌️
crossed_fingers 🤞 facepalm 🤦 shrug 🤷 writing_hand ✍️ smile 😄 grin 😁 joy 😂 rofl 🤣 laughing 😆
sweat_smile 😅 wink 😉 blush 😊 innocent 😇 heart_eyes 😍 kissing_heart 😘 yum 😋 sunglasses 😎 smirk 😏
thinking 🤔 neutral_face 😐 expressionless 😑 no_mouth 😶 rolling_eyes 🙄 grimacing 😬 relieved 😌 sleepy 😪
sleeping 😴 mask 😷 dizzy_face 😵 exploding_head 🤯 cowboy 🤠 partying 🥳 nerd 🤓 worried 😟 confused 😕
slightly_smiling 🙂 upside_down 🙃 open_mouth 😮 astonished 😲 flushed 😳 pleading 🥺 cry 😢 sob 😭 scream 😱
sweat 😓 tired 😫 yawning 🥱 angry 😠 rage 😡 swearing 🤬 smiling_imp 😈 skull 💀 poop 💩 clown 🤡 ghost 👻 alien 👽
robot 🤖 salute 🫡 melting 🫠 eyes 👀 brain 🧠 see_no_evil 🙈 hear_no_evil 🙉 speak_no_evil 🙊
orange_heart 🧡 yellow_heart 💛 green_heart 💚 blue_heart 💙 purple_heart 💜 black_heart 🖤 broken_heart 💔
sparkling_heart 💖 100 💯 boom 💥 fire 🔥 sparkles ✨ star ⭐ star2 🌟 zap ⚡ sunny ☀️ cloud ☁️ umbrella ☔
snowflake ❄️ rainbow 🌈 ocean 🌊 tada 🎉 confetti 🎊 balloon 🎈 gift 🎁 trophy 🏆 medal 🏅 crown 👑 gem 💎
rocket 🚀 ship 🚢 car 🚗 bike 🚲 train 🚆 airplane ✈️ house 🏠 office 🏢 hospital 🏥 school 🏫 construction 🚧
warning ⚠️ no_entry ⛔ stop_sign 🛑 check ✔️ white_check_mark ✅ cross_mark ❌ question ❓ exclamation ❗
bangbang ‼️ plus ➕ minus ➖ infinity ♾️ recycle ♻️ arrow_up ⬆️ arrow_down ⬇️ arrow_left ⬅️ arrow_right ➡️
repeat 🔁 hourglass ⌛ watch ⌚ alarm_clock ⏰ calendar 📅 date 📆 memo 📝 pencil ✏️ book 📖 books 📚 bookmark 🔖
clipboard 📋 pushpin 📌 paperclip 📎 link 🔗 scissors ✂️ lock 🔒 unlock 🔓 key 🔑 shield 🛡️ hammer 🔨 wrench 🔧
tools 🛠️ gear ⚙️ magnet 🧲 microscope 🔬 telescope 🔭 bulb 💡 battery 🔋 plug 🔌 computer 💻 desktop 🖥️
keyboard ⌨️ printer 🖨️ phone ☎️ iphone 📱 camera 📷 tv 📺 speaker 🔊 mute 🔇 bell 🔔 no_bell 🔕 mega 📣
loudspeaker 📢 email 📧 envelope ✉️ inbox 📥 outbox 📤 package 📦 mag 🔍 chart 📈 chart_down 📉 bar_chart 📊
money 💰 credit_card 💳 bug 🐛 ant 🐜 bee 🐝 butterfly 🦋 snail 🐌 dog 🐶 cat 🐱 mouse 🐭 rabbit 🐰 fox 🦊 bear 🐻
panda 🐼 koala 🐨 tiger 🐯 lion 🦁 cow 🐮 pig 🐷 frog 🐸 monkey 🐵 chicken 🐔 penguin 🐧 bird 🐦 owl 🦉 bat 🦇 wolf 🐺
horse 🐴 unicorn 🦄 octopus 🐙 crab 🦀 fish 🐟 whale 🐳 dolphin 🐬 turtle 🐢 snake 🐍 dragon 🐉 seedling 🌱 tree 🌳
cactus 🌵 clover 🍀 rose 🌹 sunflower 🌻 apple 🍎 banana 🍌 grapes 🍇 lemon 🍋 strawberry 🍓 watermelon 🍉
cherries 🍒 avocado 🥑 carrot 🥕 bread 🍞 cheese 🧀 pizza 🍕 burger 🍔 fries 🍟 taco 🌮 sushi 🍣 ramen 🍜 popcorn 🍿
cookie 🍪 cake 🍰 birthday 🎂 doughnut 🍩 chocolate 🍫 ice_cream 🍨 coffee ☕ tea 🍵 beer 🍺 beers 🍻 wine 🍷
cocktail 🍸 champagne 🍾 clinking_glasses 🥂 soccer ⚽ basketball 🏀 tennis 🎾 dart 🎯 dice 🎲 video_game 🎮
guitar 🎸 headphones 🎧 art 🎨 clapper 🎬 ticket 🎫 checkered_flag 🏁 white_flag 🏳️ sos 🆘 new 🆕 cool 🆒
"""

_UNICODE = (  # pictographs: what people mean by emoji, without chess pieces and mahjong tiles
    (0x1F300, 0x1F650),
    (0x1F680, 0x1F700),
    (0x1F900, 0x1FA00),
    (0x1FA70, 0x1FB00),
)


@cache
def names() -> Mapping[str, str]:
    """All of them, those that people know best first."""
    known = _KNOWN.split()
    found = dict(zip(known[::2], known[1::2], strict=True))
    for begin, end in _UNICODE:
        for code_point in range(begin, end):
            name = unicodedata.name(chr(code_point), "")
            if name and not name.startswith("EMOJI MODIFIER"):
                found.setdefault(name.lower().replace(" ", "_").replace("-", "_"), chr(code_point))
    return MappingProxyType(found)


def drawn(typed: str) -> str:
    """What ``:tada:`` means; anything else is itself."""
    name = typed[1:-1] if typed.startswith(":") and typed.endswith(":") else ""
    return names().get(name, typed) if name else typed


def matching(beginning: str, most: int) -> list[tuple[str, str]]:
    """Names and emoji: first that very name, then names that begin so, then those with a word that does."""
    wanted = beginning.lower()
    begin = [item for item in names().items() if item[0].startswith(wanted)]
    begin.sort(key=lambda item: item[0] != wanted)
    within = [item for item in names().items() if f"_{wanted}" in item[0]]
    return [*begin, *within][:most]


@cache
def _by_emoji() -> Mapping[str, str]:
    by_emoji: dict[str, str] = {}
    for name, emoji in names().items():
        by_emoji.setdefault(emoji.rstrip("\ufe0f"), name)
    return MappingProxyType(by_emoji)


def name_of(emoji: str) -> str:
    """To be read aloud, or where no picture can be shown; the emoji itself where it has no name here."""
    plain = emoji.rstrip("\ufe0f")
    found = _by_emoji().get(plain) or _by_emoji().get(plain[:1])
    return found.replace("_", " ") if found else emoji
