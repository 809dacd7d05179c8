import { describe, expect, test } from 'vitest';
import { redact } from './silos.ts';

const SPECS = [
  { name: 'url', description: '', secret: true },
  { name: 'password', description: '', secret: true },
  { name: 'path', description: '' },
];

describe('redact', () => {
  test.each([
    [{ password: 'hunter2' }, "password '***'"],
    [{ password: 'env:PGPASSWORD' }, "password 'env:PGPASSWORD'"],
    [{ url: 'postgres://ada:p@ss:w@db.example/x' }, "url 'postgres://ada:***@db.example/x'"],
    [{ url: 'postgres://db.example/x' }, "url 'postgres://db.example/x'"],
    // A password may stand among a URL's parameters: it is not picked apart.
    [{ url: 'postgres://db.example/x?password=secret' }, "url '***'"],
    [{ path: '/data' }, "path '/data'"],
  ])('%o', (options, shown) => {
    expect(redact(options as Record<string, string>, SPECS)).toBe(shown);
  });
});
