/** Names out of strangers' files, fit for a message: no control characters, no endless text. */

/** `text` in double quotes, escaped, at most 80 characters of it. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
