// @ts-check
// The upper part of `explore`: the fields, and the tabs of what is shown below them.

import { append, fill, h } from "../dom.js";
import { editor, stateLine } from "../editor.js";
import { tabStop } from "../ui.js";

/** @import { Ui } from "../ui.js" */

/** @typedef {[name: string, title: string]} Tab */

/** What holds the fields and the explorer below them; once it is on the page. @param {Ui} ui */
function whole(ui) {
  return ui.root.closest(".ql-exploring");
}

/** @param {Ui} ui */
export function explore(ui) {
  /** @type {{ tabs: Tab[], live: boolean }} */
  const { tabs, live } = ui.get("view");
  const list = tabList(ui, tabs),
    opening = openingLine(ui, tabs);
  const show = () => {
    list.show();
    opening.show();
  };
  for (const name of ["tab", "shown_tab", "status"]) ui.on(name, show);
  show();
  /** @param {boolean} yes */
  const old = yes => whole(ui)?.classList.toggle("ql-waiting", yes);
  const fields = live && editor(ui, { old });
  append(ui.root, [fields, h("div", { class: "ql-tab-row" }, list.el, fields && foldButton(ui, fields)), opening.el]);
  ui.root.classList.add("ql-fields");
}

/** @param {Ui} ui @param {Tab[]} tabs */
function tabList(ui, tabs) {
  const items = tabs.map(([, title]) => h("span", { role: "tab", tabindex: -1 }, title));
  const el = h("div", { class: "ql-tabs", role: "tablist", "aria-label": "Explorers" }, items);
  /** @param {number} k */
  const open = k => ui.set("tab", tabs[k][0]);
  items.forEach((item, k) => ui.listen(item, "click", () => open(k)));
  // The arrows only move: an explorer may have to compute before it is there.
  ui.rove(el, () => items, { horizontal: true, press: open });
  const show = () => {
    const at = tabs.findIndex(([name]) => name === ui.get("tab"));
    items.forEach((item, k) => item.setAttribute("aria-selected", String(k === at)));
    tabStop(items, at);
  };
  return { el, show };
}

/** What stands in place of a tab while it is opened. @param {Ui} ui @param {Tab[]} tabs */
function openingLine(ui, tabs) {
  const el = h("div", { class: "ql-opening" }),
    line = stateLine(ui);
  const title = () => tabs.find(([name]) => name === ui.get("tab"))?.[1];
  const show = () => {
    // A tab never shows the picture of another one.
    const turning = ui.get("tab") !== ui.get("shown_tab");
    whole(ui)?.classList.toggle("ql-turning", turning);
    line.show(ui.get("status"));
    fill(el, turning && [`Opening “${title()}” … `, line.el]);
  };
  return { el, show };
}

/**
 * A button that folds the fields away, so that a small screen shows the picture.
 *
 * @param {Ui} ui @param {HTMLElement} fields
 */
function foldButton(ui, fields) {
  const button = ui.button("", () => show(!fields.hidden), { small: true });
  /** @param {boolean} hidden */
  const show = hidden => {
    fields.hidden = hidden;
    button.textContent = hidden ? "▾ show the fields" : "▴ fold the fields";
    button.setAttribute("aria-expanded", String(!hidden));
  };
  show(ui.get("view").folded === true);
  return button;
}
