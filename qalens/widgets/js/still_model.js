// @ts-check
// A model without a kernel.

/** @import { Model } from "./types" */

/** A model without a kernel, for exported pages. @param {Record<string, any>} traits @returns {Model} */
export function stillModel(traits) {
  /** @type {Map<string, ((...what: any[]) => void)[]>} */
  const heard = new Map();
  return {
    still: true,
    get: name => traits[name],
    set(name, value) {
      if (traits[name] === value) return;
      traits[name] = value;
      for (const change of [...(heard.get(`change:${name}`) ?? [])]) change();
    },
    save_changes() {},
    send() {},
    on(event, change) {
      heard.set(event, [...(heard.get(event) ?? []), change]);
    },
    off(event, change) {
      heard.set(
        event,
        (heard.get(event) ?? []).filter(one => one !== change),
      );
    },
  };
}
