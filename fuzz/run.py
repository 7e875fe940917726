"""Fuzzes one target: ``python -m fuzz.run TARGET``, then options of libFuzzer such as ``-max_total_time=60``."""

import sys

import atheris

with atheris.instrument_imports(include=["coterie.mls", "coterie.wire", "coterie.server"]):
    from fuzz.make_corpus import CORPUS
    from fuzz.targets import SERVER_TARGETS, TARGETS

ALL = {**TARGETS, **SERVER_TARGETS}


def main() -> None:
    """New inputs that reach new code are added to the target's corpus."""
    if len(sys.argv) < 2 or sys.argv[1] not in ALL:
        sys.exit("usage: python -m fuzz.run TARGET [OPTION...]\ntargets: " + ", ".join(ALL))
    name, options = sys.argv[1], sys.argv[2:]
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    # without the second option inputs begin small and grow; those from the vectors are as large as they need to be
    atheris.Setup([sys.argv[0], str(folder), "-len_control=0", *options], ALL[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
