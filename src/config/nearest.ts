/** The known names that a mistyped one most likely meant. */

/** Fewest single-character insertions, deletions and replacements that turn `a` into `b` (Levenshtein 1966). */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}

const plain = (name: string) => name.toLowerCase().replace(/[_-]/g, '');
const lastOf = (name: string) => name.slice(name.lastIndexOf('.') + 1);

/**
 * The names of `known` nearest to `name`; of several equally near, the three most alike as a whole. Case, `_` and `-` do not count;
 * in dotted names a right last part in the wrong section counts as one mistake.
 */
export function nearest(name: string, known: readonly string[]): string[] {
  const candidates = known.map((candidate) => {
    const whole = editDistance(plain(name), plain(candidate));
    const last = editDistance(plain(lastOf(name)), plain(lastOf(candidate)));
    return { candidate, whole, distance: Math.min(whole, last + 1) };
  });
  const least = Math.min(...candidates.map(({ distance }) => distance));
  return candidates
    .filter(({ distance }) => distance === least)
    .sort((a, b) => a.whole - b.whole)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}
