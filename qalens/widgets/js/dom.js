// @ts-check
// Elements that only ever hold text.

/** @import { Attributes, Child, Tag } from "./types" */

const SAFE_TAG =
  /^(?:div|span|p|h[1-6]|section|header|footer|figure|figcaption|button|input|textarea|select|option|label|output|ul|ol|li|dl|dt|dd|table|caption|thead|tbody|tfoot|tr|th|td|strong|em|b|i|small|bdi|mark|canvas|progress|details|summary|hr|br|kbd|sub|sup|a|del|ins|u)$/;
const SAFE_ATTRIBUTE =
  /^(?:class|id|role|dir|lang|title|tabindex|type|width|height|hidden|open|disabled|checked|readonly|min|max|step|value|placeholder|colspan|rowspan|rows|cols|scope|spellcheck|autocomplete|for|name|download|aria-[a-z]+|data-[a-z-]+)$/;
const FOCUSABLE = /^(?:button|input|textarea|select|summary)$/;
// Jupyter's command-mode keys fire inside widgets; only this on the focusable element itself keeps them quiet.
const SUPPRESS = "data-lm-suppress-shortcuts";

/**
 * An element with attributes and children; strings become text, and a style is set by rule, which every policy allows.
 *
 * @template {Tag} T @param {T} tag @param {Attributes | null} attributes @param {...Child} children
 */
export function h(tag, attributes, ...children) {
  if (!SAFE_TAG.test(tag)) throw new Error(`no element of kind ${tag}`);
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "style") element.style.cssText = String(value);
    else if (!SAFE_ATTRIBUTE.test(name)) throw new Error(`no attribute of name ${name}`);
    else if (!isNothing(value)) element.setAttribute(name, value === true ? "" : String(value));
  }
  if (FOCUSABLE.test(tag) || element.hasAttribute("tabindex")) element.setAttribute(SUPPRESS, "true");
  append(element, children);
  return element;
}

/** Null, undefined and false are left out. @param {unknown} what */
function isNothing(what) {
  return (what ?? false) === false;
}

/** @param {Element} element @param {Child[]} children */
export function append(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(element, child);
    else if (!isNothing(child)) element.append(child instanceof Node ? child : String(child));
  }
}

/** Set attributes of an element, each as text. @param {Element} element @param {Attributes} attributes */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

/** Put other children into an element. @template {Element} E @param {E} element @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

let ids = 0;
/** An id that no other element of the page has. */
export function freshId() {
  ids += 1;
  return `ql-${ids}-${Math.random().toString(36).slice(2, 8)}`;
}

/** A text in its own direction, on its own. @param {string | null} text @param {Attributes} [attributes] */
export function said(text, attributes) {
  return h("bdi", { dir: "auto", lang: "", ...attributes }, text);
}
