// The way to the server: one socket at a time, each opened by a ticket that opens nothing else; it comes back by itself.

const ENDINGS = { 4001: "expired", 4002: "revoked", 4003: "lost", 1008: "refused" };
const TRIES = 12;

export class Connection {
  // `told` has: open(), text(message), frame(...), piece(id, bytes), broken(), ended(reason).
  constructor(ticket, told) {
    this.ticket = ticket;
    this.told = told;
    this.tries = 0;
    this.over = false;
    this.connect();
  }

  connect() {
    this.over = false;
    this.saidGoodbye = false;
    const address = new URL("live/socket", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.hash = "";
    const socket = new WebSocket(address, ["priorauth.live.v1", `ticket.${this.ticket}`]);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onmessage = (event) => {
      if (socket === this.socket) this.take(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code);
    };
  }

  take(data) {
    if (typeof data !== "string") {
      const head = new DataView(data);
      if (head.getUint8(0) === 2) this.told.piece(head.getUint32(1), data.slice(5));
      else if (head.getUint8(0) === 1) {
        this.told.frame({
          sequence: head.getUint32(1), tab: head.getUint32(5), width: head.getUint16(9), height: head.getUint16(11),
          jpeg: new Blob([new Uint8Array(data, 13)], { type: "image/jpeg" }),
        });
      }
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "view") {
      this.tries = 0;
      if (message.nextTicket) this.ticket = message.nextTicket;
    }
    if (message.type === "end") this.saidGoodbye = true;
    this.told.text(message);
  }

  closed(code) {
    this.socket = null;
    if (this.over) return;
    if (ENDINGS[code]) this.end(ENDINGS[code]);
    else if (this.saidGoodbye) this.end("revoked");
    else if (++this.tries > TRIES) this.end("unreachable");
    else {
      this.told.broken();
      const wait = Math.min(8000, 250 * 2 ** (this.tries - 1)) * (0.75 + Math.random() / 2);
      setTimeout(() => this.socket || this.over || this.connect(), wait);
    }
  }

  end(reason) {
    this.over = true;
    this.told.ended(reason);
  }

  // A fresh grant: it goes on with this connection, or starts another one where this one has ended.
  renew(ticket) {
    if (this.isOpen) this.send({ type: "renew", ticket });
    else {
      this.ticket = ticket;
      this.tries = 0;
      if (!this.socket) this.connect();
    }
  }

  get isOpen() {
    return this.socket !== null && this.socket.readyState === WebSocket.OPEN;
  }

  // Comes back by itself.
  drop() {
    if (this.socket !== null) this.socket.close();
  }

  get buffered() {
    return this.socket === null ? 0 : this.socket.bufferedAmount;
  }

  send(message) {
    if (this.isOpen) this.socket.send(message instanceof ArrayBuffer ? message : JSON.stringify(message));
  }
}
