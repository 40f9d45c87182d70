// @ts-check
// A model without a kernel.

/** @import { Model } from "./types" */

/** A model without a kernel, for exported pages. @param {Record<string, any>} traits @returns {Model} */
export function stillModel(traits) {
  /** @type {{ event: string, change: (...what: any[]) => void }[]} */
  let heard = [];
  return {
    still: true,
    get: name => traits[name],
    set(name, value) {
      if (traits[name] === value) return;
      traits[name] = value;
      for (const { change } of heard.filter(({ event }) => event === `change:${name}`)) change();
    },
    save_changes() {},
    send() {},
    on: (event, change) => heard.push({ event, change }),
    off(event, change) {
      heard = heard.filter(one => one.event !== event || one.change !== change);
    },
  };
}
