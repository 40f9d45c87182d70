"""A page that shows explorers as Jupyter does: a style element in its head and a script of its own for each of them."""

from qalens.widgets.explorer import Explorer
from qalens.widgets.page import traits_json

# `answers`: whether the kernel behind it answers when it is asked.
SHOW = """async ([name, esm, css, json, answers]) => {
  const traits = JSON.parse(json, (key, value) => value === null || typeof value !== 'object'
    || typeof value.base64 !== 'string' ? value
    : new DataView(Uint8Array.from(atob(value.base64), c => c.charCodeAt(0)).buffer));
  const style = document.createElement('style');
  style.id = 'style-' + name;
  style.textContent = css;
  document.head.append(style);
  const el = document.createElement('div');
  el.id = name;
  (document.querySelector('.ql-exploring') ?? document.body).append(el);
  const heard = new Map(), sent = [];
  const tell = (event, ...what) => { for (const f of [...(heard.get(event) ?? [])]) f(...what); };
  const model = {
    get: key => traits[key],
    set(key, value) { traits[key] = value; tell('change:' + key); },
    save_changes() {},
    send(content) {
      sent.push(content.do);
      if (content.do === 'ping' && shown[name].answers) setTimeout(() => tell('msg:custom', { do: 'pong' }), 20);
    },
    on(event, f) { heard.set(event, [...(heard.get(event) ?? []), f]); },
    off(event, f) { heard.set(event, (heard.get(event) ?? []).filter(one => one !== f)); },
  };
  const place = URL.createObjectURL(new Blob([esm], { type: 'text/javascript' }));
  const { default: widget } = await import(place);
  window.shown ??= {};
  shown[name] = { model, el, style, sent, answers };
  shown[name].close = widget.render({ model, el });
}"""
FORGET = "name => { const one = shown[name]; one.close(); one.el.remove(); one.style.remove(); delete shown[name]; }"
_OF_EVERY_WIDGET = ("layout", "tabbable", "tooltip")


def parts_of(name: str, explorer: Explorer, *, answers: bool = True) -> list:
    """What SHOW takes."""
    names = explorer.class_trait_names(sync=True)
    own = sorted(n for n in names if not n.startswith("_") and n not in _OF_EVERY_WIDGET)
    return [name, explorer._esm, explorer._css, traits_json(explorer.get_state(own)), answers]


def blank(page, body="") -> None:
    page.goto(f"data:text/html,<!doctype html><body>{body}")
    page.set_viewport_size({"width": 1000, "height": 900})
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
