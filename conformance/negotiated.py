"""User information of association establishment by hand: what a requestor says beside its contexts, and what it is
answered (PS3.7 annex D.3.3)."""

from __future__ import annotations

import struct

import wire

MAXIMUM_LENGTH, WINDOW, ROLE, EXTENDED, COMMON_EXTENDED, IDENTITY, IDENTITY_ANSWER = (
    0x51, 0x53, 0x54, 0x56, 0x57, 0x58, 0x59,
)
NAME, PASSCODE, KERBEROS, SAML, TOKEN = range(1, 6)


def sized(content: bytes) -> bytes:
    """A field behind its length."""
    return struct.pack(">H", len(content)) + content


def user(*items: bytes) -> bytes:
    """User information: what there must be, and `items`."""
    there_must_be = wire.item(MAXIMUM_LENGTH, struct.pack(">I", 16384)) + wire.item(0x52, b"1.2.826.0.1.3680043.8.498.1")
    return there_must_be + b"".join(items)


def window(invoked: int, performed: int = 1) -> bytes:
    """Asynchronous Operations Window (PS3.7 table D.3-7)."""
    return wire.item(WINDOW, struct.pack(">HH", invoked, performed))


def role(sop_class: str, scu: int, scp: int) -> bytes:
    """SCP/SCU Role Selection (PS3.7 table D.3-9)."""
    return wire.item(ROLE, sized(sop_class.encode()) + bytes([scu, scp]))


def extended(sop_class: str, information: bytes) -> bytes:
    """SOP Class Extended Negotiation (PS3.7 table D.3-11)."""
    return wire.item(EXTENDED, sized(sop_class.encode()) + information)


def common_extended(sop_class: str, service_class: str, related: tuple[str, ...] = ()) -> bytes:
    """SOP Class Common Extended Negotiation (PS3.7 table D.3-12)."""
    general = b"".join(sized(uid.encode()) for uid in related)
    return wire.item(COMMON_EXTENDED, sized(sop_class.encode()) + sized(service_class.encode()) + sized(general))


def identity(kind: int, primary: bytes, secondary: bytes = b"", wants_answer: bool = True) -> bytes:
    """User Identity (PS3.7 table D.3-14)."""
    return wire.item(IDENTITY, bytes([kind, wants_answer]) + sized(primary) + sized(secondary))


def answers(accepted: bytes) -> dict[int, list[bytes]]:
    """The sub-items of the user information of an A-ASSOCIATE-AC, by type."""
    found: dict[int, list[bytes]] = {}
    for kind, content in items(accepted[68:]):
        if kind == 0x50:
            for inner, value in items(content):
                found.setdefault(inner, []).append(value)
    return found


def items(content: bytes) -> list[tuple[int, bytes]]:
    """Items one after another; they fill their space to the last byte."""
    found, at = [], 0
    while at < len(content):
        kind, _, length = struct.unpack_from(">BBH", content, at)
        assert at + 4 + length <= len(content), "an item that is longer than what holds it"
        found.append((kind, content[at + 4:at + 4 + length]))
        at += 4 + length
    return found


def extended_answers(accepted: bytes) -> dict[str, bytes]:
    """The answers to extended negotiation, by SOP class."""
    found = {}
    for value in answers(accepted).get(EXTENDED, []):
        length = struct.unpack_from(">H", value)[0]
        found[value[2:2 + length].decode()] = value[2 + length:]
    return found
