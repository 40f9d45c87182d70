// @ts-check
// A page in a frame of a site.

/**
 * Take the theme of the site, and tell it the height that is needed so that nothing scrolls within.
 *
 * @param {HTMLElement} shown
 */
export function fitFrame(shown) {
  if (parent === window) return;
  addEventListener("message", ({ data }) => {
    const theme = data?.qalens?.theme;
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  });
  const measured = () => parent.postMessage({ qalens: { height: shown.getBoundingClientRect().height } }, "*");
  new ResizeObserver(measured).observe(shown);
}
