"""What all tests share: Hypothesis tries the same examples each time, and no time limit fails on a busy machine."""

from hypothesis import settings

settings.register_profile("coterie", deadline=None, derandomize=True)
settings.load_profile("coterie")
