import { prepared } from "interpreter";

/**
 * Return what may have gone wrong, in words, where somebody gives a number for an entry of an
 * adjoint: the slips that give what is `like` it of the numbers that are shown, the likeliest first.
 */
export function explanations(program, numbers, name, entry, like) {
  const named = [...program.inputs, ...program.statements];
  const known = new Map(named.map((x) => [x.name, numbers[x.term]]));
  const terms = program.slips.terms.map((term) =>
    term.variable ? { ...term, primitive: null, data: known.get(term.variable) } : term,
  );
  const computed = prepared({ terms })();
  return (program.slips.of[name] ?? [])
    .filter(({ term }) => like(computed[term][entry]))
    .map(({ words }) => words);
}
