// Browsers start no worker from a page that was opened from a folder. The search of the manual then runs in a hidden frame instead, which
// takes and gives messages as a worker does; what runs there looks for the name IFrameWorker. Over http nothing of this is used.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      const inside = frame.contentWindow;
      const script = address =>
        new Promise((done, failed) => {
          const tag = frame.contentDocument.createElement("script");
          tag.onload = done;
          tag.onerror = failed;
          tag.src = address;
          frame.contentDocument.body.appendChild(tag);
        });
      inside.importScripts = (...urls) => urls.reduce((before, next) => before.then(() => script(next)), Promise.resolve());
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }));
      this.send = data => inside.dispatchEvent(new MessageEvent("message", { data }));
      this.ready = script(new URL(url, location.href).href);
      this.frame = frame;
    }
    postMessage(data) {
      this.ready.then(() => this.send(data));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
