/** The methods that are built in, by name. */
import { ldcnet } from './ldcnet/method.js';
import type { Method } from './method.js';

export const methods: readonly Method[] = [ldcnet];
