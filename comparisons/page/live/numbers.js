// Numbers as they are shown, and as they may be typed.

export function format(x, digits = 4) {
  if (!Number.isFinite(x)) return String(x).replace("Infinity", "∞").replace("-", "−");
  const [mantissa, exponent] = x.toPrecision(digits).split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return (exponent ? `${short}e${Number(exponent)}` : short).replaceAll("-", "−");
}

/** Return a number to a few digits as it may be typed. */
export const short = (x, digits = 4) => String(Number(x.toPrecision(digits)));

/** Return the number that a text is, or NaN; a minus may be the typographer's. */
export const parsed = (text) => (text.trim() ? Number(text.trim().replace("−", "-")) : NaN);

export const place = (name, entry) => (entry.length ? `${name}[${entry.join(", ")}]` : name);
