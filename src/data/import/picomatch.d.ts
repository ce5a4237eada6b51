/** What is used of picomatch, which ships no types. */
declare module 'picomatch' {
  export default function picomatch(
    glob: string,
    options?: { basename?: boolean; nocase?: boolean },
  ): (path: string) => boolean;
}
