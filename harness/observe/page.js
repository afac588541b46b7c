// Reads the page into a flat list of nodes: controls (with a number that stays theirs) and pieces of text.
// Never changes the document: numbers and first-seen values live in a side table keyed by element.
(exclude) => {
  const key = Symbol.for("halo.table");
  if (!window[key]) {
    Object.defineProperty(window, key, {
      value: { ids: new WeakMap(), first: new WeakMap(), byId: new Map(), next: 1, lists: new WeakMap(), nextList: 1 },
      enumerable: false });
  }
  const table = window[key];
  const heard = window[Symbol.for("halo.listeners")] || new WeakSet();
  const outside = exclude ? Array.from(document.querySelectorAll(exclude)) : [];
  const SKIP = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "HEAD", "META", "LINK", "BR", "WBR"]);
  const ROLES = new Set(["button", "link", "checkbox", "radio", "textbox", "searchbox", "combobox", "listbox",
    "option", "tab", "menuitem", "menuitemcheckbox", "menuitemradio", "switch", "slider", "spinbutton",
    "treeitem", "gridcell"]);
  const FRAMES = new Set(["dialog", "alertdialog", "tabpanel", "tablist", "menu", "menubar", "group", "list", "region",
    "navigation", "main", "toolbar", "tree", "grid", "presentation", "none"]);
  const TYPES = { button: "button", submit: "button", reset: "button", image: "button", checkbox: "checkbox",
    radio: "radio", range: "slider", number: "textbox", file: "file" };
  const BLOCK = /^(block|flex|grid|list-item|table|table-row|table-cell|flow-root|table-caption)$/;
  const clean = (s) => (s || "").replace(/[\s\u00a0]+/g, " ").trim();
  const style = (el) => window.getComputedStyle(el);
  const visible = (el) => {
    const box = el.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return false;
    const s = style(el);
    return s.visibility === "visible" && s.display !== "none";
  };
  const fieldLike = (el) => /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) && el.type !== "hidden";

  // What a person could operate here: [role, how sure we are].
  const control = (el) => {
    const said = clean(el.getAttribute("role")).split(" ")[0];
    const tag = el.tagName;
    if (tag === "INPUT") return el.type === "hidden" ? null : [TYPES[el.type] || "textbox", "native"];
    if (tag === "TEXTAREA") return ["textbox", "native"];
    if (tag === "SELECT") return [el.multiple || el.size > 1 ? "listbox" : "combobox", "native"];
    if (tag === "BUTTON") return [ROLES.has(said) ? said : "button", "native"];
    if (tag === "A" && (el.hasAttribute("href") || heard.has(el) || el.onclick)) {
      return [ROLES.has(said) ? said : "link", "native"];
    }
    if (tag === "SUMMARY") return ["button", "native"];
    if (el.isContentEditable && !(el.parentElement && el.parentElement.isContentEditable)) return ["textbox", "native"];
    if (ROLES.has(said)) return [said, "role"];
    if (tag === "LABEL" || tag === "BODY" || tag === "HTML" || tag === "FORM") return null;
    if (FRAMES.has(said) || tag === "DIALOG") return null;
    if (heard.has(el) || el.onclick) return ["clickable", "listener"];
    if (el.hasAttribute("tabindex") && el.tabIndex >= 0) return ["clickable", "listener"];
    const parent = el.parentElement;
    if (parent && !(el instanceof SVGElement) && style(el).cursor === "pointer" && style(parent).cursor !== "pointer") {
      return ["clickable", "listener"];
    }
    return null;
  };

  // A page that is just being left or loaded has no body yet, and a picture never has one.
  if (!document.body) return { url: location.pathname, title: document.title, nodes: [], scrolls: [], bare: true };

  const found = new Map();
  const gather = (el) => {
    if (SKIP.has(el.tagName) || outside.includes(el)) return;
    if (visible(el)) {
      const c = control(el);
      if (c) found.set(el, c);
    }
    if (el.tagName === "SELECT") return;
    for (const child of el.children) gather(child);
    if (el.shadowRoot) for (const child of el.shadowRoot.children) gather(child);
  };
  gather(document.body);

  // A container that only listens for its children, and a second control around the same words, are one control.
  const text = (el) => clean(el.innerText === undefined ? el.textContent : el.innerText);
  for (const [el, [, sure]] of Array.from(found)) {
    const inner = Array.from(found.keys()).filter((x) => x !== el && el.contains(x));
    if (!inner.length) continue;
    const twin = inner.find((x) => text(x) === text(el) && !fieldLike(x));
    if (twin) {
      found.delete(sure === "listener" && found.get(twin)[1] !== "listener" ? el : twin);
    } else if (sure === "listener") {
      let own = text(el);
      for (const x of inner) own = own.replace(text(x), "");
      if (!clean(own) || own.length > 200) found.delete(el);
    }
  }

  // Names: what is written on or beside a control. Text used as a name is not listed a second time.
  const used = new Set();
  const take = (node) => { if (node) used.add(node); return node; };
  const holdsControl = (node) => node.nodeType === 1 &&
    (found.has(node) || Array.from(found.keys()).some((x) => node.contains(x)));
  const beside = (el, step) => {
    let node = el[step];
    for (let hops = 0; node && hops < 4; hops++, node = node[step]) {
      if (holdsControl(node)) return "";
      if (node.nodeType === 1 && (SKIP.has(node.tagName) || !visible(node))) continue;
      const words = clean(node.nodeType === 3 ? node.data : node.nodeType === 1 ? text(node) : "");
      if (words) return words.length <= 60 ? (take(node), words) : "";
    }
    return "";
  };
  const nearby = (el, after) => {
    let at = el;
    for (let level = 0; level < 3 && at && at !== document.body; level++, at = at.parentElement) {
      const words = after ? beside(at, "nextSibling") || beside(at, "previousSibling") : beside(at, "previousSibling");
      if (words) return words;
      if (at.parentElement && Array.from(found.keys()).filter((x) => at.parentElement.contains(x)).length > 1) break;
    }
    return "";
  };
  const written = (el) => {
    const ids = clean(el.getAttribute("aria-labelledby"));
    if (ids) {
      const words = clean(ids.split(" ").map((id) => document.getElementById(id)).filter(Boolean).map(text).join(" "));
      if (words) return words;
    }
    return clean(el.getAttribute("aria-label"));
  };
  // A developer's identifier read as words ("answer-input": "answer input"); nothing where it holds no word.
  const asWords = (id) => {
    const words = clean((id || "").replace(/([a-z])([A-Z])/g, "$1 $2").replace(/([a-z0-9])[-_.:]+(?=[a-z0-9])/gi, "$1 "));
    return /[a-z]{3}/i.test(words) || !/[a-z]/i.test(words) ? words : "";
  };
  const fallback = (el) => {
    const img = el.querySelector && el.querySelector("img[alt], svg title");
    const said = clean(el.getAttribute("alt")) || clean(el.getAttribute("title")) ||
      clean(img && (img.getAttribute("alt") || img.textContent));
    return said || [el.getAttribute("name"), el.id, String(el.getAttribute("class") || "").split(/\s+/)[0]]
      .map(asWords).find(Boolean) || "";
  };
  const nameOf = (el, role) => {
    const said = written(el);
    if (said) return said;
    if (fieldLike(el) && role !== "button") {
      for (const label of el.labels || []) {
        const words = clean(Array.from(label.childNodes).filter((n) => n !== el && !holdsControl(n))
          .map((n) => n.nodeType === 3 ? n.data : n.textContent).join(" "));
        if (words) { take(label); return words; }
      }
      return clean(el.getAttribute("placeholder")) || nearby(el, role === "checkbox" || role === "radio") || fallback(el);
    }
    if (el.tagName === "INPUT") return clean(el.value) || fallback(el);
    return role === "textbox" ? nearby(el, false) || fallback(el) : text(el) || fallback(el);
  };

  const valueOf = (el) => {
    if (el.tagName === "SELECT") return Array.from(el.selectedOptions).map((o) => clean(o.label || o.text)).join(", ");
    if (fieldLike(el)) return el.value;
    return el.isContentEditable ? text(el) : null;
  };
  const flag = (el, name) => el.hasAttribute(name) ? el.getAttribute(name) === "true" : null;
  const SUBMIT = /^(submit|ok|okay|send|save|log ?in|sign ?(in|up)|search|go|continue|confirm|book|buy|order|post|apply|finish|done|register|checkout|update)\b/i;
  const describe = (el, depth) => {
    const [role] = found.get(el);
    if (!table.ids.has(el)) table.ids.set(el, table.next++);
    const ref = table.ids.get(el);
    table.byId.set(ref, el);
    const value = valueOf(el);
    const ticks = /^(checkbox|radio)$/.test(el.type || "");
    const state = value === null ? null : ticks ? String(el.checked) : String(value);
    if (state !== null && !table.first.has(el)) table.first.set(el, state);
    const disabled = Boolean(el.disabled) || flag(el, "aria-disabled") === true;
    const locked = disabled || Boolean(el.readOnly);
    const editable = !locked && (role === "textbox" || role === "searchbox" || role === "spinbutton" || role === "slider" ||
      (role === "combobox" && el.tagName === "INPUT"));
    const isSelect = el.tagName === "SELECT";
    const can = [];
    if (!disabled && !isSelect) can.push("click");
    if (editable && (fieldLike(el) || el.isContentEditable)) can.push("fill");
    if (!disabled && isSelect) can.push("select");
    const name = nameOf(el, role);
    const scope = el.closest("form, dialog, [role=dialog], fieldset");
    return {
      ref, role, name, depth, can, disabled,
      value: ticks || role === "button" ? null : value,
      checked: ticks ? el.checked : flag(el, "aria-checked"),
      selected: flag(el, "aria-selected"), expanded: flag(el, "aria-expanded"),
      options: isSelect ? Array.from(el.options).map((o) => clean(o.label || o.text)) : [],
      touched: state !== null && state !== table.first.get(el),
      kind: el.tagName === "INPUT" || el.tagName === "BUTTON" ? String(el.type) : "",
      group: el.type === "radio" ? el.name || "radio" : "",
      scope: scope ? (table.ids.has(scope) ? table.ids.get(scope) : (table.ids.set(scope, table.next++), table.ids.get(scope))) : 0,
      submits: (role === "button" || el.tagName === "BUTTON" || role === "clickable") && !disabled && (el.type === "submit" && Boolean(el.form) || SUBMIT.test(name)),
      focused: document.activeElement === el,
    };
  };

  // Where something stands: in a dialog or a message, and in which row of which list of rows alike.
  const DIALOG = "dialog[open], [role=dialog], [role=alertdialog], [aria-modal=true]";
  const MESSAGE = "[role=alert], [role=status], [aria-live=assertive], [aria-live=polite]";
  const within = (el) => el.closest(DIALOG) ? "dialog" : el.closest(MESSAGE) ? "alert" : "";
  const ROWS = 4;
  const alikeIn = new Map();
  const number = (el) => {
    if (!table.lists.has(el)) table.lists.set(el, table.nextList++);
    return table.lists.get(el);
  };
  const placeIn = (parent) => {
    if (!alikeIn.has(parent)) {
      const kinds = new Map();
      for (const child of parent.children) {
        const sort = child.tagName + "." + String(child.getAttribute("class") || "").split(/\s+/)[0];
        if (!kinds.has(sort)) kinds.set(sort, []);
        kinds.get(sort).push(child);
      }
      const places = new Map();
      for (const mine of kinds.values()) if (mine.length >= ROWS) mine.forEach((c, n) => places.set(c, [n + 1, mine.length]));
      alikeIn.set(parent, places);
    }
    return alikeIn.get(parent);
  };
  const rowOf = (el) => {
    let found = null;
    for (let at = el; at && at.parentElement && at !== document.body; at = at.parentElement) {
      const place = placeIn(at.parentElement).get(at);
      if (place) found = { rows: number(at.parentElement), row: place[0], of: place[1] };
    }
    return found || { rows: 0, row: 0, of: 0 };
  };
  const where = (el) => ({ within: within(el), ...rowOf(el) });

  const nodes = [];
  const described = new Map();
  for (const el of found.keys()) described.set(el, describe(el, 0));
  // Controls of one name in rows of their own are told apart by what else their row says.
  const alike = new Map();
  for (const [el, d] of described) alike.set(d.name, [...(alike.get(d.name) || []), el]);
  for (const [el, d] of described) {
    const others = alike.get(d.name).filter((x) => x !== el);
    if (!others.length) continue;
    let row = el;
    while (row.parentElement && row.parentElement !== document.body && !others.some((x) => row.parentElement.contains(x))) {
      row = row.parentElement;
    }
    if (row === el) continue;
    const own = text(el);
    const said = text(row);
    d.context = (own ? clean(said.replace(own, " ")) : said).slice(0, 60);
  }
  let words = [];
  let depthNow = 0;
  let holderNow = document.body;
  const flush = () => {
    const line = clean(words.join(" "));
    words = [];
    if (line) nodes.push({ role: "text", name: line, depth: depthNow, ...where(holderNow) });
  };
  const walk = (node, depth, inControl) => {
    if (node.nodeType === 3) {
      if (!inControl && !used.has(node) && clean(node.data)) {
        depthNow = depth;
        holderNow = node.parentElement || holderNow;
        words.push(node.data);
      }
      return;
    }
    if (node.nodeType !== 1 || SKIP.has(node.tagName) || outside.includes(node)) return;
    const s = style(node);
    if (s.display === "none") return;
    const hidden = s.visibility !== "visible";
    const mine = described.get(node);
    if (mine) { flush(); nodes.push({ ...mine, depth, ...where(node) }); }
    const block = BLOCK.test(s.display);
    if (block) flush();
    const heading = /^H[1-6]$/.test(node.tagName) && !mine;
    const before = nodes.length;
    if (!used.has(node) || holdsControl(node)) {
      const silent = inControl || Boolean(mine) || used.has(node) || hidden;
      if (node.tagName !== "SELECT" && node.tagName !== "TEXTAREA") {
        for (const child of node.childNodes) walk(child, depth + (block || mine ? 1 : 0), silent);
        if (node.shadowRoot) for (const child of node.shadowRoot.childNodes) walk(child, depth + 1, silent);
      }
    }
    if (node.tagName === "IMG" && !mine && clean(node.alt)) words.push(node.alt);
    if (block) flush();
    if (heading) for (const n of nodes.slice(before)) if (n.role === "text") n.role = "heading";
    if (s.display === "table-cell" || node.tagName === "TD") {
      for (const n of nodes.slice(before)) if (n.role === "text") n.cell = true;
    }
  };
  walk(document.body, 0, false);
  flush();

  const scrolls = [];
  for (const el of [document.scrollingElement, ...document.body.querySelectorAll("*")]) {
    if (!el || outside.some((o) => o === el || o.contains(el))) continue;
    if (el.scrollTop > 0 || (el.scrollHeight > el.clientHeight + 4 && el.clientHeight > 0 &&
        (el === document.scrollingElement || /auto|scroll/.test(style(el).overflowY)))) {
      scrolls.push([Math.round(el.scrollTop), el.scrollHeight, el.clientHeight]);
    }
  }
  return { url: location.pathname, title: document.title, nodes, scrolls };
}
