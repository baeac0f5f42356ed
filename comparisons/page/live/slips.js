import { prepared } from "interpreter";

/** Return what the terms of slips are, of the numbers that are shown. */
export function computedSlips({ inputs, statements, slips }, numbers) {
  const known = new Map([...inputs, ...statements].map((x) => [x.name, numbers[x.term]]));
  const terms = slips.terms.map((term) =>
    term.variable ? { ...term, primitive: null, data: known.get(term.variable) } : term,
  );
  return prepared({ terms })();
}

/**
 * Return what may have gone wrong, in words, where somebody gives another adjoint: the slips that
 * make an array that is `like` it, the likeliest first.
 */
export function explanations(program, numbers, name, like) {
  const computed = computedSlips(program, numbers);
  return (program.slips.of[name] ?? [])
    .filter(({ term }) => like(computed[term]))
    .map(({ words }) => words);
}
