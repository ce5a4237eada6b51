/** What programs put in front of all names of a state dict when they wrap a network, and how it comes off. */

/** `DataParallel`, `torch.compile`, Lightning Fabric and DeepSpeed, FSDP, Opacus: never a part of a network's own names. */
const wrappers = new Set(['module', '_orig_mod', '_forward_module', '_fsdp_wrapped_module', '_module']);

/** Attributes under which a LightningModule keeps the network. */
const attributes = new Set(['model', 'net', 'network']);

/**
 * The wrappers' names in front of all `names`, `module._orig_mod.`; empty where there are none.
 * @param lightning whether the attribute that a LightningModule keeps its network in counts as one
 */
export function wrapperPrefix(names: readonly string[], lightning = false): string {
  let prefix = '';
  for (;;) {
    const [part, rest] = (names[0] ?? '').slice(prefix.length).split('.', 2);
    const known = wrappers.has(part!) || (lightning && attributes.has(part!));
    const longer = `${prefix}${part}.`;
    if (rest === undefined || !known || !names.every((name) => name.startsWith(longer))) return prefix;
    prefix = longer;
  }
}

/** What stands in front of the names of `wanted` among `names`, in each of the networks that they are of, and of how many names. */
export function prefixesOf(names: readonly string[], wanted: ReadonlySet<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) {
    for (let at = 0; ; at = name.indexOf('.', at) + 1) {
      const prefix = name.slice(0, at);
      if (wanted.has(name.slice(at))) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      if (!name.includes('.', at)) break;
    }
  }
  return counts;
}
