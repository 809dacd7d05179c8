/** BigQuery ML's spelling of a model argument, `ml.predict(MODEL m, …)`, as the literal PostgreSQL's grammar knows. */
import { quoteLiteral, type Token, tokenize } from '../lexer.ts';

/**
 * The text with every `MODEL m` that opens the arguments of an `ml` function replaced by `'m'`, padded so that all places
 * in the text stay what they are.
 */
export function modelNamesAsLiterals(text: string): string {
  if (!/\bml\s*\.\s*\w+\s*\(\s*model\b/i.test(text)) return text;
  const tokens = tokenize(text);
  const is = (token: Token | undefined, value: string): boolean => token?.kind !== 'string' && token?.value === value;
  let result = '';
  let copied = 0;
  for (let i = 0; i + 5 < tokens.length; i++) {
    const [model, name] = [tokens[i + 4]!, tokens[i + 5]!];
    const opens = is(tokens[i], 'ml') && is(tokens[i + 1], '.') && is(tokens[i + 3], '(') && is(model, 'model');
    if (!opens || (name.kind !== 'word' && name.kind !== 'quoted')) continue;
    result += text.slice(copied, model.start) + quoteLiteral(name.value).padEnd(name.end - model.start);
    copied = name.end;
  }
  return result + text.slice(copied);
}
