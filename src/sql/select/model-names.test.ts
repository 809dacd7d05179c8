import { expect, it } from 'vitest';
import { modelNamesAsLiterals } from './model-names.ts';

it('turns the name of a model into a literal of the same width', () => {
  const text = `SELECT * FROM ML.predict(MODEL load24, (SELECT 'ml.predict(MODEL x)' FROM t)) p, ml.evaluate( model "Odd" )`;
  const literal = modelNamesAsLiterals(text);
  expect(literal).toBe(
    `SELECT * FROM ML.predict('load24'    , (SELECT 'ml.predict(MODEL x)' FROM t)) p, ml.evaluate( 'Odd'       )`,
  );
  expect(literal).toHaveLength(text.length);
});

it('leaves other texts alone', () => {
  for (const text of ["SELECT * FROM ml.predict('m', (SELECT 1))", 'SELECT model m FROM t', 'SELECT ml.x(model)']) {
    expect(modelNamesAsLiterals(text)).toBe(text);
  }
});
