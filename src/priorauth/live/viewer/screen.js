// The canvas: paints frames, and turns what mouse and fingers do on it into places of the portal's page.

export const APPLE = /Mac|iPhone|iPad/.test(navigator.platform);
const BUTTONS = ["left", "middle", "right", "back", "forward"];
const TAP_DISTANCE = 10;
const LONG_PRESS = 550;

export function modifiersOf(event) {
  // The key that writes a third character of a key is no shortcut, though Windows says Ctrl and Alt.
  if (event.getModifierState && event.getModifierState("AltGraph")) return event.shiftKey ? 8 : 0;
  // Nor is Option on an Apple keyboard, where it writes the character that the key has with it.
  const writes = APPLE && event.altKey && !event.ctrlKey && !event.metaKey && event.key && [...event.key].length === 1;
  if (writes) return event.shiftKey ? 8 : 0;
  return (event.altKey ? 1 : 0) | (event.ctrlKey ? 2 : 0) | (event.metaKey ? 4 : 0) | (event.shiftKey ? 8 : 0);
}

export class Screen {
  // `may`: whether input is taken now; `touched`: a press has begun.
  constructor({ canvas, stage, send, may, touched }) {
    Object.assign(this, { canvas, stage, send, may, touched });
    this.paint = canvas.getContext("2d", { alpha: false });
    this.tab = 0;
    this.width = canvas.width;
    this.height = canvas.height;
    this.newest = 0;
    this.move = null;
    this.finger = null;
    this.lastTap = { at: 0, x: 0, y: 0 };
    new ResizeObserver(() => this.fit()).observe(stage);
    this.listen();
    this.fit();
  }

  async show(frame) {
    this.newest = frame.sequence;
    let picture = null;
    try {
      picture = await createImageBitmap(frame.jpeg);
    } catch {
      // A frame that cannot be read is skipped; the next one comes all the same.
    }
    if (picture && frame.sequence === this.newest) {
      if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) {
        this.canvas.width = picture.width;
        this.canvas.height = picture.height;
      }
      this.paint.drawImage(picture, 0, 0);
      const resized = frame.width !== this.width || frame.height !== this.height;
      Object.assign(this, { tab: frame.tab, width: frame.width, height: frame.height });
      if (resized) this.fit();
      this.canvas.dataset.frame = frame.sequence;
    }
    if (picture) picture.close();
    this.send({ type: "ack", frame: frame.sequence });
  }

  clear() {
    this.paint.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  fit() {
    const room = this.stage.getBoundingClientRect();
    this.scale = Math.min(room.width / this.width, room.height / this.height) || 1;
    const style = this.canvas.style;
    style.width = `${this.width * this.scale}px`;
    style.height = `${this.height * this.scale}px`;
    this.left = Math.max(0, (room.width - this.width * this.scale) / 2);
    style.left = `${this.left}px`;
    style.top = "0";
    this.stage.dispatchEvent(new Event("fitted"));
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) * this.width) / box.width;
    const y = ((event.clientY - box.top) * this.height) / box.height;
    return {
      tab: this.tab,
      x: Math.round(Math.min(Math.max(x, 0), this.width - 1) * 10) / 10,
      y: Math.round(Math.min(Math.max(y, 0), this.height - 1) * 10) / 10,
    };
  }

  listen() {
    const on = (name, handler) => this.canvas.addEventListener(name, handler, { passive: false });
    on("mousedown", (event) => this.press(event, "down"));
    on("mouseup", (event) => this.press(event, "up"));
    on("mousemove", (event) => this.moved(event));
    on("wheel", (event) => this.wheel(event));
    on("contextmenu", (event) => event.preventDefault());
    on("pointerdown", (event) => this.fingerDown(event));
    on("pointermove", (event) => this.fingerMoved(event));
    on("pointerup", (event) => this.fingerUp(event));
    on("pointercancel", () => (this.finger = null));
  }

  press(event, motion) {
    event.preventDefault();
    if (motion === "down") this.touched(event);
    if (!this.may() || !BUTTONS[event.button]) return;
    this.flush();
    this.send({
      type: "pointer", motion, ...this.place(event), button: BUTTONS[event.button], buttons: event.buttons & 31,
      clicks: Math.min(event.detail || 1, 3), modifiers: modifiersOf(event),
    });
  }

  // Moves go out once a picture at most, and always before what follows them.
  moved(event) {
    if (!this.may()) return;
    if (this.move === null) requestAnimationFrame(() => this.flush());
    this.move = { type: "pointer", motion: "move", ...this.place(event), buttons: event.buttons & 31, modifiers: modifiersOf(event) };
  }

  flush() {
    if (this.move !== null) this.send(this.move);
    this.move = null;
  }

  wheel(event) {
    event.preventDefault();
    if (!this.may()) return;
    this.flush();
    const unit = event.deltaMode === 1 ? 40 : event.deltaMode === 2 ? this.height : 1;
    this.send({ type: "wheel", ...this.place(event), dx: event.deltaX * unit, dy: event.deltaY * unit, modifiers: modifiersOf(event) });
  }

  // A finger on a page that was made for a mouse: a tap clicks, a long press is the right button, a stroke scrolls.
  fingerDown(event) {
    if (event.pointerType !== "touch") {
      this.canvas.setPointerCapture(event.pointerId);
      return;
    }
    event.preventDefault();
    this.touched(event);
    this.finger = event.isPrimary ? { id: event.pointerId, from: event, last: event, at: event.timeStamp, scrolls: false } : null;
  }

  fingerMoved(event) {
    const finger = this.finger;
    if (!finger || event.pointerId !== finger.id) return;
    finger.scrolls ||= Math.hypot(event.clientX - finger.from.clientX, event.clientY - finger.from.clientY) > TAP_DISTANCE;
    if (!finger.scrolls || !this.may()) return;
    const [here, before] = [this.place(event), this.place(finger.last)];
    finger.last = event;
    this.send({ type: "wheel", ...this.place(finger.from), dx: before.x - here.x, dy: before.y - here.y });
  }

  fingerUp(event) {
    const finger = this.finger;
    this.finger = null;
    if (!finger || event.pointerId !== finger.id || finger.scrolls || !this.may()) return;
    event.preventDefault();
    const at = this.place(finger.from);
    const button = event.timeStamp - finger.at > LONG_PRESS ? "right" : "left";
    const again = event.timeStamp - this.lastTap.at < 350 && Math.hypot(at.x - this.lastTap.x, at.y - this.lastTap.y) < 30;
    const clicks = again && button === "left" ? 2 : 1;
    this.lastTap = { at: clicks === 2 ? 0 : event.timeStamp, x: at.x, y: at.y };
    this.send({ type: "pointer", motion: "move", ...at });
    this.send({ type: "pointer", motion: "down", ...at, button, buttons: button === "left" ? 1 : 2, clicks });
    this.send({ type: "pointer", motion: "up", ...at, button, clicks });
  }
}
