#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""slow_proxy.py PORT MS MBIT PORT-FILE: a TCP proxy that makes localhost as far away as a server

Passes connections on to 127.0.0.1:PORT.  Every byte arrives MS milliseconds late in each
direction, so that a round trip, and opening a connection, takes twice that; from the server
there come MBIT megabits a second, shared by all connections.  Nothing is lost and no window grows
slowly.  Writes its own port to PORT-FILE when it listens."""
import asyncio
import os
import sys

PORT, DELAY, RATE = int(sys.argv[1]), float(sys.argv[2]) / 1000, float(sys.argv[3]) * 1e6 / 8
HELD = 16 << 20  # bytes on their way in one direction of one connection
STEP = 32 << 10
free_at = 0.0  # when the shared line has sent what it has


async def pump(reader, writer, rated):
    """One direction: what comes is written DELAY later, and not faster than the line."""
    global free_at
    loop = asyncio.get_running_loop()
    line = asyncio.Queue()
    held = asyncio.Semaphore(HELD // STEP)

    async def deliver():
        while True:
            when, data = await line.get()
            wait = when - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            held.release()
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    task = asyncio.create_task(deliver())
    try:
        while True:
            await held.acquire()
            data = await reader.read(STEP)
            now = loop.time()
            if rated and data:
                free_at = max(free_at, now) + len(data) / RATE
                if free_at - now > 0.005:
                    await asyncio.sleep(free_at - now)
                now = loop.time()
            line.put_nowait((now + DELAY, data))
            if not data:
                break
        await task
    except (ConnectionError, asyncio.CancelledError):
        task.cancel()
        writer.close()


async def serve(reader, writer):
    try:
        await asyncio.sleep(2 * DELAY)  # the handshake
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", PORT)
    except ConnectionError:
        writer.close()
        return
    await asyncio.gather(pump(reader, far_writer, False), pump(far_reader, writer, True))


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=STEP)
    with open(sys.argv[4] + ".tmp", "w", encoding="ascii") as f:
        f.write(str(server.sockets[0].getsockname()[1]))
    os.rename(sys.argv[4] + ".tmp", sys.argv[4])
    async with server:
        await server.serve_forever()


asyncio.run(main())
