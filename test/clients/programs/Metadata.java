import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;

/** What DBeaver, DataGrip and Tableau ask through JDBC, and how a report reads. Prints one line per fact. */
public class Metadata {
  static int failures = 0;

  interface Step { String run() throws Exception; }

  static void step(String name, Step step) {
    try {
      System.out.println(name + ": " + step.run());
    } catch (Exception e) {
      failures++;
      System.out.println(name + ": FAILED " + e);
    }
  }

  static String list(ResultSet rows, String... columns) throws SQLException {
    List<String> lines = new ArrayList<>();
    while (rows.next()) {
      StringJoiner line = new StringJoiner("/");
      for (String column : columns) line.add(String.valueOf(rows.getString(column)));
      lines.add(line.toString());
    }
    return String.join(" ", lines);
  }

  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    properties.setProperty("user", "eva");
    if (args.length > 1 && !args[1].isEmpty()) for (String pair : args[1].split("&")) properties.setProperty(pair.split("=")[0], pair.split("=")[1]);
    try (Connection c = DriverManager.getConnection(args[0], properties)) {
      DatabaseMetaData m = c.getMetaData();
      step("product", () -> m.getDatabaseProductName() + " " + m.getDatabaseMajorVersion());
      step("schemas", () -> list(m.getSchemas(), "TABLE_SCHEM"));
      step("tables", () -> list(m.getTables(null, "berlin", "%", null), "TABLE_NAME", "TABLE_TYPE"));
      step("columns", () -> list(m.getColumns(null, "berlin", "meters", "%"), "COLUMN_NAME", "TYPE_NAME", "IS_NULLABLE"));
      step("primary keys", () -> list(m.getPrimaryKeys(null, "berlin", "meters"), "COLUMN_NAME", "PK_NAME"));
      step("imported keys", () -> list(m.getImportedKeys(null, "berlin", "readings"), "FKCOLUMN_NAME"));
      step("indexes", () -> list(m.getIndexInfo(null, "berlin", "meters", false, true), "INDEX_NAME", "COLUMN_NAME"));
      step("privileges", () -> list(m.getTablePrivileges(null, "berlin", "meters"), "GRANTEE", "PRIVILEGE").isEmpty() ? "none" : "some");
      step("types", () -> list(m.getTypeInfo(), "TYPE_NAME").contains("int4") ? "int4 and others" : "no int4");
      step("functions", () -> list(m.getFunctions(null, "ml", "%"), "FUNCTION_NAME"));
      step("catalogs", () -> list(m.getCatalogs(), "TABLE_CAT"));
      step("prepared, eight times", () -> {
        StringJoiner found = new StringJoiner(" ");
        try (PreparedStatement s = c.prepareStatement("SELECT city, installed FROM berlin.meters WHERE id = ?")) {
          for (int id = 1; id <= 8; id++) {
            s.setInt(1, id);
            ResultSet rows = s.executeQuery();
            rows.next();
            found.add(rows.getString(1) + "@" + rows.getDate(2));
          }
          ResultSetMetaData columns = s.getMetaData();
          found.add(columns.getColumnTypeName(1) + "," + columns.getColumnTypeName(2) + "," + s.getParameterMetaData().getParameterTypeName(1));
        }
        return found.toString();
      });
      step("every kind of value", () -> {
        try (PreparedStatement s = c.prepareStatement("SELECT * FROM berlin.kinds WHERE id = ?")) {
          s.setInt(1, 1);
          ResultSet rows = s.executeQuery();
          rows.next();
          StringJoiner values = new StringJoiner("|");
          for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
            Object value = rows.getObject(i);
            values.add(value instanceof byte[] ? HexFormat.of().formatHex((byte[]) value) : value instanceof Timestamp ? ((Timestamp) value).toInstant().toString() : String.valueOf(value));
          }
          s.setInt(1, 2);
          rows = s.executeQuery();
          rows.next();
          return values + " " + rows.getObject(2) + rows.getObject(5);
        }
      });
      step("fetch size 1000", () -> {
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
          s.setFetchSize(1000);
          ResultSet rows = s.executeQuery("SELECT n, mw, label FROM berlin.readings ORDER BY n");
          int count = 0;
          long sum = 0;
          while (rows.next()) { count++; sum += rows.getLong(1); }
          return count + " rows, sum " + sum;
        } finally {
          c.commit();
          c.setAutoCommit(true);
        }
      });
      step("savepoint after an error", () -> {
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
          Savepoint before = c.setSavepoint("before");
          try { s.executeQuery("SELECT nosuch FROM berlin.meters"); } catch (SQLException e) {
            c.rollback(before);
            ResultSet rows = s.executeQuery("SELECT count(*) FROM berlin.meters");
            rows.next();
            return e.getSQLState() + ", then " + rows.getInt(1);
          }
          return "no error";
        } finally {
          c.rollback();
          c.setAutoCommit(true);
        }
      });
      step("query timeout", () -> {
        try (Statement s = c.createStatement()) {
          s.setQueryTimeout(1);
          s.executeQuery("SELECT pg_sleep(30)");
          return "not cancelled";
        } catch (SQLException e) {
          return e.getSQLState();
        }
      });
      step("copy out", () -> {
        var copy = c.unwrap(PGConnection.class).getCopyAPI().copyOut("COPY (SELECT id, city FROM berlin.meters ORDER BY id LIMIT 2) TO STDOUT (FORMAT csv, HEADER)");
        StringBuilder text = new StringBuilder();
        for (byte[] part; (part = copy.readFromCopy()) != null; ) text.append(new String(part, "UTF-8"));
        return text.toString().trim().replace("\n", ";");
      });
      step("read only", () -> {
        try (Statement s = c.createStatement()) {
          s.executeUpdate("UPDATE berlin.meters SET id = 99");
          return "written";
        } catch (SQLException e) {
          return e.getSQLState();
        }
      });
    }
    System.exit(failures == 0 ? 0 : 1);
  }
}
