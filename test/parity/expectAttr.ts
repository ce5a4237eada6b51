/** Attributes that an operation's definition fixes: another value is another operation. */
export function expectAttr(attrs: Record<string, unknown>, name: string, value: unknown): void {
  if (attrs[name] !== undefined && JSON.stringify(attrs[name]) !== JSON.stringify(value)) {
    throw new Error(`attribute ${name} is ${JSON.stringify(attrs[name])}; only ${JSON.stringify(value)} is defined`);
  }
}
