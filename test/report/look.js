/** What a page is like, found out by walking over it: runs in the browser, see browser.ts. Returns a `Visit` without the console. */
(() => {
  const page = document.documentElement;
  const channels = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const opaque = ([, , , alpha = 1]) => alpha > 0.99;
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (opaque(channels(backgroundColor))) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const luminance = (colour) => {
    const [r, g, b] = channels(colour)
      .slice(0, 3)
      .map((v) => {
        const c = v / 255;
        return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
      });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratioOf = (a, b) => {
    const [dark, bright] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (bright + 0.05) / (dark + 0.05);
  };
  let contrast = { ratio: 21, text: '' };
  let beyond = null;
  const scrolls = (element) => element.closest('.scroll') !== null;
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((n) => n.textContent);
    const text = own.join('').trim();
    const style = getComputedStyle(element);
    if (text !== '' && element.getClientRects().length > 0) {
      const svg = element.namespaceURI !== 'http://www.w3.org/1999/xhtml';
      const ratio = ratioOf(svg ? style.fill : style.color, behind(element));
      if (ratio < contrast.ratio) contrast = { ratio, text };
    }
    const { right, width } = element.getBoundingClientRect();
    if (width > 0 && right > innerWidth + 0.5 && !scrolls(element) && right > (beyond?.right ?? 0)) {
      beyond = { right, what: `${element.tagName} ${text.slice(0, 40)}` };
    }
  }
  return {
    scrollWidth: page.scrollWidth,
    innerWidth,
    height: page.scrollHeight,
    broken: [...document.images].filter((image) => image.naturalWidth === 0).length,
    contrast,
    beyond: beyond?.what ?? null,
  };
})();
