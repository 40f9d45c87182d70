// @ts-check
// A choice that is a trait of the widget.

/** @import { Ui } from "../ui.js" */

/**
 * One of several values of a trait as buttons side by side, which follow the trait.
 *
 * @template Value @param {Ui} ui @param {string} trait @param {string} label @param {[Value, string][]} options
 */
export function traitChoice(ui, trait, label, options) {
  const choice = ui.choice({ label, options, value: ui.get(trait), change: value => ui.set(trait, value) });
  ui.on(trait, () => choice.set(ui.get(trait)));
  return choice.el;
}
