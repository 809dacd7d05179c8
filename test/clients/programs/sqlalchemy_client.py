"""SQLAlchemy's inspector and pandas.read_sql."""
import sys

import pandas
from sqlalchemy import create_engine, inspect, text

engine = create_engine(sys.argv[1])
inspector = inspect(engine)
print("schemas", inspector.get_schema_names())
print("tables", sorted(inspector.get_table_names("berlin")))
print("columns", [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns("meters", "berlin")])
print("primary key", inspector.get_pk_constraint("meters", "berlin")["constrained_columns"])
print("foreign keys", inspector.get_foreign_keys("readings", "berlin"))
print("indexes", inspector.get_indexes("meters", "berlin"))
print("views", inspector.get_view_names("public"))
with engine.connect() as connection:
    frame = pandas.read_sql(text("SELECT city, count(*) AS n, avg(mw)::float8 AS mw FROM berlin.meters m JOIN berlin.readings r ON r.meter_id = m.id GROUP BY city ORDER BY city"), connection)
    print(frame.dtypes.to_dict()["n"], len(frame), int(frame["n"].sum()))
