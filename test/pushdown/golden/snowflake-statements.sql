-- SELECT "integer#0" AS k FROM samples WHERE "text#0" = 'it''s \ "quoted"' ORDER BY k DESC NULLS FIRST LIMIT 3 OFFSET 1
SELECT t1."integer#0" AS "K" FROM "SAMPLES" AS t1 WHERE t1."text#0" = 'it''s \\ "quoted"' ORDER BY t1."integer#0" DESC NULLS FIRST LIMIT 3 OFFSET 1;

-- SELECT "integer#0" FROM samples ORDER BY 1 OFFSET 2
SELECT t1."integer#0" FROM "SAMPLES" AS t1 ORDER BY t1."integer#0" NULLS LAST LIMIT NULL OFFSET 2;

-- SELECT DISTINCT "boolean#0" FROM samples WHERE "integer#1" IS NOT NULL AND "integer#0" IN (1, 2, 3)
SELECT DISTINCT t1."boolean#0" FROM "SAMPLES" AS t1 WHERE t1."integer#1" IS NOT NULL AND t1."integer#0" IN (1, 2, 3);

-- SELECT "date#0" FROM samples WHERE "date#0" >= DATE '2020-01-01' AND "timestamp without time zone#0" < TIMESTAMP '2030-01-01 00:00:00'
SELECT t1."date#0" FROM "SAMPLES" AS t1 WHERE t1."date#0" >= DATE '2020-01-01' AND t1."timestamp without time zone#0" < CAST('2030-01-01 00:00:00' AS TIMESTAMP_NTZ(6));

-- SELECT "integer#0" FROM samples WHERE "timestamp with time zone#0" >= TIMESTAMPTZ '2020-01-01 02:00:00+02'
SELECT t1."integer#0" FROM "SAMPLES" AS t1 WHERE t1."timestamp with time zone#0" >= CAST('2020-01-01 00:00:00' AS TIMESTAMP_LTZ);

-- SELECT "integer#0" FROM samples WHERE "time without time zone#0" > TIME '01:02:03.5'
SELECT t1."integer#0" FROM "SAMPLES" AS t1 WHERE t1."time without time zone#0" > TIME '01:02:03.5';

-- SELECT "integer#0" FROM samples WHERE "text#0" LIKE 'H%' OR "text#0" LIKE '100\%'
SELECT t1."integer#0" FROM "SAMPLES" AS t1 WHERE (t1."text#0" LIKE 'H%' OR (t1."text#0" LIKE '100\\%' ESCAPE '\\'));

-- SELECT "boolean#0", count(*), sum("integer#1"), min("text#0") FROM samples GROUP BY 1 HAVING count(*) > 1
SELECT t1."boolean#0", count(*) AS "COUNT", sum(t1."integer#1") AS "SUM", min(t1."text#0") AS "MIN" FROM "SAMPLES" AS t1 GROUP BY t1."boolean#0" HAVING count(*) > 1;

-- SELECT "boolean#0", "integer#2", count(*) FROM samples GROUP BY ROLLUP ("boolean#0", "integer#2")
SELECT t1."boolean#0", t1."integer#2", count(*) AS "COUNT" FROM "SAMPLES" AS t1 GROUP BY GROUPING SETS ((t1."boolean#0", t1."integer#2"), (t1."boolean#0"), ());

-- SELECT count(DISTINCT "text#0") FROM samples
SELECT count(DISTINCT t1."text#0") AS "COUNT" FROM "SAMPLES" AS t1;

-- SELECT a."integer#0" FROM samples a JOIN samples b ON a."integer#0" = b."integer#1" WHERE b."text#0" <> ''
SELECT t1."integer#0" FROM "SAMPLES" AS t1 INNER JOIN "SAMPLES" AS t2 ON t1."integer#0" = t2."integer#1" WHERE t2."text#0" <> '';

-- SELECT a."integer#0", b."text#0" FROM samples a LEFT JOIN samples b ON a."integer#0" = b."integer#3"
SELECT t1."integer#0", t2."text#0" FROM "SAMPLES" AS t1 LEFT JOIN "SAMPLES" AS t2 ON t1."integer#0" = t2."integer#3";

-- SELECT a."integer#0", b."text#0" FROM samples a FULL JOIN samples b ON a."integer#0" = b."integer#3"
SELECT t1."integer#0", t2."text#0" FROM "SAMPLES" AS t1 FULL JOIN "SAMPLES" AS t2 ON t1."integer#0" = t2."integer#3";

-- SELECT "integer#0" FROM samples a WHERE EXISTS (SELECT 1 FROM samples b WHERE b."integer#3" = a."integer#0")
SELECT t1."integer#0" FROM "SAMPLES" AS t1 WHERE EXISTS (SELECT 1 AS "ONE" FROM "SAMPLES" AS t2 WHERE t2."integer#3" = t1."integer#0");

-- SELECT "integer#0" FROM samples WHERE "integer#0" NOT IN (SELECT "integer#3" FROM samples WHERE "integer#3" > 2)
SELECT t1."integer#0" FROM "SAMPLES" AS t1 WHERE NOT t1."integer#0" IN (SELECT t2."integer#3" FROM "SAMPLES" AS t2 WHERE t2."integer#3" > 2);

-- SELECT "integer#0" FROM samples UNION SELECT "integer#3" FROM samples
SELECT t1."integer#0" FROM "SAMPLES" AS t1 UNION SELECT t2."integer#3" FROM "SAMPLES" AS t2;

-- SELECT "integer#0" FROM samples INTERSECT SELECT "integer#3" FROM samples
SELECT t1."integer#0" FROM "SAMPLES" AS t1 INTERSECT SELECT t2."integer#3" FROM "SAMPLES" AS t2;

-- SELECT "integer#0", row_number() OVER (PARTITION BY "boolean#0" ORDER BY "integer#0") FROM samples
SELECT t1."integer#0", row_number() OVER (PARTITION BY t1."boolean#0" ORDER BY t1."integer#0" NULLS LAST) AS "ROW_NUMBER" FROM "SAMPLES" AS t1;

-- SELECT "integer#0", sum("integer#0") OVER (ORDER BY "integer#0" ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM samples
SELECT t1."integer#0", sum(t1."integer#0") OVER (ORDER BY t1."integer#0" NULLS LAST ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS "SUM" FROM "SAMPLES" AS t1;

-- SELECT CASE WHEN "integer#0" > 2 THEN 'many' ELSE 'few' END FROM samples
SELECT CASE WHEN t1."integer#0" > 2 THEN 'many' ELSE 'few' END AS "CASE" FROM "SAMPLES" AS t1;

-- SELECT "integer#0"::double precision, "integer#0"::text, "numeric#0"::double precision FROM samples
SELECT CAST(t1."integer#0" AS DOUBLE) AS "integer#0", CAST(t1."integer#0" AS VARCHAR) AS "integer#0_1", CAST(t1."numeric#0" AS DOUBLE) AS "numeric#0" FROM "SAMPLES" AS t1;
