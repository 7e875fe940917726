"""What all tests share: Hypothesis tries the same examples each time, and no time limit fails on a busy machine.

Programs under test end with Ctrl+C also where a shell started the tests in the background, and had them pass it over.
"""

import signal

from hypothesis import settings

settings.register_profile("coterie", deadline=None, derandomize=True)
settings.load_profile("coterie")

signal.signal(signal.SIGINT, signal.default_int_handler)
