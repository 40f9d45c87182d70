// Frames follow the theme of the page, and are as tall as what they show: then a phone has one thing to scroll.
const root = document.documentElement;

function tell(frame) {
  frame.contentWindow?.postMessage({ qalens: { theme: root.dataset.theme } }, "*");
}

addEventListener("message", ({ data, source }) => {
  const height = data?.qalens?.height;
  const frame = [...document.querySelectorAll("iframe")].find(one => one.contentWindow === source);
  if (frame === undefined || !(height > 0)) return;
  const border = frame.offsetHeight - frame.clientHeight;
  frame.style.height = `${Math.ceil(height) + border}px`;
  tell(frame);
});

new MutationObserver(() => document.querySelectorAll("iframe").forEach(tell))
  .observe(root, { attributes: true, attributeFilter: ["data-theme"] });

// Which of the questions is open is seen, and heard.
addEventListener("click", event => {
  const link = event.target.closest?.('a[target="live"]');
  if (!link) return;
  if (!link.closest(".play")) document.querySelector(".play").scrollIntoView();
  for (const one of document.querySelectorAll('a[target="live"]')) one.removeAttribute("aria-current");
  for (const one of document.querySelectorAll(`.play a[href="${link.getAttribute("href")}"]`)) one.setAttribute("aria-current", "true");
});
