"""asyncpg: always binary, prepared statements, cursors, timeouts."""
import asyncio
import sys

import asyncpg


async def main():
    c = await asyncpg.connect(sys.argv[1])
    print("rows", [tuple(r) for r in await c.fetch("SELECT id, city, installed FROM berlin.meters WHERE id < $1 ORDER BY id", 3)])
    first = await c.fetchrow("SELECT * FROM berlin.kinds WHERE id = 1")
    print("kinds", *(v.hex() if isinstance(v, bytes) else v for v in first), sep="|")
    async with c.transaction():
        count = 0
        async for _ in c.cursor("SELECT n FROM berlin.readings", prefetch=5000):
            count += 1
        print("cursor", count)
    try:
        await c.fetch("SELECT pg_sleep(30)", timeout=0.5)
    except asyncio.TimeoutError:
        print("timeout, then", await c.fetchval("SELECT 1"))
    print("arrays", await c.fetchval("SELECT ARRAY[1, NULL, 3]"), await c.fetchval("SELECT ARRAY['a', 'b']"))
    await c.close()


asyncio.run(main())
