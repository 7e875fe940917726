"""How many bytes of padding to ask for: RFC 9420 section 15.1 leaves it to the application."""


def padme(size: int) -> int:
    """Bytes to add to ``size`` so that its length says only O(log log size) bits; at most 12 % of it.

    The last bits of the length are rounded up to zero, more of them the longer it is (Padmé, PETS 2019). For
    ``Group.protect(data, padding=padme(len(data)))``.
    """
    if size <= 1:
        return 0
    exponent = size.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return ((size + mask) & ~mask) - size
