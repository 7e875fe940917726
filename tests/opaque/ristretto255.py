"""The group ristretto255 a second time, in Python's integers, unrolled from RFC 9496 section 4.

Slow, not constant-time, and it checks nothing unless asked: for making what must be refused.
"""

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]  # X, Y, Z, T with x = X/Z, y = Y/Z, x*y = T/Z
IDENTITY: Point = (0, 1, 1, 0)


def IS_NEGATIVE(e: int) -> bool:  # noqa: N802
    return e % P % 2 == 1


def CT_ABS(u: int) -> int:  # noqa: N802
    return -u % P if IS_NEGATIVE(u) else u % P


def SQRT_RATIO_M1(u: int, v: int) -> tuple[bool, int]:  # noqa: N802
    """Section 4.2."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    correct_sign_sqrt = check == u % P
    flipped_sign_sqrt = check == -u % P
    flipped_sign_sqrt_i = check == -u * SQRT_M1 % P
    if flipped_sign_sqrt or flipped_sign_sqrt_i:
        r = SQRT_M1 * r % P
    return correct_sign_sqrt or flipped_sign_sqrt, CT_ABS(r)


INVSQRT_A_MINUS_D = SQRT_RATIO_M1(1, -1 - D)[1]
SQRT_AD_MINUS_ONE = -SQRT_RATIO_M1(-D - 1, 1)[1] % P  # the RFC's is the negative one
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P


def decode(encoded: bytes) -> Point | None:
    """Section 4.3.1. None for what is no encoding."""
    s = int.from_bytes(encoded, "little")
    if len(encoded) != 32 or s >= P or IS_NEGATIVE(s):
        return None
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    u2_sqr = u2 * u2 % P
    v = (-(D * u1 * u1) - u2_sqr) % P
    was_square, invsqrt = SQRT_RATIO_M1(1, v * u2_sqr)
    den_x = invsqrt * u2 % P
    den_y = invsqrt * den_x * v % P
    x, y = CT_ABS(2 * s * den_x), u1 * den_y % P
    t = x * y % P
    if not was_square or IS_NEGATIVE(t) or y == 0:
        return None
    return x, y, 1, t


def encode(point: Point) -> bytes:
    """Section 4.3.2."""
    x0, y0, z0, t0 = point
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    _, invsqrt = SQRT_RATIO_M1(1, u1 * u2 * u2)
    den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
    z_inv = den1 * den2 * t0 % P
    if IS_NEGATIVE(t0 * z_inv):
        x, y, den_inv = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den_inv = x0, y0, den2
    if IS_NEGATIVE(x * z_inv):
        y = -y % P
    return CT_ABS(den_inv * (z0 - y)).to_bytes(32, "little")


def add(p: Point, q: Point) -> Point:
    """RFC 8032 section 5.1.4, which is complete: doubling too."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = p, q
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    result = IDENTITY
    for bit in bin(scalar % ORDER)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def from_uniform_bytes(b: bytes) -> Point:
    """Section 4.3.4: 64 bytes."""
    halves = (int.from_bytes(b[at : at + 32], "little") % 2**255 % P for at in (0, 32))
    return add(*map(_map, halves))


def _map(t: int) -> Point:
    r = SQRT_M1 * t * t % P
    u, v = (r + 1) * ONE_MINUS_D_SQ % P, (-1 - r * D) * (r + D) % P
    was_square, s = SQRT_RATIO_M1(u, v)
    s_prime = -CT_ABS(s * t) % P
    if not was_square:
        s = s_prime
    c = -1 % P if was_square else r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


_BASE = "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"  # Appendix A.1
_base = decode(bytes.fromhex(_BASE))
assert _base
BASE: Point = _base
