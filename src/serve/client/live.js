// Parts of a page that renew themselves: the page is asked for again, and parts that came out otherwise take the place of the old ones.

const every = 3000;
let tag = '';

async function renew() {
  if (document.hidden) return;
  const response = await fetch(location.href, { headers: tag ? { 'if-none-match': tag } : {} });
  if (response.status === 304 || !response.ok) return;
  tag = response.headers.get('etag') ?? '';
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  for (const part of document.querySelectorAll('[data-live]')) {
    const fresh = page.getElementById(part.id);
    if (fresh !== null && fresh.innerHTML !== part.innerHTML) replace(part, fresh);
  }
}

/** Keeps what the user did: ticks, the focus, and how far a table is scrolled. */
function replace(part, fresh) {
  const ticked = new Set([...part.querySelectorAll('input:checked')].map(({ value }) => value));
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && [...part.querySelectorAll('a, input, [tabindex]')].indexOf(focused);
  const left = part.querySelector('.scroll')?.scrollLeft ?? 0;
  part.replaceChildren(...fresh.childNodes);
  for (const input of part.querySelectorAll('input')) input.checked = ticked.has(input.value);
  const scroll = part.querySelector('.scroll');
  if (scroll !== null) scroll.scrollLeft = left;
  if (focused) part.querySelectorAll('a, input, [tabindex]')[place]?.focus({ preventScroll: true });
}

for (;;) {
  await new Promise((resolve) => setTimeout(resolve, every));
  // A server that is gone may come back.
  await renew().catch(() => {});
}
