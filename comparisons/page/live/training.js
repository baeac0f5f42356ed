// Gradient descent with the gradients that the program computes.

/**
 * Return how a run goes on for some steps: `given` are the numbers of inputs after them, `losses`
 * those before each step, and `problem` is a sentence once the run has left the finite numbers.
 * `compute` is the program, prepared.
 */
export function descended(program, compute, { given, losses }, rate, count) {
  const run = { given: new Map(given), losses: [...losses], problem: "" };
  const advice = `try a smaller rate than ${rate}.`;
  for (let i = 0; i < count && !run.problem; i++) {
    const numbers = compute(run.given);
    const loss = numbers[program.value][0];
    const step = run.losses.push(loss) - 1;
    const before = run.losses[step - 1]?.toPrecision(6);
    if (!Number.isFinite(loss)) {
      run.problem = step
        ? `The loss is ${loss} at step ${step}, after ${before}: ${advice}`
        : `The loss is ${loss} before any step: look at the numbers of the inputs.`;
      break;
    }
    for (const [term, next] of downhill(program, numbers, rate)) {
      if (!next.every(Number.isFinite))
        run.problem = `After step ${step} the numbers are no longer finite: ${advice}`;
      run.given.set(term, next);
    }
  }
  return run;
}

/** Return the numbers of what is trained after a step of some length down the gradient. */
function downhill({ inputs, gradients }, numbers, rate) {
  const trained = inputs.filter(({ name }) => Object.hasOwn(gradients, name));
  const next = ({ term, name }) =>
    numbers[term].map((x, i) => x - rate * numbers[gradients[name]][i]);
  return new Map(trained.map((x) => [x.term, next(x)]));
}

/**
 * Return the numbers of what is trained after a longer step than the next, so that it can be seen:
 * none of them changes by more than the largest of them. `words` say how long it is.
 */
export function ahead(program, numbers, rate) {
  const largest = (terms) =>
    terms.reduce((most, i) => numbers[i].reduce((a, x) => Math.max(a, Math.abs(x)), most), 0);
  const now = downhill(program, numbers, 0);
  const longest =
    (rate * largest(Object.values(program.gradients))) / (largest([...now.keys()]) || 1);
  if (!(longest > 0 && longest < Infinity)) return { words: "the next step", given: now };
  const power = 10 ** Math.floor(-Math.log10(longest));
  const times = Math.min(1000, ([5, 2].find((n) => n * power * longest <= 1) ?? 1) * power);
  const words = times === 1 ? "the next step" : `a step ${times} times as long as the next`;
  return { words, given: downhill(program, numbers, rate * times) };
}
