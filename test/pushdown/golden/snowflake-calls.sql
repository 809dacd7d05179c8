-- +(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" + t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- +(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" + t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- -(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" - t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- -(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" - t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- *(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" * t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- /(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" / t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- %(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" % t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- negate(numeric)
SELECT t1."integer#0", -t1."numeric#0" AS "X0" FROM "SAMPLES" AS t1;

-- negate(double precision)
SELECT t1."integer#0", -t1."double precision#0" AS "X0" FROM "SAMPLES" AS t1;

-- =(smallint, smallint)
SELECT t1."integer#0", t1."smallint#0" = t1."smallint#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(integer, integer)
SELECT t1."integer#0", t1."integer#0" = t1."integer#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(bigint, bigint)
SELECT t1."integer#0", t1."bigint#0" = t1."bigint#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" = t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" = t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(text, text)
SELECT t1."integer#0", t1."text#0" = t1."text#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(date, date)
SELECT t1."integer#0", t1."date#0" = t1."date#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(time without time zone, time without time zone)
SELECT t1."integer#0", t1."time without time zone#0" = t1."time without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(timestamp without time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" = t1."timestamp without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(timestamp with time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" = t1."timestamp with time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(boolean, boolean)
SELECT t1."integer#0", t1."boolean#0" = t1."boolean#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(bytea, bytea)
SELECT t1."integer#0", t1."bytea#0" = t1."bytea#1" AS "X0" FROM "SAMPLES" AS t1;

-- =(date, timestamp without time zone)
SELECT t1."integer#0", t1."date#0" = t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- =(timestamp without time zone, date)
SELECT t1."integer#0", t1."timestamp without time zone#0" = t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- =(date, timestamp with time zone)
SELECT t1."integer#0", t1."date#0" = t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- =(timestamp with time zone, date)
SELECT t1."integer#0", t1."timestamp with time zone#0" = t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- =(timestamp without time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" = t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- =(timestamp with time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" = t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <>(smallint, smallint)
SELECT t1."integer#0", t1."smallint#0" <> t1."smallint#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(integer, integer)
SELECT t1."integer#0", t1."integer#0" <> t1."integer#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(bigint, bigint)
SELECT t1."integer#0", t1."bigint#0" <> t1."bigint#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" <> t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" <> t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(text, text)
SELECT t1."integer#0", t1."text#0" <> t1."text#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(date, date)
SELECT t1."integer#0", t1."date#0" <> t1."date#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(time without time zone, time without time zone)
SELECT t1."integer#0", t1."time without time zone#0" <> t1."time without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(timestamp without time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" <> t1."timestamp without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(timestamp with time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" <> t1."timestamp with time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(boolean, boolean)
SELECT t1."integer#0", t1."boolean#0" <> t1."boolean#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(bytea, bytea)
SELECT t1."integer#0", t1."bytea#0" <> t1."bytea#1" AS "X0" FROM "SAMPLES" AS t1;

-- <>(date, timestamp without time zone)
SELECT t1."integer#0", t1."date#0" <> t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <>(timestamp without time zone, date)
SELECT t1."integer#0", t1."timestamp without time zone#0" <> t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- <>(date, timestamp with time zone)
SELECT t1."integer#0", t1."date#0" <> t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <>(timestamp with time zone, date)
SELECT t1."integer#0", t1."timestamp with time zone#0" <> t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- <>(timestamp without time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" <> t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <>(timestamp with time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" <> t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <(smallint, smallint)
SELECT t1."integer#0", t1."smallint#0" < t1."smallint#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(integer, integer)
SELECT t1."integer#0", t1."integer#0" < t1."integer#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(bigint, bigint)
SELECT t1."integer#0", t1."bigint#0" < t1."bigint#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" < t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" < t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(text, text)
SELECT t1."integer#0", t1."text#0" < t1."text#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(date, date)
SELECT t1."integer#0", t1."date#0" < t1."date#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(time without time zone, time without time zone)
SELECT t1."integer#0", t1."time without time zone#0" < t1."time without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(timestamp without time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" < t1."timestamp without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(timestamp with time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" < t1."timestamp with time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(boolean, boolean)
SELECT t1."integer#0", t1."boolean#0" < t1."boolean#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(bytea, bytea)
SELECT t1."integer#0", t1."bytea#0" < t1."bytea#1" AS "X0" FROM "SAMPLES" AS t1;

-- <(date, timestamp without time zone)
SELECT t1."integer#0", t1."date#0" < t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <(timestamp without time zone, date)
SELECT t1."integer#0", t1."timestamp without time zone#0" < t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- <(date, timestamp with time zone)
SELECT t1."integer#0", t1."date#0" < t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <(timestamp with time zone, date)
SELECT t1."integer#0", t1."timestamp with time zone#0" < t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- <(timestamp without time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" < t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <(timestamp with time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" < t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <=(smallint, smallint)
SELECT t1."integer#0", t1."smallint#0" <= t1."smallint#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(integer, integer)
SELECT t1."integer#0", t1."integer#0" <= t1."integer#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(bigint, bigint)
SELECT t1."integer#0", t1."bigint#0" <= t1."bigint#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" <= t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" <= t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(text, text)
SELECT t1."integer#0", t1."text#0" <= t1."text#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(date, date)
SELECT t1."integer#0", t1."date#0" <= t1."date#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(time without time zone, time without time zone)
SELECT t1."integer#0", t1."time without time zone#0" <= t1."time without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(timestamp without time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" <= t1."timestamp without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(timestamp with time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" <= t1."timestamp with time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(boolean, boolean)
SELECT t1."integer#0", t1."boolean#0" <= t1."boolean#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(bytea, bytea)
SELECT t1."integer#0", t1."bytea#0" <= t1."bytea#1" AS "X0" FROM "SAMPLES" AS t1;

-- <=(date, timestamp without time zone)
SELECT t1."integer#0", t1."date#0" <= t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <=(timestamp without time zone, date)
SELECT t1."integer#0", t1."timestamp without time zone#0" <= t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- <=(date, timestamp with time zone)
SELECT t1."integer#0", t1."date#0" <= t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <=(timestamp with time zone, date)
SELECT t1."integer#0", t1."timestamp with time zone#0" <= t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- <=(timestamp without time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" <= t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- <=(timestamp with time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" <= t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- >(smallint, smallint)
SELECT t1."integer#0", t1."smallint#0" > t1."smallint#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(integer, integer)
SELECT t1."integer#0", t1."integer#0" > t1."integer#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(bigint, bigint)
SELECT t1."integer#0", t1."bigint#0" > t1."bigint#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" > t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" > t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(text, text)
SELECT t1."integer#0", t1."text#0" > t1."text#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(date, date)
SELECT t1."integer#0", t1."date#0" > t1."date#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(time without time zone, time without time zone)
SELECT t1."integer#0", t1."time without time zone#0" > t1."time without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(timestamp without time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" > t1."timestamp without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(timestamp with time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" > t1."timestamp with time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(boolean, boolean)
SELECT t1."integer#0", t1."boolean#0" > t1."boolean#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(bytea, bytea)
SELECT t1."integer#0", t1."bytea#0" > t1."bytea#1" AS "X0" FROM "SAMPLES" AS t1;

-- >(date, timestamp without time zone)
SELECT t1."integer#0", t1."date#0" > t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- >(timestamp without time zone, date)
SELECT t1."integer#0", t1."timestamp without time zone#0" > t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- >(date, timestamp with time zone)
SELECT t1."integer#0", t1."date#0" > t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- >(timestamp with time zone, date)
SELECT t1."integer#0", t1."timestamp with time zone#0" > t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- >(timestamp without time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" > t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- >(timestamp with time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" > t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- >=(smallint, smallint)
SELECT t1."integer#0", t1."smallint#0" >= t1."smallint#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(integer, integer)
SELECT t1."integer#0", t1."integer#0" >= t1."integer#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(bigint, bigint)
SELECT t1."integer#0", t1."bigint#0" >= t1."bigint#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" >= t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" >= t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(text, text)
SELECT t1."integer#0", t1."text#0" >= t1."text#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(date, date)
SELECT t1."integer#0", t1."date#0" >= t1."date#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(time without time zone, time without time zone)
SELECT t1."integer#0", t1."time without time zone#0" >= t1."time without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(timestamp without time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" >= t1."timestamp without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(timestamp with time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" >= t1."timestamp with time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(boolean, boolean)
SELECT t1."integer#0", t1."boolean#0" >= t1."boolean#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(bytea, bytea)
SELECT t1."integer#0", t1."bytea#0" >= t1."bytea#1" AS "X0" FROM "SAMPLES" AS t1;

-- >=(date, timestamp without time zone)
SELECT t1."integer#0", t1."date#0" >= t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- >=(timestamp without time zone, date)
SELECT t1."integer#0", t1."timestamp without time zone#0" >= t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- >=(date, timestamp with time zone)
SELECT t1."integer#0", t1."date#0" >= t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- >=(timestamp with time zone, date)
SELECT t1."integer#0", t1."timestamp with time zone#0" >= t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- >=(timestamp without time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" >= t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- >=(timestamp with time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" >= t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(smallint, smallint)
SELECT t1."integer#0", t1."smallint#0" IS DISTINCT FROM t1."smallint#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(integer, integer)
SELECT t1."integer#0", t1."integer#0" IS DISTINCT FROM t1."integer#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(bigint, bigint)
SELECT t1."integer#0", t1."bigint#0" IS DISTINCT FROM t1."bigint#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" IS DISTINCT FROM t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" IS DISTINCT FROM t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(text, text)
SELECT t1."integer#0", t1."text#0" IS DISTINCT FROM t1."text#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(date, date)
SELECT t1."integer#0", t1."date#0" IS DISTINCT FROM t1."date#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(time without time zone, time without time zone)
SELECT t1."integer#0", t1."time without time zone#0" IS DISTINCT FROM t1."time without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(timestamp without time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" IS DISTINCT FROM t1."timestamp without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(timestamp with time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" IS DISTINCT FROM t1."timestamp with time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(boolean, boolean)
SELECT t1."integer#0", t1."boolean#0" IS DISTINCT FROM t1."boolean#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(bytea, bytea)
SELECT t1."integer#0", t1."bytea#0" IS DISTINCT FROM t1."bytea#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(date, timestamp without time zone)
SELECT t1."integer#0", t1."date#0" IS DISTINCT FROM t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(timestamp without time zone, date)
SELECT t1."integer#0", t1."timestamp without time zone#0" IS DISTINCT FROM t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(date, timestamp with time zone)
SELECT t1."integer#0", t1."date#0" IS DISTINCT FROM t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(timestamp with time zone, date)
SELECT t1."integer#0", t1."timestamp with time zone#0" IS DISTINCT FROM t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(timestamp without time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" IS DISTINCT FROM t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_distinct_from(timestamp with time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" IS DISTINCT FROM t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(smallint, smallint)
SELECT t1."integer#0", t1."smallint#0" IS NOT DISTINCT FROM t1."smallint#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(integer, integer)
SELECT t1."integer#0", t1."integer#0" IS NOT DISTINCT FROM t1."integer#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(bigint, bigint)
SELECT t1."integer#0", t1."bigint#0" IS NOT DISTINCT FROM t1."bigint#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(numeric, numeric)
SELECT t1."integer#0", t1."numeric#0" IS NOT DISTINCT FROM t1."numeric#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(double precision, double precision)
SELECT t1."integer#0", t1."double precision#0" IS NOT DISTINCT FROM t1."double precision#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(text, text)
SELECT t1."integer#0", t1."text#0" IS NOT DISTINCT FROM t1."text#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(date, date)
SELECT t1."integer#0", t1."date#0" IS NOT DISTINCT FROM t1."date#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(time without time zone, time without time zone)
SELECT t1."integer#0", t1."time without time zone#0" IS NOT DISTINCT FROM t1."time without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(timestamp without time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" IS NOT DISTINCT FROM t1."timestamp without time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(timestamp with time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" IS NOT DISTINCT FROM t1."timestamp with time zone#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(boolean, boolean)
SELECT t1."integer#0", t1."boolean#0" IS NOT DISTINCT FROM t1."boolean#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(bytea, bytea)
SELECT t1."integer#0", t1."bytea#0" IS NOT DISTINCT FROM t1."bytea#1" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(date, timestamp without time zone)
SELECT t1."integer#0", t1."date#0" IS NOT DISTINCT FROM t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(timestamp without time zone, date)
SELECT t1."integer#0", t1."timestamp without time zone#0" IS NOT DISTINCT FROM t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(date, timestamp with time zone)
SELECT t1."integer#0", t1."date#0" IS NOT DISTINCT FROM t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(timestamp with time zone, date)
SELECT t1."integer#0", t1."timestamp with time zone#0" IS NOT DISTINCT FROM t1."date#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(timestamp without time zone, timestamp with time zone)
SELECT t1."integer#0", t1."timestamp without time zone#0" IS NOT DISTINCT FROM t1."timestamp with time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- is_not_distinct_from(timestamp with time zone, timestamp without time zone)
SELECT t1."integer#0", t1."timestamp with time zone#0" IS NOT DISTINCT FROM t1."timestamp without time zone#0" AS "X0" FROM "SAMPLES" AS t1;

-- ||(text, text)
SELECT t1."integer#0", t1."text#0" || t1."text#1" AS "X0" FROM "SAMPLES" AS t1;

-- ||(text, integer)
SELECT t1."integer#0", t1."text#0" || t1."integer#0" AS "X0" FROM "SAMPLES" AS t1;

-- like(text, %lo%)
SELECT t1."integer#0", t1."text#0" LIKE '%lo%' AS "X0" FROM "SAMPLES" AS t1;

-- like(text, H\_%)
SELECT t1."integer#0", t1."text#0" LIKE 'H\\_%' ESCAPE '\\' AS "X0" FROM "SAMPLES" AS t1;

-- like(text, text)
SELECT t1."integer#0", t1."text#0" LIKE t1."text#1" ESCAPE '\\' AS "X0" FROM "SAMPLES" AS t1;

-- like(text, H%, #)
SELECT t1."integer#0", t1."text#0" LIKE 'H%' ESCAPE '#' AS "X0" FROM "SAMPLES" AS t1;

-- abs(numeric)
SELECT t1."integer#0", abs(t1."numeric#0") AS "X0" FROM "SAMPLES" AS t1;

-- abs(double precision)
SELECT t1."integer#0", abs(t1."double precision#0") AS "X0" FROM "SAMPLES" AS t1;

-- ceil(numeric)
SELECT t1."integer#0", ceil(t1."numeric#0") AS "X0" FROM "SAMPLES" AS t1;

-- ceil(double precision)
SELECT t1."integer#0", ceil(t1."double precision#0") AS "X0" FROM "SAMPLES" AS t1;

-- floor(numeric)
SELECT t1."integer#0", floor(t1."numeric#0") AS "X0" FROM "SAMPLES" AS t1;

-- floor(double precision)
SELECT t1."integer#0", floor(t1."double precision#0") AS "X0" FROM "SAMPLES" AS t1;

-- length(text)
SELECT t1."integer#0", length(t1."text#0") AS "X0" FROM "SAMPLES" AS t1;

-- char_length(text)
SELECT t1."integer#0", LENGTH(t1."text#0") AS "X0" FROM "SAMPLES" AS t1;

-- substring(text, integer)
SELECT t1."integer#0", SUBSTR(t1."text#0", GREATEST(t1."integer#0", 1)) AS "X0" FROM "SAMPLES" AS t1;

-- substring(text, integer, integer)
SELECT t1."integer#0", SUBSTR(t1."text#0", GREATEST(t1."integer#0", 1), CAST(GREATEST(0, t1."integer#1" / IFF(t1."integer#1" < 0, 0, 1) + LEAST(t1."integer#0", 1) - 1) AS NUMBER(10, 0))) AS "X0" FROM "SAMPLES" AS t1;

-- btrim(text)
SELECT t1."integer#0", TRIM(t1."text#0") AS "X0" FROM "SAMPLES" AS t1;

-- btrim(text, text)
SELECT t1."integer#0", TRIM(t1."text#0", t1."text#1") AS "X0" FROM "SAMPLES" AS t1;

-- ltrim(text)
SELECT t1."integer#0", ltrim(t1."text#0") AS "X0" FROM "SAMPLES" AS t1;

-- ltrim(text, text)
SELECT t1."integer#0", ltrim(t1."text#0", t1."text#1") AS "X0" FROM "SAMPLES" AS t1;

-- rtrim(text)
SELECT t1."integer#0", rtrim(t1."text#0") AS "X0" FROM "SAMPLES" AS t1;

-- rtrim(text, text)
SELECT t1."integer#0", rtrim(t1."text#0", t1."text#1") AS "X0" FROM "SAMPLES" AS t1;

-- strpos(text, text)
SELECT t1."integer#0", POSITION(t1."text#1", t1."text#0") AS "X0" FROM "SAMPLES" AS t1;

-- replace(text, text, text)
SELECT t1."integer#0", replace(t1."text#0", t1."text#1", t1."text#2") AS "X0" FROM "SAMPLES" AS t1;

-- reverse(text)
SELECT t1."integer#0", reverse(t1."text#0") AS "X0" FROM "SAMPLES" AS t1;

-- starts_with(text, text)
SELECT t1."integer#0", STARTSWITH(t1."text#0", t1."text#1") AS "X0" FROM "SAMPLES" AS t1;

-- extract(year, date)
SELECT t1."integer#0", CAST(YEAR(t1."date#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(month, date)
SELECT t1."integer#0", CAST(MONTH(t1."date#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(day, date)
SELECT t1."integer#0", CAST(DAY(t1."date#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(dow, date)
SELECT t1."integer#0", CAST(DAYOFWEEK(t1."date#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(doy, date)
SELECT t1."integer#0", CAST(DAYOFYEAR(t1."date#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(week, date)
SELECT t1."integer#0", CAST(WEEKISO(t1."date#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(quarter, date)
SELECT t1."integer#0", CAST(QUARTER(t1."date#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(isodow, date)
SELECT t1."integer#0", CAST(DAYOFWEEKISO(t1."date#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(hour, time without time zone)
SELECT t1."integer#0", CAST(HOUR(t1."time without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(minute, time without time zone)
SELECT t1."integer#0", CAST(MINUTE(t1."time without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(year, timestamp without time zone)
SELECT t1."integer#0", CAST(YEAR(t1."timestamp without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(month, timestamp without time zone)
SELECT t1."integer#0", CAST(MONTH(t1."timestamp without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(day, timestamp without time zone)
SELECT t1."integer#0", CAST(DAY(t1."timestamp without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(hour, timestamp without time zone)
SELECT t1."integer#0", CAST(HOUR(t1."timestamp without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(minute, timestamp without time zone)
SELECT t1."integer#0", CAST(MINUTE(t1."timestamp without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(dow, timestamp without time zone)
SELECT t1."integer#0", CAST(DAYOFWEEK(t1."timestamp without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(doy, timestamp without time zone)
SELECT t1."integer#0", CAST(DAYOFYEAR(t1."timestamp without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(week, timestamp without time zone)
SELECT t1."integer#0", CAST(WEEKISO(t1."timestamp without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(quarter, timestamp without time zone)
SELECT t1."integer#0", CAST(QUARTER(t1."timestamp without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- extract(isodow, timestamp without time zone)
SELECT t1."integer#0", CAST(DAYOFWEEKISO(t1."timestamp without time zone#0") AS NUMBER(38, 0)) AS "X0" FROM "SAMPLES" AS t1;

-- date_trunc(year, timestamp without time zone)
SELECT t1."integer#0", DATE_TRUNC('year', t1."timestamp without time zone#0") AS "X0" FROM "SAMPLES" AS t1;

-- date_trunc(quarter, timestamp without time zone)
SELECT t1."integer#0", DATE_TRUNC('quarter', t1."timestamp without time zone#0") AS "X0" FROM "SAMPLES" AS t1;

-- date_trunc(month, timestamp without time zone)
SELECT t1."integer#0", DATE_TRUNC('month', t1."timestamp without time zone#0") AS "X0" FROM "SAMPLES" AS t1;

-- date_trunc(week, timestamp without time zone)
SELECT t1."integer#0", DATE_TRUNC('week', t1."timestamp without time zone#0") AS "X0" FROM "SAMPLES" AS t1;

-- date_trunc(day, timestamp without time zone)
SELECT t1."integer#0", DATE_TRUNC('day', t1."timestamp without time zone#0") AS "X0" FROM "SAMPLES" AS t1;

-- date_trunc(hour, timestamp without time zone)
SELECT t1."integer#0", DATE_TRUNC('hour', t1."timestamp without time zone#0") AS "X0" FROM "SAMPLES" AS t1;

-- date_trunc(minute, timestamp without time zone)
SELECT t1."integer#0", DATE_TRUNC('minute', t1."timestamp without time zone#0") AS "X0" FROM "SAMPLES" AS t1;

-- count()
SELECT count(*) AS "X" FROM "SAMPLES" AS t1;

-- count(integer)
SELECT count(t1."integer#0") AS "X" FROM "SAMPLES" AS t1;

-- sum(smallint)
SELECT sum(t1."smallint#0") AS "X" FROM "SAMPLES" AS t1;

-- sum(integer)
SELECT sum(t1."integer#0") AS "X" FROM "SAMPLES" AS t1;

-- sum(bigint)
SELECT sum(t1."bigint#0") AS "X" FROM "SAMPLES" AS t1;

-- sum(numeric)
SELECT sum(t1."numeric#0") AS "X" FROM "SAMPLES" AS t1;

-- sum(double precision)
SELECT sum(t1."double precision#0") AS "X" FROM "SAMPLES" AS t1;

-- avg(double precision)
SELECT avg(t1."double precision#0") AS "X" FROM "SAMPLES" AS t1;

-- min(smallint)
SELECT min(t1."smallint#0") AS "X" FROM "SAMPLES" AS t1;

-- min(integer)
SELECT min(t1."integer#0") AS "X" FROM "SAMPLES" AS t1;

-- min(bigint)
SELECT min(t1."bigint#0") AS "X" FROM "SAMPLES" AS t1;

-- min(numeric)
SELECT min(t1."numeric#0") AS "X" FROM "SAMPLES" AS t1;

-- min(double precision)
SELECT min(t1."double precision#0") AS "X" FROM "SAMPLES" AS t1;

-- min(text)
SELECT min(t1."text#0") AS "X" FROM "SAMPLES" AS t1;

-- min(date)
SELECT min(t1."date#0") AS "X" FROM "SAMPLES" AS t1;

-- min(time without time zone)
SELECT min(t1."time without time zone#0") AS "X" FROM "SAMPLES" AS t1;

-- min(timestamp without time zone)
SELECT min(t1."timestamp without time zone#0") AS "X" FROM "SAMPLES" AS t1;

-- min(timestamp with time zone)
SELECT min(t1."timestamp with time zone#0") AS "X" FROM "SAMPLES" AS t1;

-- max(smallint)
SELECT max(t1."smallint#0") AS "X" FROM "SAMPLES" AS t1;

-- max(integer)
SELECT max(t1."integer#0") AS "X" FROM "SAMPLES" AS t1;

-- max(bigint)
SELECT max(t1."bigint#0") AS "X" FROM "SAMPLES" AS t1;

-- max(numeric)
SELECT max(t1."numeric#0") AS "X" FROM "SAMPLES" AS t1;

-- max(double precision)
SELECT max(t1."double precision#0") AS "X" FROM "SAMPLES" AS t1;

-- max(text)
SELECT max(t1."text#0") AS "X" FROM "SAMPLES" AS t1;

-- max(date)
SELECT max(t1."date#0") AS "X" FROM "SAMPLES" AS t1;

-- max(time without time zone)
SELECT max(t1."time without time zone#0") AS "X" FROM "SAMPLES" AS t1;

-- max(timestamp without time zone)
SELECT max(t1."timestamp without time zone#0") AS "X" FROM "SAMPLES" AS t1;

-- max(timestamp with time zone)
SELECT max(t1."timestamp with time zone#0") AS "X" FROM "SAMPLES" AS t1;

-- bool_and(boolean)
SELECT BOOLAND_AGG(t1."boolean#0") AS "X" FROM "SAMPLES" AS t1;

-- bool_or(boolean)
SELECT BOOLOR_AGG(t1."boolean#0") AS "X" FROM "SAMPLES" AS t1;

-- every(boolean)
SELECT BOOLAND_AGG(t1."boolean#0") AS "X" FROM "SAMPLES" AS t1;

-- stddev(double precision)
SELECT stddev(t1."double precision#0") AS "X" FROM "SAMPLES" AS t1;

-- stddev_samp(double precision)
SELECT stddev_samp(t1."double precision#0") AS "X" FROM "SAMPLES" AS t1;

-- stddev_pop(double precision)
SELECT stddev_pop(t1."double precision#0") AS "X" FROM "SAMPLES" AS t1;

-- variance(double precision)
SELECT variance(t1."double precision#0") AS "X" FROM "SAMPLES" AS t1;

-- var_samp(double precision)
SELECT var_samp(t1."double precision#0") AS "X" FROM "SAMPLES" AS t1;

-- var_pop(double precision)
SELECT var_pop(t1."double precision#0") AS "X" FROM "SAMPLES" AS t1;
