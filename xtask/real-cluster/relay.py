"""Makes ports inside a cluster's room reachable on this computer's 127.0.0.1, under the same numbers.

Arguments: a file for this process's id, then the ports. File descriptor 9 is the room's network namespace. What one
side does, the other side sees: a half-close stays a half-close, a reset becomes a reset, a refusal a reset.
"""

import asyncio
import ctypes
import os
import socket
import struct
import sys

CLONE_NEWNET = 0x40000000
CHUNK = 256 * 1024


def listeners(ports):
    """Opened before the room's network is entered: they stay in the computer's."""
    for port in ports:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            sys.exit(f"error: port {port}: {error.strerror}")
        listener.listen(128)
        listener.setblocking(False)
        yield port, listener


def enter(descriptor):
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
        sys.exit("error: cannot enter the room's network: " + os.strerror(ctypes.get_errno()))
    os.close(descriptor)


def reset(writer):
    if writer.transport.is_closing():
        return
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def copy(reader, writer):
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def relay(outer_reader, outer_writer, port):
    try:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        reset(outer_writer)
        return
    for writer in (outer_writer, inner_writer):
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    directions = [
        asyncio.ensure_future(copy(outer_reader, inner_writer)),
        asyncio.ensure_future(copy(inner_reader, outer_writer)),
    ]
    try:
        await asyncio.gather(*directions)
    except OSError:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        reset(outer_writer)
        reset(inner_writer)
    else:
        outer_writer.close()
        inner_writer.close()


async def main(pid_file, ports):
    opened = list(listeners(ports))
    enter(9)
    for port, listener in opened:
        await asyncio.start_server(lambda r, w, port=port: relay(r, w, port), sock=listener)
    with open(pid_file, "w") as file:
        file.write(str(os.getpid()))
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1], [int(port) for port in sys.argv[2:]]))
