// @ts-check
// The upper part of `explore`: the fields, and the tabs of what is shown below them.

import { append, fill, h } from "../dom.js";
import { editor, stateLine } from "../editor.js";

/** @import { Ui } from "../ui.js" */

/** What holds the fields and the explorer below them; once it is on the page. @param {Ui} ui */
function whole(ui) {
  return ui.root.closest(".ql-exploring");
}

/** @param {Ui} ui */
export function explore(ui) {
  /** @type {{ tabs: [string, string][], live: boolean }} */
  const { tabs, live } = ui.get("view");
  const items = tabs.map(([, title]) => h("span", { role: "tab", tabindex: -1 }, title));
  /** @param {string} name */
  const title = name => tabs.find(one => one[0] === name)?.[1];
  const opening = h("div", { class: "ql-opening" }),
    line = stateLine(ui);
  const show = () => {
    items.forEach((item, k) => {
      const on = tabs[k][0] === ui.get("tab");
      item.setAttribute("aria-selected", String(on));
      item.tabIndex = on ? 0 : -1;
    });
    // A tab never shows the picture of another one.
    const turning = ui.get("tab") !== ui.get("shown_tab");
    whole(ui)?.classList.toggle("ql-turning", turning);
    line.show(ui.get("status"));
    fill(opening, turning && [`Opening “${title(ui.get("tab"))}” … `, line.el]);
  };
  /** @param {number} k */
  const open = k => ui.set("tab", tabs[k][0]);
  const list = h("div", { class: "ql-tabs", role: "tablist", "aria-label": "Explorers" }, items);
  items.forEach((item, k) => ui.listen(item, "click", () => open(k)));
  // The arrows only move: an explorer may have to compute before it is there.
  ui.rove(list, () => items, { horizontal: true, press: open });
  for (const name of ["tab", "shown_tab", "status"]) ui.on(name, show);
  show();
  /** @param {boolean} yes */
  const old = yes => whole(ui)?.classList.toggle("ql-waiting", yes);
  const fields = live && editor(ui, { old });
  append(ui.root, [fields, h("div", { class: "ql-tab-row" }, list, fields && foldButton(ui, fields)), opening]);
  ui.root.classList.add("ql-fields");
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
