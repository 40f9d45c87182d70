// What the page puts before our modules: onnxruntime-web in the worker, and the two explorers in the page.
declare const runtime: any;
interface ExplorerModule {
  draw(given: { model: any; el: HTMLElement }): () => void;
  stillModel(traits: Record<string, unknown>): any;
  fitFrame(shown: HTMLElement): void;
}
declare const spanExplorer: ExplorerModule;
declare const noAnswerExplorer: ExplorerModule;
