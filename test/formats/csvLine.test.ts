import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { csvLine } from '../../src/formats/csvLine.js';

it('is the line that csv-stringify writes, whatever stands in the fields', () => {
  const field = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'a",;\r\n\t =') }), fc.constant(''));
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 6 }), (fields) => {
      expect(csvLine(fields)).toBe(stringify([fields]));
    }),
    { numRuns: 2000 },
  );
});
