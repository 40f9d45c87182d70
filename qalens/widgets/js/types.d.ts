// The JSON that Python sends to explorers, and what their modules hand each other. For the type checker only.

import type { Trace } from "./explorers/layer_explorer.js";
import type { Comparison } from "./pictures/comparison.js";
import type { Prose } from "./pictures/prose.js";
import type { Spans } from "./pictures/spans.js";
import type { Ui } from "./ui.js";
import type { Words } from "./words.js";

// --- texts and elements -----------------------------------------------------------------------------------------------

/** A stretch of a text as [start, end) in code points. */
export type Stretch = [number, number];

/** The characters of a side of a contrast; nothing for no answer. */
export type Side = Stretch | [];

export type Tag = keyof HTMLElementTagNameMap;
export type Attributes = Record<string, string | number | boolean | null | undefined>;

/** What can be put into an element; null, undefined and false are left out. */
export type Child = string | number | boolean | null | undefined | Node | Child[];

/** A part as Python made it: a text, or an element, of which the tag "" has only children. */
export type PartNode = string | [tag: Tag | "", attributes: Attributes, ...children: PartNode[]];

/** What listeners hear, by the name of the event. */
export interface Heard extends Omit<HTMLElementEventMap, "input">, WindowEventHandlersEventMap {
  input: InputEvent;
}

/** An element, a window or a media query. */
export interface Listening {
  addEventListener(type: string, heard: any, options: AddEventListenerOptions): void;
}

/** CSS colours by the names of `display.style.PALETTE`. */
export type Colours = Record<string, string>;

export type Context = CanvasRenderingContext2D;
export type Paint = (context: Context, width: number, height: number, colours: Colours) => void;

/** A canvas that is as wide as its place. */
export interface Canvas {
  el: HTMLCanvasElement;
  draw: () => void;
  readonly width: number;
  resize(pixels: number): void;
}

export interface ButtonOptions {
  pressed?: boolean | null;
  name?: string | null;
  small?: boolean;
  disabled?: boolean;
}

export interface SliderOptions {
  label: string;
  min: number;
  max: number;
  step: number;
  page?: number;
  value: number;
  text?: (value: number) => string;
  input: (value: number) => void;
  share?: () => number;
}

/** What is done in a list of items, by their number. */
export interface Roving {
  horizontal?: boolean;
  move?: (at: number) => void;
  press?: (at: number) => void;
}

/** A part of an explorer that may have nothing to show. */
export interface Part {
  el: HTMLElement | null;
  show(): void;
}

// --- widgets ----------------------------------------------------------------------------------------------------------

/** A widget's traits, in a notebook or in a page without a kernel. */
export interface Model {
  still?: boolean;
  widget_manager?: any;
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: { do: string }): void;
  on(event: string, heard: (...what: any[]) => void): void;
  off(event: string, heard: (...what: any[]) => void): void;
}

/** How reading along is: `share` of it is done, where that is known. */
export interface Status {
  state: "idle" | "reading" | "stopped" | "failed";
  words: string;
  share: number | null;
}

/** How a computation is: `done` says how far. */
export interface Computing {
  state: "idle" | "computing" | "cancelled" | "failed";
  words: string;
  done?: string;
}

/** One widget as in the metadata of a saved notebook. */
export interface SavedWidget {
  model_name?: string;
  state: Record<string, any>;
}

/** A line as its pieces, and whether each is quoted. */
export type Line = [string, boolean][];

/** What was asked and said, from `head_view`. */
export interface Head {
  asked: string;
  said: Line;
  number: string;
  tone: string;
  notes: Line[];
  below: Line[];
}

// --- pictures ---------------------------------------------------------------------------------------------------------

/** What `Prose` is made of. */
export interface ProseOptions {
  text: string | Words;
  begin: ArrayLike<number>;
  end: ArrayLike<number>;
  label: string;
  describe?: (token: number) => string;
  hover?: (token: number | null) => void;
  pick?: (first: number, last: number) => void;
  move?: (token: number) => void;
  key?: (event: KeyboardEvent, token: number) => boolean;
  tall?: number;
}

/** Some pieces of a text that are laid out together, from `low` up to `high`; `live` where they are elements. */
export interface Block {
  low: number;
  high: number;
  el: HTMLElement;
  live: boolean;
}

/** An element of a piece, with what it was painted by and what was said of it. */
export interface Piece extends HTMLElement {
  qlKey?: string;
  qlSaid?: ArrayLike<number>;
}

/** A span of the distribution: its first and last token, and the window in which it has its score. */
export interface Span {
  i: number;
  j: number;
  score: number;
  window: number;
}

/** Some tokens from `i` to `j` that are no span of the distribution. */
export interface NoSpan {
  i: number;
  j: number;
  score?: undefined;
  window?: undefined;
}

export type Run = Span | NoSpan;

/** The tokens of a window from `first` up to `last`; token t has its logits at `start` + t and `end` + t. */
export interface SpanWindow {
  first: number;
  last: number;
  start: number;
  end: number;
}

// --- views of Python --------------------------------------------------------------------------------------------------

/** A span from `span_view`. */
export interface Answer {
  text: string;
  span: Stretch;
  p: number;
  score: number | null;
  window: number;
}

/** One reading, from `span_view`. */
export interface SpanView {
  head: Head;
  context: string;
  answer: Answer | null;
  best: Answer | null;
  rival: Answer | null;
  none: number;
  longest: number;
  log_normalizer: number;
  log_total: number | null;
  null: { start: number | null; end: number | null } | null;
  windows: [first: number, count: number][];
  documents: { places: [string, Stretch][]; list: PartNode[]; picks: (Stretch | null)[] } | null;
  ranking: PartNode[];
  picks: Stretch[];
  below: PartNode[];
  numbers: [number, number, number][];
  set: string | null;
}

/** What is pointed at in a reading: a token, or a span. */
export type SpanHover = { token: number; span?: undefined } | { token?: undefined; span: Run };

/** What the parts of a SpanExplorer share. */
export interface SpanState {
  ui: Ui;
  view: SpanView;
  spans: Spans;
  hover: SpanHover | null;
  share(): number;
  probability(span: Span): number;
  chosen(): { range: Stretch; span: Span | null } | null;
  meant(token: number): Run | null;
  select(span: Run | null): void;
  point(hover: SpanHover | null): void;
  follow(token: number): void;
  reveal(token: number): void;
}

/** One window of a reading alone, from `no_answer_view`. */
export interface MarginWindow {
  null: number | null;
  score: number | null;
  best: string | null;
  none: number;
  held: Stretch | null;
  document: string | null;
}

/** One reading, from `no_answer_view`; of one that failed only `question` and `error`. */
export interface MarginReading {
  question: string;
  error?: string;
  best: string | null;
  score: number | null;
  null: number | null;
  margin: number | null;
  p: number | null;
  none: number;
  golds: string[] | null;
  f1: number | null;
  /** Where it answers; null where no gold is known. */
  outcome: Outcome | null;
  rule: "min" | "max" | "mean";
  windows: MarginWindow[];
}

/** The figures by threshold; `places` are the thresholds as numbers, once they were needed. */
export interface Curve {
  threshold: (number | null)[];
  exact: (number | null)[];
  f1: (number | null)[];
  has_answer_f1: (number | null)[];
  no_answer: (number | null)[];
  answered: number[];
  best: { threshold: number | null; f1: number };
  places?: Float64Array;
}

export interface NoAnswerView {
  readings: MarginReading[];
  curve: Curve | null;
  heads: Head[] | null;
  promise: { threshold: number | null; said: string } | null;
}

/** What the parts of a NoAnswerExplorer share; `from` is the threshold before the last move. */
export interface NoAnswerState {
  ui: Ui;
  view: NoAnswerView;
  readings: MarginReading[];
  many: boolean;
  from: number;
  answers(reading: MarginReading, threshold?: number): boolean;
}

/** One window whose tokens are drawn layer by layer, from `trace_view`; `at` is where its numbers begin. */
export interface TraceWindow {
  number: number;
  length: number;
  place: number;
  first: number;
  count: number;
  asked: Stretch;
  others: Record<string, string>;
  at: number;
}

export interface TraceView {
  head: Head;
  context: string;
  answered: boolean;
  best: Stretch | null;
  text: string | null;
  layers: { name: string; answered: boolean; span: Stretch | null }[];
  table: PartNode[];
  windows: Omit<TraceWindow, "at">[];
  many: number;
}

/** What the parts of a LayerExplorer share; `pointed` is the place in the window that is looked at. */
export interface TraceState {
  ui: Ui;
  trace: Trace;
  pointed: number | null;
  point(place: number | null, layer?: number): void;
}

/** A map of heads, from `heads_entry`. */
export interface HeadsEntry {
  target: string;
  by: "zero" | "mean";
  words: string;
  amount: number | null;
  change: (number | null)[][];
  most: number;
  digits: number;
  strongest: [layer: number, head: number, change: number][];
}

export type SideName = "question" | "context";
export type Unit = "word" | "token";

/** The values of the question or of the text. */
export interface ValuedSide {
  first: number;
  value: (number | null)[];
  word: number[];
  word_value: (number | null)[];
}

/** One attribution, from `attribution_entry`. */
export interface AttributionEntry {
  target: string;
  span: Side;
  rival: Side;
  method: string;
  baseline: string | null;
  words: string;
  sentence: string;
  how: string;
  note: string;
  amount: number | null;
  question: ValuedSide;
  context: ValuedSide;
  sums: Record<SideName, string>;
  most: Record<Unit, number>;
  digits: Record<Unit, number>;
  legend: Record<Unit, PartNode>;
  warnings: PartNode[];
  strongest: PartNode[];
  picks: [SideName, number][];
  evidence: PartNode[];
}

/** A reading before anything is explained, from `reading_view`. */
export interface WhyView {
  question: string;
  context: string;
  head: Head;
  best: Stretch | null;
  none: number;
  asked: { begin: number[]; end: number[] };
  spans: { span: Stretch; text: string; p: number }[];
}

/** The texts of an AttributionExplorer. */
export type ProseSides = Record<SideName, { prose: Prose }>;

/** What would change a decision, from `change_entry`. */
export type ChangeEntry = {
  sentence: string;
  note: string;
} & (
  | { kind: "flip"; spans: Stretch[]; after: PartNode[] }
  | { kind: "fewest"; spans: Stretch[]; after?: undefined }
  | SentencesEntry
);

export interface SentencesEntry {
  kind: "sentences";
  spans?: undefined;
  table: PartNode[];
  picks: Stretch[];
  adds: (number | null)[];
}

/** A reading, from `decision_view`. */
export interface ChangeView {
  head: Head;
  context: string;
  answered: boolean;
  best: Stretch | null;
}

/** A failing case, from `behavior_view`. */
export interface BehaviorCase {
  test: string;
  capability: string;
  kind: string;
  question: string;
  text: string;
  expected: string;
  answer: string | null;
  span: Stretch | null;
  before: { question: string; text: string; answer: string | null; read: boolean } | null;
}

export interface BehaviorView {
  head: PartNode[];
  grid: PartNode[];
  kinds: string[];
  capabilities: string[];
  tests: [string, string][][][];
  cases: BehaviorCase[];
}

export type Outcome =
  | "right span"
  | "wrong edges"
  | "wrong span"
  | "false answer"
  | "false no-answer"
  | "right no-answer"
  | "not scored";

/** A question of a data set, from `dataset_view`; `text` is the number of its text. */
export interface DatasetRow {
  question: string;
  answer: string | null;
  best: Stretch | null;
  golds: string[] | null;
  gold_spans: Stretch[];
  outcome: Outcome;
  cause: string | null;
  f1: number | null;
  margin: number | null;
  score: number | null;
  probability: number | null;
  place: number | null;
  length: number;
  document: string | null;
  error: string | null;
  text: number | null;
}

export interface DatasetView {
  rows: DatasetRow[];
  texts: string[];
  outcomes: Outcome[];
  sorts: string[];
  slices: Record<string, (string | null)[]>;
}

/** A column of the list of questions. */
export interface DatasetColumn {
  name: string;
  sort?: string;
  wide: string;
  number?: boolean;
  late?: boolean;
  known?: (row: DatasetRow) => boolean;
  cell: (row: DatasetRow) => HTMLElement;
}

/** What the parts of a DatasetExplorer share; `numbers` are those of the rows that are listed. */
export interface DatasetState {
  ui: Ui;
  view: DatasetView;
  rows: DatasetRow[];
  page: number;
  folded: string[];
  columns: DatasetColumn[];
  numbers: number[];
}

/** A reading of a comparison. */
export interface CompareSide {
  head: Head;
  none: number;
  model: string | null;
  margin: number | null;
  threshold: number | null;
  sentence: string;
}

/** A span of either of two readings. */
export interface CompareRow {
  text: string;
  p: [number | null, number | null];
  after: Stretch | null;
  ranges: Stretch[];
  answer: [boolean, boolean];
}

export type StretchKind = "kept" | "gone" | "new";

/** The texts of two readings as one flow, from `compare_view`. */
export interface Picture {
  text: string;
  stretches: [StretchKind, number, number][];
  labels: [string, string];
  sides: [CompareSide, CompareSide];
  became: string;
  none: number;
  distance: number;
  gone: number;
  new: number;
  spans: CompareRow[];
}

/** What is pointed at in a comparison: a span, or a word. */
export type CompareHover = { row: CompareRow; word?: undefined } | { row?: undefined; word: number };

/** What the parts of a CompareExplorer share; `text` is drawn anew with every picture. */
export interface CompareState {
  ui: Ui;
  data: Comparison;
  hover: CompareHover | null;
  text?: { prose: Prose; parts: Child[]; point(): void };
  select(range: Stretch | null): void;
  point(hover: CompareHover | null): void;
  follow(place: number): void;
}
