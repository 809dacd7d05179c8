"""fakesnow's server, answering as Snowflake answers its JavaScript client: JSON rows instead of Arrow, statements that are asked
for and then fetched, sessions with a master token. python fakesnow-json.py PORT
"""

import asyncio
import gzip
import json
import sys
import uuid
from base64 import b64decode
from decimal import Decimal

import fakesnow.server as fake
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

results = {}
# One connection of fakesnow is one DuckDB connection: its statements run one after another.
turn = asyncio.Lock()


def seconds(nanoseconds):
    sign, value = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    return f"{sign}{value // 10**9}.{value % 10**9:09d}"


def text_of(value, kind):
    """A value as the JSON result format spells it."""
    if value is None:
        return None
    if kind == "BOOLEAN":
        return "1" if value else "0"
    if kind == "DATE":
        return str(value.toordinal() - 719163)
    if kind == "TIME":
        return seconds(value)
    if kind.startswith("TIMESTAMP"):
        if value["epoch"] is None:
            return None
        offset = f" {value['timezone']}" if "timezone" in value else ""
        return seconds(value["epoch"] * 10**9 + value["fraction"]) + offset
    if kind == "BINARY":
        return value.hex().upper()
    if kind == "REAL":
        return "NaN" if value != value else repr(value)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def rows_as_json(table):
    kinds = [field.metadata[b"logicalType"].decode() for field in table.schema]
    columns = [[text_of(value, kind) for value in column.to_pylist()] for column, kind in zip(table.columns, kinds)]
    return json.dumps([list(row) for row in zip(*columns)]).encode()


fake.to_ipc = rows_as_json


async def answer(request):
    response = await fake.query_request(request)
    body = json.loads(response.body)
    data = body.get("data") or {}
    if "rowsetBase64" in data:
        encoded = data.pop("rowsetBase64")
        rows = json.loads(b64decode(encoded)) if encoded else []
        data.update(rowset=rows, total=len(rows), returned=len(rows), queryResultFormat="json", version=1)
    # The service has a number of its own for a name that is taken.
    if not body["success"] and "already exists" in body["message"]:
        body.update(code="002002", data={"errorCode": "002002", "sqlState": "42710"})
    return body


async def query(request):
    raw = await request.body()
    asked = json.loads(gzip.decompress(raw) if request.headers.get("content-encoding") == "gzip" else raw)
    async with turn:
        body = await answer(request)
    if not asked.get("asyncExec"):
        return JSONResponse(body)
    # fakesnow runs a statement while it is asked for; here it is fetched afterwards, as from the service.
    name = str(uuid.uuid4())
    if body.get("data"):
        body["data"]["queryId"] = name
    results[name] = body
    head = {"queryId": name, "getResultUrl": f"/queries/{name}/result"}
    return JSONResponse({"data": head, "code": "333334", "message": "in progress", "success": True})


async def result(request):
    return JSONResponse(results[request.path_params["name"]])


async def login(request):
    response = await fake.login_request(request)
    body = json.loads(response.body)
    tokens = {"masterToken": body["data"]["token"], "validityInSeconds": 3600, "masterValidityInSeconds": 14400}
    body["data"].update(tokens, sessionId=1)
    return JSONResponse(body)


async def nothing(_request):
    return JSONResponse({"data": None, "success": True})


app = Starlette(
    routes=[
        Route("/session/v1/login-request", login, methods=["POST"]),
        Route("/queries/v1/query-request", query, methods=["POST"]),
        Route("/queries/{name}/result", result),
        Route("/queries/{name}/abort-request", nothing, methods=["POST"]),
        Route("/telemetry/send", nothing, methods=["POST"]),
        Route("/ready", lambda _: Response("ok")),
        *[route for route in fake.routes if route.path == "/session"],
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
