"""Runs the handler of a generated Snowpark procedure with a stand-in for the session.

argv: a file with the handler. stdin: per line {rows, job}; stdout: per line {answer} or {error}. Times are microseconds in the
rows, and moments without a zone in the session's, as Snowpark gives them.
"""

import datetime
import json
import sys
import traceback


class Query:
    def __init__(self, rows):
        self.rows = rows

    def to_local_iterator(self):
        for time, *others in self.rows:
            moment = None if time is None else datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=time)
            yield (moment, *others)


class Session:
    def __init__(self, query, rows):
        self.query = query
        self.rows = rows

    def sql(self, query):
        assert query == self.query
        return Query(self.rows)


scope = {}
with open(sys.argv[1], encoding="utf-8") as file:
    exec(file.read(), scope)

for line in sys.stdin:
    given = json.loads(line)
    try:
        answer = {"answer": scope["run"](Session(given["job"]["query"], given["rows"]), given["job"])}
    except Exception:
        answer = {"error": traceback.format_exc()}
    # The service takes no infinity and no NaN.
    print(json.dumps(answer, allow_nan=False), flush=True)
