#!/usr/bin/env python3
"""Compute whole handshakes, independently of Warren, and print them as handshake.h.

Written from the WireGuard whitepaper with Python's hashlib (BLAKE2s, HMAC), the
`cryptography` package (X25519, ChaCha20-Poly1305) and HChaCha20 spelled out.
Not run by the tests: its output is kept beside it.

    ./handshake.py > handshake.h
"""
import hashlib, hmac, struct
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


def blake(data): return hashlib.blake2s(data).digest()
def mac(key, data): return hashlib.blake2s(data, key=key, digest_size=16).digest()
def hmac2s(key, data): return hmac.new(key, data, hashlib.blake2s).digest()


def kdf(n, key, data):
    secret, out, last = hmac2s(key, data), [], b""
    for i in range(1, n + 1):
        last = hmac2s(secret, last + bytes([i]))
        out.append(last)
    return out


def dh(private, public):
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


def public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def aead(key, counter, text, extra):
    return ChaCha20Poly1305(key).encrypt(bytes(4) + struct.pack("<Q", counter), text, extra)


def hchacha20(key, nonce):
    x = list(struct.unpack("<16L", b"expand 32-byte k" + key + nonce))

    def quarter(a, b, c, d):
        for p, q, r, s in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[p] = (x[p] + x[q]) & 0xffffffff
            v = x[r] ^ x[p]
            x[r] = ((v << s) | (v >> (32 - s))) & 0xffffffff

    for _ in range(10):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12)
    return struct.pack("<8L", *(x[:4] + x[12:]))


def xaead(key, nonce, text, extra):
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], text, extra)


def sign(message, key, cookie):
    message += mac(blake(b"mac1----" + key), message)
    return message + (mac(cookie, message) if cookie else bytes(16))


def handshake(n):
    """Number n: keys are hashes of names, so that every run prints the same."""
    def secret(name): return blake(b"%d %s" % (n, name))
    v = {"initiator_private": secret(b"initiator"), "responder_private": secret(b"responder"),
         "initiator_ephemeral": secret(b"ephemeral i"), "responder_ephemeral": secret(b"ephemeral r"),
         "preshared": secret(b"preshared") if n % 2 else bytes(32),
         "stamp": struct.pack(">QL", 0x400000000000000a + 1700000000 + n, (n << 24) & 0xffffffff)}
    cookie_i = secret(b"cookie i")[:16] if n == 2 else None
    cookie_r = secret(b"cookie r")[:16] if n == 2 else None
    v["initiator_cookie"], v["responder_cookie"] = cookie_i or b"", cookie_r or b""
    si, sr = v["initiator_private"], v["responder_private"]
    ei, er = v["initiator_ephemeral"], v["responder_ephemeral"]
    pi, pr = public(si), public(sr)
    index_i, index_r = secret(b"index i")[:4], secret(b"index r")[:4]
    v.update(initiator_public=pi, responder_public=pr, initiator_index=index_i, responder_index=index_r)

    chain = blake(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
    h = blake(blake(chain + b"WireGuard v1 zx2c4 Jason@zx2c4.com") + pr)

    message = b"\1\0\0\0" + index_i + public(ei)
    chain, = kdf(1, chain, public(ei))
    h = blake(h + public(ei))
    chain, key = kdf(2, chain, dh(ei, pr))
    sealed = aead(key, 0, pi, h)
    message, h = message + sealed, blake(h + sealed)
    chain, key = kdf(2, chain, dh(si, pr))
    sealed = aead(key, 0, v["stamp"], h)
    message, h = message + sealed, blake(h + sealed)
    v["initiation"] = sign(message, pr, cookie_i)

    message = b"\2\0\0\0" + index_r + index_i + public(er)
    chain, = kdf(1, chain, public(er))
    h = blake(h + public(er))
    chain, = kdf(1, chain, dh(er, public(ei)))
    chain, = kdf(1, chain, dh(er, pi))
    chain, extra, key = kdf(3, chain, v["preshared"])
    h = blake(h + extra)
    message += aead(key, 0, b"", h)
    v["response"] = sign(message, pi, cookie_r)

    v["initiator_sends"], v["responder_sends"] = kdf(2, chain, b"")
    v["keepalive"] = b"\4\0\0\0" + index_r + bytes(8) + aead(v["initiator_sends"], 0, b"", b"")

    # The responder under load answers the initiation with a cookie.
    v["secret"], v["nonce"] = secret(b"secret"), secret(b"nonce")[:24]
    v["source"] = b"\xc0\x00\x02\x01" + struct.pack(">H", 51820 + n)  # 192.0.2.1, and the port
    v["cookie"] = mac(v["secret"], v["source"])
    v["reply"] = b"\3\0\0\0" + index_i + v["nonce"] + xaead(
        blake(b"cookie--" + pr), v["nonce"], v["cookie"], v["initiation"][-32:-16])
    return v


rows = [handshake(n) for n in range(4)]
print("/* Handshakes computed by handshake.py, in hex; made by it, not by hand. */")
print("#pragma once\n\nstruct handshake_vector {")
for name in rows[0]:
    print("\tconst char *%s;" % name)
print("};\n\nstatic const struct handshake_vector handshake_vectors[] = {")
for v in rows:
    print("\t{")
    for name, value in v.items():
        text = value.hex()
        lines = [text[i:i + 76] for i in range(0, len(text), 76)] or [""]
        print("\t\t.%s =\n\t\t\t%s," % (name, "\n\t\t\t".join('"%s"' % line for line in lines)))
    print("\t},")
print("};")
