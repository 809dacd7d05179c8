/** The statements of the demo, in order. `title` is what a reader is told. */
export interface DemoStep {
  readonly title: string;
  readonly sql: string;
}

export interface DemoPlaces {
  readonly postgresUrl: string;
  readonly duckdbFile: string;
  readonly parquetDirectory: string;
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export const createSilos = ({ postgresUrl, duckdbFile, parquetDirectory }: DemoPlaces): DemoStep => ({
  title: 'Three agencies, three silos: PostgreSQL, a DuckDB file, Parquet files',
  sql: `CREATE SILO nchs USING postgres OPTIONS (url ${quote(postgresUrl)});
CREATE SILO cdc USING duckdb OPTIONS (path ${quote(duckdbFile)});
CREATE SILO ssa USING files OPTIONS (path ${quote(parquetDirectory)});
CREATE FEDERATED TABLE births AS nchs.births, cdc.births, ssa.births;
SHOW SILOS;`,
});

export const SELECT: DemoStep = {
  title: 'One SELECT over all three',
  sql: `SELECT silo, count(*) AS days, min(day) AS first_day, max(day) AS last_day,
       round(avg(births)) AS births_a_day
FROM births GROUP BY silo ORDER BY first_day;`,
};

export const JOIN: DemoStep = {
  title: 'And a join: the four years that two agencies counted',
  sql: `SELECT extract(year FROM s.day) AS year, sum(c.births) AS cdc, sum(s.births) AS ssa,
       round(100.0 * sum(s.births) / sum(c.births) - 100, 2) AS ssa_more_percent
FROM cdc.births c JOIN ssa.births s ON s.day = c.day
GROUP BY 1 ORDER BY 1;`,
};

/** The reference's model, windows and split (docs/training.md): 28 days in, the next day out. */
export const train = (rounds: number): DemoStep => ({
  title: 'Train one LSTM in all three. Rows stay where they are; only updates travel',
  sql: `TRAIN OR REPLACE MODEL next_day
  PREDICT births
  FORECAST BY day WINDOW 28 HORIZON 1
  USING lstm (hidden => 64, batch => 64, learning_rate => 1e-3, season => 7, standardize => 'births', seed => 7)
  FEDERATE fedavg (rounds => ${rounds}, weight_by => 'windows')
  SPLIT (validate => 0.1, test => 0.1)
  AS SELECT day, births,
            sin(2 * pi() * extract(isodow FROM day) / 7) AS week_sin,
            cos(2 * pi() * extract(isodow FROM day) / 7) AS week_cos,
            sin(2 * pi() * extract(doy FROM day) / 365.25) AS year_sin,
            cos(2 * pi() * extract(doy FROM day) / 365.25) AS year_cos
     FROM births;`,
});

export const explainTrain = (rounds: number): DemoStep => ({
  title: 'What would training cost, and what would leave each silo?',
  sql: `EXPLAIN ${train(rounds).sql}`,
});

export const EVALUATE: DemoStep = {
  title: "How good is it, on each silo's own last tenth, against last week's number?",
  sql: `SELECT silo, windows, round(rmse::numeric, 1) AS rmse, round(mae::numeric, 1) AS mae,
       round(seasonal_rmse::numeric, 1) AS naive_rmse, round(100 * (1 - rmse / seasonal_rmse)) AS percent_better
FROM ml.evaluate('next_day');`,
};

export const FORECAST: DemoStep = {
  title: 'The next week, by agency',
  sql: `SELECT silo, day, round(births) AS births FROM ml.forecast('next_day', horizon => 7) ORDER BY silo, day;`,
};

export const EGRESS: DemoStep = {
  title: 'What crossed each border, in bytes, for TRAIN',
  sql: `SELECT silo, sum(CASE WHEN kind = 'rows' THEN bytes ELSE 0 END) AS rows,
       sum(CASE WHEN kind = 'statistics' THEN bytes ELSE 0 END) AS statistics,
       sum(CASE WHEN kind = 'updates' THEN bytes ELSE 0 END) AS updates
FROM causeway.egress WHERE statement LIKE 'TRAIN%' GROUP BY silo ORDER BY silo;`,
};
