// The upper part of the front door: the fields, and the tabs of what is shown below them.

function explore(ui) {
  const { tabs, live } = ui.get("view");
  const items = tabs.map(([, title]) => h("span", { role: "tab", tabindex: -1 }, title));
  const show = () => items.forEach((item, k) => {
    const on = tabs[k][0] === ui.get("tab");
    item.setAttribute("aria-selected", String(on));
    item.tabIndex = on ? 0 : -1;
  });
  const open = k => ui.set("tab", tabs[k][0]);
  const list = h("div", { class: "ql-tabs", role: "tablist", "aria-label": "Explorers" }, items);
  items.forEach((item, k) => ui.listen(item, "click", () => open(k)));
  // The arrows only move: an explorer may have to compute before it is there.
  ui.rove(list, () => items, { horizontal: true, press: open });
  ui.on("tab", show);
  show();
  append(ui.root, [live && editor(ui), list]);
  ui.root.classList.add("ql-desk");
}
