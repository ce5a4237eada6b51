/** The methods that are built in. The first is the one that runs when the configuration names none. */
import { erm } from './erm/method.js';
import { ldcnet } from './ldcnet/method.js';
import type { Method } from './method.js';
import { safas } from './safas/method.js';
import { ssdg } from './ssdg/method.js';

export const methods: readonly Method[] = [ldcnet, erm, ssdg, safas];
