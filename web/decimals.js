// Numbers in words, as the native program writes them.

/**
 * A number with so many digits behind the point. The program rounds what lies in the very middle to the even
 * digit, toFixed away from 0: 12.5 % is 12 % in both only so.
 * @param {number} x below 1e21
 * @param {number} digits
 */
export function decimals(x, digits) {
  const text = x.toFixed(digits);
  // All digits of x: a number in the middle has a 5 behind the last, and then zeros.
  const rest = x.toFixed(60).split(".")[1]?.slice(digits) ?? "";
  const isEven = "02468".includes(text.slice(-1));
  if (isEven || !/^50*$/.test(rest)) return text;
  return (x - (Math.sign(x) * 10 ** -digits) / 2).toFixed(digits);
}
