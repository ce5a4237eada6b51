/** A map over names that are unique within a domain alone, as those of videos and of people are. */
export class PerDomain<T> {
  private readonly maps = new Map<string, Map<string, T>>();
  private count = 0;

  /** Names that have a value. */
  get size(): number {
    return this.count;
  }

  get(domain: string, name: string): T | undefined {
    return this.maps.get(domain)?.get(name);
  }

  set(domain: string, name: string, value: T): void {
    let own = this.maps.get(domain);
    if (!own) {
      own = new Map();
      this.maps.set(domain, own);
    }
    const before = own.size;
    own.set(name, value);
    this.count += own.size - before;
  }

  *values(): Generator<T> {
    for (const own of this.maps.values()) yield* own.values();
  }
}
