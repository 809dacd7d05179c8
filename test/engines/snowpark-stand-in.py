"""Runs the handler of a generated Snowpark procedure with a stand-in for the session. stdin: {handler, rows, job}; stdout: the result."""

import json
import sys


class Query:
    def __init__(self, rows):
        self.rows = rows

    def to_local_iterator(self):
        return iter([tuple(row) for row in self.rows])


class Session:
    def __init__(self, rows):
        self.rows = rows

    def sql(self, query):
        return Query(self.rows[query])


given = json.load(sys.stdin)
scope = {}
exec(given["handler"], scope)
print(json.dumps(scope["run"](Session(given["rows"]), given["job"])))
