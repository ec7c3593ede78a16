"""Many DIMSE clients in one thread: PDUs by hand on asyncio, so that the load is on the server and not on the clients."""

from __future__ import annotations

import asyncio
import itertools
import random
import struct
from collections import Counter
from dataclasses import dataclass, field

import acceptor
import data
import wire
from acceptor import checked, number
from wire import CT_IMAGE, EXPLICIT, IMPLICIT

FIND, MOVE = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2"
#: A client that hears nothing for so long has been let down.
ANSWER_SECONDS_MAX = 60
#: Operations on one association before it is released and another is opened.
OPERATIONS = 20


class LetDown(Exception):
    """The server did not do for a healthy client what it owes."""


@dataclass
class Tally:
    """What came of it all."""

    done: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    #: How stalled connections ended: by which PDU, or by a close without one.
    ended: Counter[str] = field(default_factory=Counter)
    stored: list[str] = field(default_factory=list)
    delivered: Counter[str] = field(default_factory=Counter)
    open_now: int = 0
    open_most: int = 0


class Caller:
    """One association."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tally: Tally):
        self._reader, self._writer, self._tally = reader, writer, tally
        self._message = itertools.count(1)
        tally.open_now += 1
        tally.open_most = max(tally.open_most, tally.open_now)

    @classmethod
    async def connect(cls, host: str, port: int, tally: Tally) -> Caller:
        """A connection without an association yet."""
        return cls(*await asyncio.open_connection(host, port), tally)

    async def close(self) -> None:
        """Closes the connection."""
        self._tally.open_now -= 1
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass

    async def write(self, content: bytes) -> None:
        """Sends bytes."""
        self._writer.write(content)
        await self._writer.drain()

    async def pdu(self) -> tuple[int, bytes] | None:
        """The next PDU; nothing when the server closed."""
        try:
            head = await asyncio.wait_for(self._reader.readexactly(6), ANSWER_SECONDS_MAX)
            kind, _, length = struct.unpack(">BBI", head)
            return kind, await asyncio.wait_for(self._reader.readexactly(length), ANSWER_SECONDS_MAX)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def associate(self, called: str, sop_class: str, syntax: str) -> None:
        """Opens the association, with one context."""
        contexts = wire.context(1, sop_class, (syntax,))
        await self.write(wire.associate_rq(called, calling="CROWD", contexts=contexts))
        received = await self.pdu()
        if received is None or received[0] != wire.ASSOCIATE_AC or wire.results(received[1]) != {1: 0}:
            raise LetDown(f"no association: {received}")

    async def ask(self, command: dict[str, bytes], body: bytes) -> tuple[dict[int, bytes], int]:
        """Sends a request; its final response, and how many pending ones there were."""
        message = next(self._message)
        await self.write(wire.message(1, wire.command(e0110=struct.pack("<H", message), **command), body))
        pending, parts = 0, {True: b"", False: b""}
        while True:
            received = await self.pdu()
            if received is None or received[0] != wire.P_DATA:
                raise LetDown(f"no answer: {received}")
            for _, control, fragment in acceptor.values(received[1]):
                parts[bool(control & 1)] += fragment
                if not control & 2:
                    continue
                answer = checked(parts[True])
                if control & 1 and number(answer[0x0800]) != 0x0101:
                    continue
                parts = {True: b"", False: b""}
                if number(answer[0x0120]) != message:
                    raise LetDown(f"an answer to message {number(answer[0x0120])} in place of {message}")
                if number(answer[0x0900]) not in (0xFF00, 0xFF01):
                    return answer, pending
                pending += 1

    async def release(self) -> None:
        """Ends in order."""
        await self.write(wire.pdu(wire.RELEASE_RQ, bytes(4)))
        received = await self.pdu()
        if received is None or received[0] != wire.RELEASE_RP:
            raise LetDown(f"no answer to the release: {received}")


def even(text: str, pad: bytes = b"\0") -> bytes:
    """Padded to even length."""
    return text.encode() + pad * (len(text) % 2)


def keys(level: str, **values: str) -> bytes:
    """An identifier; values by element of group 0020 or 0010, written as `e0020_000d`."""
    content = struct.pack("<HHI", 0x0008, 0x0052, len(even(level, b" "))) + even(level, b" ")
    for name, value in sorted(values.items()):
        group, element = (int(part, 16) for part in name[1:].split("_"))
        padded = even(value, b"\0" if element == 0x000D else b" ")
        content += struct.pack("<HHI", group, element, len(padded)) + padded
    return content


class Crowd:
    """Clients that store, find and move, and clients that stall, all at once."""

    def __init__(self, host: str, port: int, called: str, studies: list[tuple[str, str, int]], destination: str):
        #: Study Instance UID, Patient ID and number of instances of what is found and moved.
        self._studies = studies
        self._at = (host, port)
        self._called = called
        self._destination = destination
        self._random = random.Random(1)
        self.tally = Tally()
        template = data.instance(rows=8, SOPInstanceUID=MARK)
        self._template = data.encoded(template)
        self._until = 0.0

    async def run(self, healthy: dict[str, int], stalled: int, seconds: float, pause: float) -> Tally:
        """Runs for `seconds`; each healthy client rests about `pause` seconds between two operations."""
        self._until = asyncio.get_running_loop().time() + seconds
        verbs = {"store": self._store, "find": self._find, "move": self._move}
        clients = [self._keep_on(verb, verbs[verb], pause) for verb, count in healthy.items() for _ in range(count)]
        clients += [self._stall(kind) for kind, _ in zip(itertools.cycle(range(3)), range(stalled), strict=False)]
        await asyncio.gather(*clients)
        return self.tally

    def _goes_on(self) -> bool:
        return asyncio.get_running_loop().time() < self._until

    async def _keep_on(self, verb: str, operation, pause: float) -> None:
        """One healthy client: associations one after another, some operations on each."""
        sop_class, syntax = {"store": (CT_IMAGE, EXPLICIT), "find": (FIND, IMPLICIT), "move": (MOVE, IMPLICIT)}[verb]
        while self._goes_on():
            try:
                caller = await Caller.connect(*self._at, self.tally)
            except OSError as error:
                self.tally.failures.append(f"{verb}: no connection: {error}")
                return
            try:
                await caller.associate(self._called, sop_class, syntax)
                for _ in range(OPERATIONS):
                    await operation(caller)
                    self.tally.done[verb] += 1
                    await asyncio.sleep(pause * (0.5 + self._random.random()))
                    if not self._goes_on():
                        break
                await caller.release()
            except (LetDown, OSError, TimeoutError) as error:
                self.tally.failures.append(f"{verb}: {error or type(error).__name__}")
            finally:
                await caller.close()

    async def _store(self, caller: Caller) -> None:
        uid = data.uid()
        # Of the same length as the mark, so that no length changes.
        uid = (uid + "1" * len(MARK))[:len(MARK)]
        command = {
            "e0002": even(CT_IMAGE), "e0100": struct.pack("<H", 1), "e0700": struct.pack("<H", 0),
            "e0800": struct.pack("<H", 0), "e1000": even(uid),
        }
        answer, _ = await caller.ask(command, self._template.replace(MARK.encode(), uid.encode()))
        if number(answer[0x0900]) != 0:
            raise LetDown(f"status {number(answer[0x0900]):04X}")
        self.tally.stored.append(uid)

    async def _find(self, caller: Caller) -> None:
        study, patient, _ = self._random.choice(self._studies)
        command = {"e0002": even(FIND), "e0100": struct.pack("<H", 0x20), "e0700": b"\0\0", "e0800": b"\1\0"}
        answer, pending = await caller.ask(command, keys("STUDY", e0010_0010="", e0010_0020=patient, e0020_000d=""))
        if (number(answer[0x0900]), pending) != (0, 1):
            raise LetDown(f"status {number(answer[0x0900]):04X} after {pending} matches for {study}")

    async def _move(self, caller: Caller) -> None:
        study, _, count = self._random.choice(self._studies)
        command = {
            "e0002": even(MOVE), "e0100": struct.pack("<H", 0x21), "e0600": even(self._destination, b" "),
            "e0700": b"\0\0", "e0800": b"\1\0",
        }
        answer, _ = await caller.ask(command, keys("STUDY", e0020_000d=study))
        if (number(answer[0x0900]), number(answer[0x1021])) != (0, count):
            raise LetDown(f"status {number(answer[0x0900]):04X}, {number(answer[0x1021])} of {count}")

    async def _stall(self, kind: int) -> None:
        """One client that stops in the middle of a PDU, again and again: of its request, a command, a data set."""
        while self._goes_on():
            caller = await Caller.connect(*self._at, self.tally)
            try:
                if kind == 0:
                    await caller.write(wire.associate_rq(self._called, calling="CROWD")[:100])
                else:
                    await caller.associate(self._called, CT_IMAGE, EXPLICIT)
                    command = wire.p_data(1, 3, wire.store_rq(CT_IMAGE, data.uid()))
                    body = wire.p_data(1, 2, self._template)
                    await caller.write(command[:40] if kind == 1 else command + body[:200])
                received = await caller.pdu()
                self.tally.ended["closed" if received is None else str(received[0])] += 1
            except TimeoutError:
                self.tally.failures.append("a stalled client was never ended")
            except (LetDown, OSError) as error:
                self.tally.failures.append(f"a stalled client: {error}")
            finally:
                await caller.close()


#: Stands for the SOP Instance UID in the data set that is stored.
MARK = "1.2.826.0.1.3680043.8.498.11111111111111111111111111"


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tally: Tally) -> None:
    """A Storage SCP that takes everything."""
    try:
        head = await reader.readexactly(6)
        request = await reader.readexactly(struct.unpack(">BBI", head)[2])
        answers = b"".join(
            wire.item(0x21, bytes([context.number, 0, 0, 0]) + wire.item(0x40, context.syntaxes[0].encode()))
            for context in acceptor.proposed(request)
        )
        user = wire.item(0x51, struct.pack(">I", 16384)) + wire.item(0x52, b"1.2.826.0.1.3680043.8.498.2")
        body = request[:68] + wire.item(0x10, wire.APPLICATION_CONTEXT.encode()) + answers + wire.item(0x50, user)
        writer.write(wire.pdu(wire.ASSOCIATE_AC, body))
        command = b""
        while True:
            kind, _, length = struct.unpack(">BBI", await reader.readexactly(6))
            content = await reader.readexactly(length)
            if kind != wire.P_DATA:
                if kind == wire.RELEASE_RQ:
                    writer.write(wire.pdu(wire.RELEASE_RP, bytes(4)))
                    await writer.drain()
                return
            for context, control, fragment in acceptor.values(content):
                if control & 1:
                    command += fragment
                elif control & 2:
                    asked, command = checked(command), b""
                    tally.delivered[asked[0x1000].rstrip(b"\0").decode()] += 1
                    writer.write(wire.p_data(context, 3, wire.command(
                        e0002=asked[0x0002], e0100=struct.pack("<H", 0x8001), e0120=asked[0x0110],
                        e0800=struct.pack("<H", 0x0101), e0900=struct.pack("<H", 0), e1000=asked[0x1000],
                    )))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()
