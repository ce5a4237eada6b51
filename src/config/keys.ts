/** The kinds of keys that a configuration has: each a zod type with its default and, for messages, what its value must be. */
import { z } from 'zod';

/** A key with its default and, for messages, what its value must be: "a number above 0". */
export function key<T extends z.ZodType>(type: T, value: z.util.NoUndefined<z.output<T>>, expected: string) {
  return type.default(value).describe(expected);
}

export const count = (value: number) => key(z.int().min(1), value, 'a whole number of at least 1');
export const positive = (value: number) => key(z.number().gt(0), value, 'a number above 0');
export const notNegative = (value: number) => key(z.number().min(0), value, 'a number of at least 0');
export const fraction = (value: number) => key(z.number().min(0).max(1), value, 'a number from 0 to 1');
export const share = (value: number) => key(z.number().min(0).lt(1), value, 'a number of at least 0 and below 1');
export const learningRate = (value: number) => key(z.number().gt(0).max(1), value, 'a number above 0 and at most 1');
export const flag = (value: boolean) => key(z.boolean(), value, 'true or false');
export const autoOrCount = () =>
  key(z.union([z.literal('auto'), z.int().min(1)]), 'auto', 'auto or a whole number of at least 1');
export const autoOrNotNegative = () =>
  key(z.union([z.literal('auto'), z.number().min(0)]), 'auto', 'auto or a number of at least 0');
export const weightsFile = () => key(z.string().min(1).nullable(), null, 'the path of a weights file, or null');

export function oneOf<const T extends readonly [string, ...string[]]>(values: T, value: T[number]) {
  return z
    .enum(values)
    .default(value)
    .describe(`one of ${values.join(', ')}`);
}

/** A section; left out, it has all its defaults. */
export function section<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape).prefault({} as never);
}
