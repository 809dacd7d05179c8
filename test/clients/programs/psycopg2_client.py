"""psycopg2: named cursors, COPY, cancel, notices, two sessions."""
import io
import sys
import threading

import psycopg2
import psycopg2.extras

dsn = sys.argv[1]
a = psycopg2.connect(dsn)
b = psycopg2.connect(dsn)
with a, a.cursor() as cursor:
    cursor.execute("SELECT id, city, installed FROM berlin.meters WHERE id = ANY(%s) ORDER BY id", ([1, 3],))
    print("rows", cursor.fetchall())
    print("types", [psycopg2.extensions.string_types[d.type_code].name for d in cursor.description])
with a, a.cursor("named") as cursor:
    cursor.itersize = 10000
    cursor.execute("SELECT n FROM berlin.readings")
    print("named cursor", sum(1 for _ in cursor))
with a, a.cursor() as cursor:
    out = io.StringIO()
    cursor.copy_expert("COPY (SELECT id, city FROM berlin.meters ORDER BY id LIMIT 2) TO STDOUT", out)
    print("copy", out.getvalue().replace("\n", ";"))
with a, a.cursor() as cursor:
    cursor.execute("SET TIME ZONE 'Asia/Tokyo'")
with b, b.cursor() as cursor:
    cursor.execute("SHOW TIME ZONE")
    print("other session", cursor.fetchone())
with a, a.cursor() as cursor:
    cursor.execute("SELECT ts FROM berlin.readings ORDER BY n LIMIT 1")
    print("in its zone", cursor.fetchone()[0].isoformat())
threading.Timer(0.5, a.cancel).start()
try:
    a.cursor().execute("SELECT pg_sleep(30)")
except psycopg2.errors.QueryCanceled as error:
    print("cancelled", error.pgcode)
a.rollback()
try:
    a.cursor().execute("SELECT 1; SELECT nosuch FROM berlin.meters")
except psycopg2.Error as error:
    print("error", error.pgcode, error.diag.statement_position)
