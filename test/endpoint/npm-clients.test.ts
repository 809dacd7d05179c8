/** Clients that npm brings, unmodified: postgres.js, knex, typeorm (node-postgres: see src/endpoint). */
import 'reflect-metadata';
import knex from 'knex';
import postgres from 'postgres';
import { DataSource, EntitySchema } from 'typeorm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berlin, READINGS, startBerlin } from './berlin.ts';

let berlin: Berlin;
beforeAll(async () => {
  berlin = await startBerlin();
}, 120_000);
afterAll(() => berlin?.[Symbol.asyncDispose]());

const place = () => ({ host: '127.0.0.1', port: berlin.port, user: 'eva', database: 'causeway' });

test('postgres.js: parameters, cursors, types, errors, transactions', async () => {
  const sql = postgres({ ...place(), username: 'eva', max: 3, onnotice: () => {} });
  try {
    const id = 3;
    expect([...(await sql`SELECT id, city FROM berlin.meters WHERE id = ${id}`)]).toEqual([{ id: 3, city: 'city 3' }]);
    let seen = 0;
    for await (const page of sql`SELECT n FROM berlin.readings`.cursor(20_000)) seen += page.length;
    expect(seen).toBe(READINGS);
    const [kinds] = await sql`SELECT * FROM berlin.kinds WHERE id = 1`;
    expect(kinds).toMatchObject({ b: true, i8: '9007199254740993', n: '12345.67890', t: 'Grüße 🚗', tm: '23:59:59.5' });
    expect((kinds!.ts as Date).toISOString()).toMatch(/^2024-02-29T/);
    await expect(sql`SELECT nosuch FROM berlin.meters`).rejects.toMatchObject({ code: '42703' });
    await sql.begin(async (tx) => {
      await tx`SAVEPOINT a`;
      expect([...(await tx`SELECT count(*)::int AS n FROM berlin.meters`)]).toEqual([{ n: 50 }]);
    });
    const many = await Promise.all(
      Array.from({ length: 30 }, (_, i) => sql`SELECT ${i}::int AS i, city FROM berlin.meters WHERE id = ${i + 1}`),
    );
    expect(many.map(([row]) => row!.i)).toEqual(Array.from({ length: 30 }, (_, i) => i));
  } finally {
    await sql.end();
  }
});

test('knex: builder, column information, streams', async () => {
  const db = knex({ client: 'pg', connection: place(), pool: { min: 0, max: 2 } });
  try {
    expect(await db.withSchema('berlin').from('meters').where('id', '<', 3).orderBy('id').select('id')).toEqual([
      { id: 1 },
      { id: 2 },
    ]);
    expect(await db.withSchema('berlin').from('meters').count('* as n').first()).toEqual({ n: '50' });
    const columns = await db('meters').withSchema('berlin').columnInfo();
    expect(columns).toMatchObject({
      id: { type: 'integer', nullable: false },
      installed: { type: 'date', nullable: true },
    });
    expect(await db.schema.withSchema('berlin').hasTable('meters')).toBe(true);
    expect(await db.schema.withSchema('berlin').hasTable('nosuch')).toBe(false);
  } finally {
    await db.destroy();
  }
});

test('typeorm: connects, reads entities, counts', async () => {
  const Meter = new EntitySchema<{ id: number; city: string; installed: string }>({
    name: 'Meter',
    schema: 'berlin',
    tableName: 'meters',
    columns: {
      id: { type: 'int', primary: true },
      city: { type: 'varchar' },
      installed: { type: 'date', nullable: true },
    },
  });
  const source = new DataSource({
    type: 'postgres',
    ...place(),
    username: 'eva',
    entities: [Meter],
    synchronize: false,
  });
  await source.initialize();
  try {
    const repository = source.getRepository(Meter);
    expect(await repository.find({ where: { city: 'city 1' }, order: { id: 'ASC' }, take: 2 })).toEqual([
      { id: 1, city: 'city 1', installed: '2020-01-02' },
      { id: 8, city: 'city 1', installed: '2020-01-09' },
    ]);
    expect(await repository.count()).toBe(50);
    const found = await source
      .createQueryBuilder(Meter, 'm')
      .where('m.id BETWEEN :a AND :b', { a: 2, b: 4 })
      .getManyAndCount();
    expect(found[1]).toBe(3);
  } finally {
    await source.destroy();
  }
});
