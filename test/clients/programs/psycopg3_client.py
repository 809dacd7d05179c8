"""psycopg 3: binary results, server-side cursors with parameters, COPY, prepared statements."""
import sys

import psycopg

with psycopg.connect(sys.argv[1]) as connection:
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        cursor.execute("SELECT * FROM berlin.kinds ORDER BY id")
        first, second = cursor.fetchall()
        print("kinds", *(value.hex() if isinstance(value, bytes) else value for value in first), sep="|")
        print("nulls", second)
    with connection.cursor("server") as cursor:
        cursor.execute("SELECT n FROM berlin.readings WHERE n < %s", (5000,))
        print("server cursor", sum(1 for _ in cursor))
    with connection.cursor().copy("COPY (SELECT id, installed FROM berlin.meters WHERE id < 3 ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int4", "date"])
        print("binary copy", list(copy.rows()))
    for n in range(8):
        row = connection.execute("SELECT city FROM berlin.meters WHERE id = %s", (n + 1,), prepare=True).fetchone()
    print("prepared", row)
    try:
        connection.execute("SELECT nosuch FROM berlin.meters")
    except psycopg.Error as error:
        print("error", error.sqlstate)
    try:
        connection.execute("SELECT 1")
    except psycopg.Error as error:
        print("in failed transaction", error.sqlstate)
    connection.rollback()
    print("after rollback", connection.execute("SELECT 1").fetchone())
