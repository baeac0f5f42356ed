import { prepared } from "interpreter";

/**
 * Return what may have gone wrong, in words, where somebody gives `typed` for an entry of an
 * adjoint: the slips that give this number of the numbers that are shown, the likeliest first.
 */
export function looksLike(program, numbers, name, entry, typed, close) {
  const { of, terms } = program.slips;
  const known = new Map(program.inputs.map((x) => [x.name, x.term]));
  for (const statement of program.statements) known.set(statement.name, statement.term);
  const given = new Map();
  const leaves = terms.map((term, i) => {
    if (term.variable === undefined) return term;
    given.set(i, numbers[known.get(term.variable)]);
    return { ...term, primitive: null, data: [] };
  });
  const computed = prepared({ terms: leaves })(given);
  return (of[name] ?? [])
    .filter(({ term }) => computed[term].length > entry && close(computed[term][entry], typed))
    .map(({ words }) => words);
}
