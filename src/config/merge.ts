/** Settings, a part of a configuration, laid over others. */

/** `base` with the keys that `change` names replaced, section by section. */
export function mergeSettings(base: object, change: object): object {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(change)) {
    const old = merged[name];
    merged[name] = isSection(old) && isSection(value) ? mergeSettings(old, value) : value;
  }
  return merged;
}

/** A part of a configuration that has keys of its own. */
export function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
